"""What lies in which file: the run path, the structs that stand for a VMCS, images of a VMCS."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from vmxlint.facts import ASM_WORD, Expr, Macro, Stmt, Struct, Table, Variable, walk
from vmxlint.flow.routine import Routine
from vmxlint.program import Program

_VMCS_POINTER = ("vmptrld", "vmclear")
_RAW = ("vmread", "vmwrite")
_OFFSET = re.compile(r"\boffsetof\s*\(\s*(?:(?:struct|union)\s+)?(\w+)")
_NAME = re.compile(r"[A-Za-z_]\w*")
_DEEPEST = 8


@dataclass(frozen=True, eq=False)
class Layout:
    """The layout of one unit."""

    program: Program

    @cached_property
    def run_files(self) -> frozenset[str]:
        """The C files that the way from the run loop to the VM-entry leads through."""
        spine = self.program.contexts.spine
        paths = {routine.path for routine in (*spine.loops, *spine.steps)}
        return frozenset(path for path in paths if path.endswith(".c"))

    @cached_property
    def is_split(self) -> bool:
        """Whether the unit has several C files: one alone has nobody to share its headers with."""
        return sum(one.path.endswith(".c") for one in self.program.files) > 1

    @cached_property
    def raw_files(self) -> frozenset[str]:
        """The headers with the instructions VMREAD and VMWRITE in them: those of the accessors."""
        routines = self.program.linker.mentions.of_any(ASM_WORD)
        headers = (one for one in routines if one.path.endswith(".h"))
        return frozenset(one.path for one in headers if _is_raw(one))

    def work(self, path: str) -> str:
        """What the code of a C file does with the VMCS; empty if it does nothing with one."""
        return "which reads and writes the VMCS" if path in self._working else ""

    @cached_property
    def _working(self) -> frozenset[str]:
        made = (one for one in self.program.operations if one.kind in _RAW)
        return frozenset(one.routine.path for one in made if one.routine.path.endswith(".c"))

    @cached_property
    def definitions(self) -> tuple[str, ...]:
        """The structs that VMPTRLD and VMCLEAR are given, and those that hold a pointer to one."""
        found: set[str] = set(self.program.structs.holders)
        for operand, routine in self._loaded():
            if place := self.program.structs.place(operand, routine):
                found |= {place.owner, place.member.type}
        return tuple(sorted(found & set(self.program.structs.by_name)))

    def _loaded(self) -> Iterator[tuple[Expr, Routine]]:
        """What is loaded or cleared, also by an accessor whose instruction is spelled in bytes."""
        for one in self.program.operations:
            if one.kind in _VMCS_POINTER:
                yield _plain(one.operand), one.routine
        declared = self.program.dialect.accessors
        named = {k: v.field for k, v in declared.items() if v.operation in _VMCS_POINTER}
        for routine in self.program.linker.mentions.of_any(*named):
            for site in routine.flow.sites:
                callee, *given = site.expr.kids if site.expr.kind == "call" else [site.expr]
                if callee.text in named and len(given) > named[callee.text]:
                    yield _plain(given[named[callee.text]]), routine

    def defined_in(self, path: str) -> list[str]:
        """The structs that stand for a VMCS and are defined in a file."""
        paths = self.program.structs.paths
        return [name for name in self.definitions if paths[name] == path]

    @cached_property
    def embedded(self) -> Mapping[str, list[Variable]]:
        """Of each file: the members of its structs that are, by value, such a struct themselves."""
        found: dict[str, list[Variable]] = {}
        for struct in self.program.structs.by_name.values():
            for one in struct.members:
                if one.type in self.definitions and not one.pointers:
                    found.setdefault(self.program.structs.paths[struct.name], []).append(one)
        return found

    @cached_property
    def switching(self) -> tuple[str, ...]:
        """The structs with several of those that stand for a VMCS, at any depth by value."""
        known: dict[tuple[str, int], int] = {}
        able = (one for one in self.program.structs.by_name if one not in self.definitions)
        return tuple(one for one in able if self._held(one, 0, known) > 1)

    def _held(self, struct: str, depth: int, known: dict[tuple[str, int], int]) -> int:
        found = self.program.structs.by_name.get(struct)
        if found is None or depth > _DEEPEST:
            return 0
        if (struct, depth) not in known:
            direct = sum(one.type in self.definitions for one in found.members)
            inner = (one.type for one in found.members if not one.pointers)
            deeper = (one for one in inner if one not in self.definitions)
            known[struct, depth] = direct + sum(self._held(x, depth + 1, known) for x in deeper)
        return known[struct, depth]

    def purpose(self, path: str) -> str:
        """What else a file is for, that a format in memory has no part in; empty if nothing is."""
        if path in self.run_files:
            return "which holds the run path"
        if path in self.raw_files:
            return "which holds VMREAD and VMWRITE"
        owners = {self.program.structs.paths[name] for name in self.switching}
        return "which defines the vCPU" if path in owners else ""

    def images(self, most_foreign: float, least: int) -> Iterator[Struct]:
        """The structs with at least so many members named after fields, and few others."""
        known = {_squeezed(one.name) for one in self.program.pricing.model.fields.fields}
        for struct in self.program.structs.by_name.values():
            named = sum(_squeezed(one.name) in known for one in struct.members)
            if named >= least and named >= len(struct.members) * (1 - most_foreign):
                yield struct

    def offset_tables(self, least: int) -> Iterator[tuple[str, Table, str]]:
        """The tables of a struct's member offsets by VMCS field: file, table, struct."""
        for one in self.program.files:
            if not one.tables:
                continue
            short = {macro.name: name for macro in one.macros if (name := offset_of(macro))}
            for table in one.tables:
                rows = [row.value for row in table.rows if self._names_field(row.key)]
                structs = {name for value in rows if (name := _struct_of(value, short))}
                if len(rows) >= least and len(structs) == 1:
                    yield one.path, table, structs.pop()

    def _names_field(self, key: str) -> bool:
        fields = self.program.pricing.model.fields
        return any(fields.by_name(name) for name in _NAME.findall(key))


def offset_of(macro: Macro) -> str:
    """The struct in which a macro computes a member's offset."""
    found = _OFFSET.search(macro.body) if macro.params else None
    return found[1] if found else ""


def expressions(routine: Routine) -> Iterator[Expr]:
    """Every expression in a routine."""
    todo: list[Stmt] = list(routine.body.statements)
    while todo:
        one = todo.pop()
        todo += [*one.body, *one.orelse]
        if one.expr is not None:
            for expr in walk(one.expr):
                yield expr
                todo += expr.stmts


def _is_raw(routine: Routine) -> bool:
    asms: Sequence[Expr] = [s.expr for s in routine.flow.sites if s.expr.kind == "asm"]
    return any(word in _RAW for one in asms for word, _ in routine.asm(one).instructions)


def _struct_of(value: str, short: dict[str, str]) -> str:
    found = _OFFSET.search(value)
    return found[1] if found else short.get(value.partition("(")[0], "")


def _squeezed(name: str) -> str:
    return name.replace("_", "").lower()


def _plain(expr: Expr) -> Expr:
    while expr.kind in ("cast", "unary", "index") and expr.kids:
        expr = expr.kids[0]
    return expr
