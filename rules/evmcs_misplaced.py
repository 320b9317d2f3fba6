"""Code of the enlightened VMCS stands among that of the run path or of the VMCS in hardware.

What: functions that find a field of the enlightened VMCS by its offset, or a table of such offsets,
in the file that the VM-entry leads through, in the header with the VMREAD and VMWRITE instructions,
or in the file that defines the vCPU; the table also in any other C file with accesses to the VMCS.
The enlightened VMCS is a page of memory in a format of the hypervisor below, to be read and written
instead of VMREAD and VMWRITE.

Why it costs: no cycles of the CPU; this is about layout. It is another format with its own rules
(offsets, groups of clean fields, controls that it lacks), and nested VMX, which offers the same
format to its guests, needs the same code. KVM's changelog moved the accessors to the header of the
enlightened VMCS and its array to a C file "to prepare for multiple consumers".

Instead: keep offsets, clean fields and accessors in a header of their own and the table in a C file
beside it; the run path calls the accessors behind its static key.

    before (vmx.c)                                  after (evmcs.h)
    u32 evmcs_read32(unsigned long field)           static inline u32 evmcs_read32(...)
    {                                               {
        return *(u32 *)((char *)evmcs + offset);        return *(u32 *)((char *)evmcs + offset);
    }                                               }
    int vmx_vcpu_run(...)                           /* vmx.c: #include "evmcs.h" */

Not reported: callers of the accessors, tests of the static key, single fields by their name, stubs
for builds without support; nested VMX that copies a guest's enlightened VMCS in its own file.

False alarms: a hypervisor so small that one file is all there is to it.

Misses: hypervisors whose dialect does not name the struct; accessors that keep its address in a
variable of another type.

How to measure: nothing to measure with perf kvm stat or kvm-unit-tests; the object code is the same
before and after.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from vmxlint.facts import Expr, Table
from vmxlint.flow.routine import Routine
from vmxlint.hits import Hit, Spot
from vmxlint.program import Program
from vmxlint.questions.layout import Layout, expressions, offset_of

ID = "VMX501"
SEVERITY = "note"
TIER = "default"

LEAST_ROWS = 8


def check(program: Program) -> Iterator[Hit]:
    """Each mixed file with accessors or a table of the enlightened VMCS, at the first of them."""
    marks = program.dialect.enlightened_vmcs
    pointers = set(_pointers(program, marks))
    layout = program.shared(Layout)
    tables = [one for one in layout.offset_tables(LEAST_ROWS) if one[2] in marks]
    mixed = {one.path: layout.purpose(one.path) for one in program.files}
    mixed |= {path: layout.work(path) for path, _, _ in tables if not mixed[path]}
    for path, found in _by_file(program, tables, marks, pointers, mixed).items():
        if what := mixed[path]:
            yield _hit(path, what, sorted(found, key=lambda one: one[0].start))


def _pointers(program: Program, marks: frozenset[str]) -> Iterator[str]:
    """The macros, functions and members that give the address of the enlightened VMCS."""
    cast = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(marks)))})\s*\*") if marks else None
    for one in program.files if cast else ():
        yield from (macro.name for macro in one.macros if cast and cast.search(macro.body))
        yield from (function.name for function in one.functions if function.type in marks)
        for struct in one.structs:
            yield from (member.name for member in struct.members if member.type in marks)


def _by_file(
    program: Program,
    tables: Iterable[tuple[str, Table, str]],
    marks: frozenset[str],
    pointers: set[str],
    mixed: Mapping[str, str],
) -> dict[str, list[tuple[Spot, str]]]:
    """Of each file: its macros for and tables of offsets, and if it is mixed its accessors, under
    their names."""
    found: dict[str, list[tuple[Spot, str]]] = {}
    for path, table, _ in tables:
        where = Spot(path, table.start, table.start + len(table.name))
        found.setdefault(path, []).append((where, f"'{table.name}'"))
    for one in program.files:
        for macro in one.macros:
            if offset_of(macro) in marks:
                end = macro.start + len("#define ") + len(macro.name)
                where = Spot(one.path, macro.start, end)
                found.setdefault(one.path, []).append((where, macro.name))
    for routine in program.linker.mentions.naming_any(marks | pointers):
        if mixed[routine.path] and _is_accessor(program, routine, marks, pointers):
            start, name = routine.function.start, routine.name
            where = Spot(routine.path, start, start + len(name), name)
            found.setdefault(routine.path, []).append((where, f"{name}()"))
    return found


def _is_accessor(
    program: Program, routine: Routine, marks: frozenset[str], pointers: set[str]
) -> bool:
    """Whether a function computes addresses in the enlightened VMCS."""
    return routine.function.origin == "function" and any(
        _points(program, side.kids[0], routine, marks, pointers)
        for expr in expressions(routine)
        if expr.kind == "index" or (expr.kind == "binary" and expr.text in ("+", "-"))
        for side in expr.kids
        if side.kind == "cast" and side.kids
    )


def _points(
    program: Program, expr: Expr, routine: Routine, marks: frozenset[str], pointers: set[str]
) -> bool:
    """Whether an expression is the address of the enlightened VMCS."""
    match expr:
        case Expr("cast", text, (inner,)):
            named = text.removeprefix("struct ") in marks
            return named or _points(program, inner, routine, marks, pointers)
        case Expr("call", _, (Expr("name", name), *_)):
            return name in pointers
        case Expr("name"):
            return routine.type_of(expr) in marks
        case Expr("member"):
            place = program.structs.place(expr, routine)
            return place is not None and place.member.type in marks
    return False


def _hit(path: str, what: str, found: list[tuple[Spot, str]]) -> Hit:
    (first, name), *others = found
    return Hit(
        first,
        f"{name} is for the enlightened VMCS and its offsets, and stands in '{path}', {what}",
        "another format, with rules of its own",
        f"keep it in files of its own, which nested VMX can use too; vmxlint rule {ID}",
        (),
        (),
        "VM-entry",
        tuple((where, f"{other} belongs there too") for where, other in others),
    )
