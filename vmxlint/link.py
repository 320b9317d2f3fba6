"""Who calls whom: names, ops structs, handler tables and assembly resolved over all files."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from vmxlint.facts import Asm, Expr, Facts, Function, Row, Table, Variable
from vmxlint.flow import Conditions, Flow, Site, flow_of
from vmxlint.model.dialect import Dialect

_SHORTEST_TABLE = 3
_ORIGINS = ("function", "generated", "assembly", "macro", "alias")


class Change(NamedTuple):
    """An assignment of a local: the number of its site, the operator, the value, the conditions."""

    number: int
    operator: str
    value: Expr
    conditions: Conditions


@dataclass(frozen=True, eq=False)
class Routine:
    """A function in its file; every routine is itself only, whatever its name."""

    path: str
    function: Function
    asms: tuple[Asm, ...]

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.name

    @cached_property
    def flow(self) -> Flow:
        """The function's sites in order, with their conditions."""
        return flow_of(self.function)

    @cached_property
    def numbers(self) -> Mapping[int, int]:
        """The place of each site, by its identity, in the routine's order."""
        return {id(site): number for number, site in enumerate(self.flow.sites)}

    @cached_property
    def changes(self) -> Mapping[str, list[Change]]:
        """The assignments of each local variable, in order."""
        found: dict[str, list[Change]] = {}
        for number, site in enumerate(self.flow.sites):
            if site.kind == "decl":
                change = Change(number, "=", site.expr, site.conditions)
                found.setdefault(site.target, []).append(change)
            elif site.expr.kind == "assign" and len(site.expr.kids) == 2:
                target, value = site.expr.kids
                if target.kind == "name" and target.text in self.variables:
                    change = Change(number, site.expr.text, value, site.conditions)
                    found.setdefault(target.text, []).append(change)
        return found

    @cached_property
    def stores(self) -> tuple[Site, ...]:
        """The plain assignments to struct members and through pointers, in order."""
        return tuple(
            site
            for site in self.flow.sites
            if site.expr.kind == "assign"
            and site.expr.text == "="
            and site.expr.kids[0].kind in ("member", "unary")
        )

    @cached_property
    def variables(self) -> Mapping[str, Variable]:
        """Parameters and locals by name."""
        return {one.name: one for one in (*self.function.locals, *self.function.params)}

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters in order."""
        return tuple(one.name for one in self.function.params)

    def asm(self, expr: Expr) -> Asm:
        """The inline assembly that an asm expression stands for."""
        return self.asms[int(expr.text)]


@dataclass(frozen=True, eq=False)
class Edge:
    """`caller` calls `callee` at `site`; through a handler table only for exit reason `key`."""

    caller: Routine
    callee: Routine
    site: Site
    key: str = ""
    slot: str = ""


class Linker:
    """The routines of a unit and the calls between them."""

    def __init__(self, files: Sequence[Facts], dialect: Dialect) -> None:
        self.dialect = dialect
        self.routines = tuple(
            Routine(one.path, function, one.asms) for one in files for function in one.functions
        )
        self.constants = {name: text for one in files for name, text in one.constants}
        self._files = files
        self._resolved: dict[tuple[str, str], Routine | None] = {}

    @cached_property
    def by_name(self) -> Mapping[str, list[Routine]]:
        """All routines of a name, real functions before macros."""
        found: dict[str, list[Routine]] = {}
        for routine in sorted(self.routines, key=lambda r: _ORIGINS.index(r.function.origin)):
            found.setdefault(routine.name, []).append(routine)
        return found

    def resolve(self, name: str, path: str) -> Routine | None:
        """The routine that `name` means in the file `path`."""
        key = (name, path)
        if key not in self._resolved:
            self._resolved[key] = self._resolve(name, path)
        return self._resolved[key]

    def _resolve(self, name: str, path: str) -> Routine | None:
        candidates = self.by_name.get(name)
        if not candidates:
            alias = self.constants.get(name, "")
            return self.resolve(alias, path) if alias.isidentifier() and alias != name else None
        folder = posixpath.dirname(path)

        def distance(one: Routine) -> tuple[bool, bool, bool]:
            foreign = one.path != path
            hidden = foreign and one.function.static and not one.path.endswith(".h")
            return hidden, foreign, posixpath.dirname(one.path) != folder

        best = min(candidates, key=distance)
        return None if distance(best)[0] else best

    @cached_property
    def slots(self) -> Mapping[str, tuple[Routine, ...]]:
        """The functions that a member of an ops struct can hold."""
        found: dict[str, dict[Routine, None]] = {}
        for path, table in self._tables:
            if table.type in self.dialect.ops_types or _has_functions(table):
                for row in table.rows:
                    self._note(found, row, path)
        for routine, target, value in self._assignments:
            if target.kind == "member" and target.text in found:
                if callee := self.resolve(value, routine.path):
                    found[target.text][callee] = None
        return {slot: tuple(routines) for slot, routines in found.items()}

    def _note(self, found: dict[str, dict[Routine, None]], row: Row, path: str) -> None:
        if row.key.startswith(".") and (callee := self.resolve(row.value, path)):
            found.setdefault(row.key[1:].strip(), {})[callee] = None

    @cached_property
    def handlers(self) -> Mapping[str, tuple[tuple[str, Routine], ...]]:
        """Of each table indexed by exit reasons: (reason as spelled, handler) in order.

        Slots that code overwrites, `table[EXIT_REASON_X] = handler`, count for every table that
        has a row of that key.
        """
        found: dict[str, list[tuple[str, Routine]]] = {}
        for path, table in self._tables:
            rows = [row for row in table.rows if row.key.startswith("[")]
            for row in rows if len(rows) >= _SHORTEST_TABLE else ():
                if callee := self.resolve(row.value, path):
                    found.setdefault(table.name, []).append((row.key.strip("[] \t"), callee))
        for routine, target, value in self._assignments:
            if target.kind == "index" and len(target.kids) == 2:
                key, callee = target.kids[1].text, self.resolve(value, routine.path)
                for rows_of_table in found.values() if callee else ():
                    if callee and any(key == known for known, _ in rows_of_table):
                        rows_of_table.append((key, callee))
        return {name: tuple(dict.fromkeys(rows)) for name, rows in found.items()}

    @cached_property
    def _tables(self) -> list[tuple[str, Table]]:
        return [(one.path, table) for one in self._files for table in one.tables]

    @cached_property
    def _assignments(self) -> list[tuple[Routine, Expr, str]]:
        """Assignments of a plain name to a member or an element: (where, target, the name)."""
        return [
            (routine, site.expr.kids[0], site.expr.kids[1].text)
            for routine in self.routines
            for site in routine.flow.sites
            if site.expr.kind == "assign"
            and len(site.expr.kids) == 2
            and site.expr.kids[0].kind in ("member", "index")
            and site.expr.kids[1].kind == "name"
        ]

    @cached_property
    def edges(self) -> Mapping[Routine, tuple[Edge, ...]]:
        """The calls that each routine makes, in order."""
        return {routine: tuple(self._calls(routine)) for routine in self.routines}

    @cached_property
    def callers(self) -> Mapping[Routine, list[Edge]]:
        """The calls of each routine."""
        found: dict[Routine, list[Edge]] = {}
        for edges in self.edges.values():
            for edge in edges:
                found.setdefault(edge.callee, []).append(edge)
        return found

    def _calls(self, routine: Routine) -> Iterator[Edge]:
        for site in routine.flow.sites:
            if site.kind:
                continue
            if site.expr.kind == "asm":
                yield from self._asm_calls(routine, site)
            elif site.expr.kind == "call" and site.expr.kids:
                yield from self._targets(routine, site, site.expr.kids[0])

    def _asm_calls(self, routine: Routine, site: Site) -> Iterator[Edge]:
        for mnemonic, operands in routine.asm(site.expr).instructions:
            if mnemonic in ("call", "jmp") and operands:
                if callee := self.resolve(operands[0], routine.path):
                    yield Edge(routine, callee, site)

    def _targets(self, routine: Routine, site: Site, callee: Expr) -> Iterator[Edge]:
        match callee:
            case Expr("name", name):
                if (found := self.resolve(name, routine.path)) and found is not routine:
                    yield Edge(routine, found, site)
            case Expr("member", name):
                for found in self.slots.get(name, ()):
                    yield Edge(routine, found, site, slot=name)
            case Expr("call", _, (Expr("name", form), Expr("name", name))):
                if form in self.dialect.call_forms:
                    slot = self.dialect.slot(name)
                    for found in self.slots.get(slot, ()):
                        yield Edge(routine, found, site, slot=slot)
            case Expr("index", _, (Expr(_, table), _)):
                for key, found in self.handlers.get(table, ()):
                    yield Edge(routine, found, site, key=key)
            case Expr("unary", "*", (inner,)):
                yield from self._targets(routine, site, inner)


def _has_functions(table: Table) -> bool:
    return sum(row.key.startswith(".") and row.value.isidentifier() for row in table.rows) >= 3
