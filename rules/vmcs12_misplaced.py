"""The layout of vmcs12 stands in the file of the run path.

What: the struct in which nested VMX keeps the VMCS that a guest hypervisor made for its own guest
(vmcs12), or the table that finds its members by the encoding of a VMCS field, is defined in a C
file that the VM-entry leads through, or that reads and writes the VMCS.

Why it costs: no cycles of the CPU; this is about layout. The format of vmcs12 is an interface: it
is migrated, so its offsets must not change, and its table follows the encodings of the SDM and
nothing else. Between handlers and run path it hides both, and nested VMX cannot be moved to a file
of its own while its data is not. KVM's changelog moved both: "vmcs12 is the KVM-defined struct used
to track a nested VMCS".

Instead: define the struct in a header and the table in a C file beside it.

    before (vmx.c)                                  after (vmcs12.h)
    struct vmcs12 {                                 struct vmcs12 {
        u64 io_bitmap_a;                                u64 io_bitmap_a;
    };                                              };
    const u16 offsets[] = {                         /* vmcs12.c */
        FIELD(IO_BITMAP_A, io_bitmap_a),            const u16 offsets[] = {
    };                                                  FIELD(IO_BITMAP_A, io_bitmap_a),
    int vmx_vcpu_run(...)                           };

Not reported: functions that read or write vmcs12; a struct with a few saved fields; the struct in
any header or in a file without VMREAD and VMWRITE; a unit of a single C file, which nobody shares
with.

False alarms: a struct of many guest registers that are called as the VMCS calls them, which is no
vmcs12 but a register file of the run path.

Misses: a struct whose members are called otherwise and whose table is written with a macro for the
whole row; one that a macro generates.

How to measure: nothing to measure with perf kvm stat or kvm-unit-tests; the object code is the same
before and after.
"""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.hits import Hit, Spot
from vmxlint.program import Program
from vmxlint.questions.layout import Layout

ID = "VMX502"
SEVERITY = "note"
TIER = "default"

LEAST_FIELDS = 16
MOST_OTHERS = 0.5
LEAST_ROWS = 8


def check(program: Program) -> Iterator[Hit]:
    """Each C file that works on the VMCS with the struct or its table, at the first of the two."""
    layout = program.shared(Layout)
    if not layout.is_split:
        return
    found: dict[tuple[str, str], list[tuple[Spot, str]]] = {}
    for path, struct, where, what in _parts(program, layout):
        if struct not in program.dialect.enlightened_vmcs:
            found.setdefault((path, struct), []).append((where, what))
    for (path, _), parts in found.items():
        what = "which holds the run path" if path in layout.run_files else layout.work(path)
        if what:
            yield _hit(path, what, sorted(parts, key=lambda one: one[0].start))


def _parts(program: Program, layout: Layout) -> Iterator[tuple[str, str, Spot, str]]:
    """The structs with a guest's VMCS in them, and the tables of their members' offsets."""
    tables = list(layout.offset_tables(LEAST_ROWS))
    images = {one.name for one in layout.images(MOST_OTHERS, LEAST_FIELDS)}
    for name in sorted(images | {struct for _, _, struct in tables}):
        if one := program.structs.by_name.get(name):
            path, end = program.structs.paths[name], one.start + len("struct ") + len(name)
            yield path, name, Spot(path, one.start, end), f"'struct {name}' is defined"
    for path, table, struct in tables:
        where = Spot(path, table.start, table.start + len(table.name))
        what = f"'{table.name}', the table of offsets in 'struct {struct}', is defined"
        yield path, struct, where, what


def _hit(path: str, purpose: str, parts: list[tuple[Spot, str]]) -> Hit:
    (first, what), *others = parts
    return Hit(
        first,
        f"{what} in '{path}', {purpose}",
        "the layout of a nested VMCS, which is fixed by migration and by the SDM",
        f"define struct and table in files of their own; vmxlint rule {ID}",
        (),
        (),
        "VM-entry",
        tuple((where, f"{other} here") for where, other in others),
    )
