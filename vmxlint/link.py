"""Who calls whom: names, ops structs, handler tables and assembly resolved over all files."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from vmxlint.facts import Asm, Body, Expr, Facts, Function, Row, Table
from vmxlint.flow import Site
from vmxlint.model.dialect import Dialect
from vmxlint.routine import Routine

ASM_WORD = "__A"  # the call that stands for inline assembly
_SHORTEST_TABLE = 3
_ORIGINS = ("function", "generated", "assembly", "macro", "alias")


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

    def __init__(
        self, files: Sequence[Facts], read: Callable[[Facts, Function], Body], dialect: Dialect
    ) -> None:
        self.dialect = dialect
        self.routines = tuple(
            Routine(one, function, read) for one in files for function in one.functions
        )
        self.constants = {name: text for one in files for name, text in one.constants}
        self._files = files
        self._resolved: dict[tuple[str, str], Routine | None] = {}
        self._edges: dict[Routine, tuple[Edge, ...]] = {}
        self._callers: dict[Routine, tuple[Edge, ...]] = {}

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
        """Functions that code puts into a member or an element: (where, target, the function)."""
        putting = dict.fromkeys(
            routine
            for word, routines in self._using.items()
            if word.startswith("=") and self._is_function(word[1:])
            for routine in routines
        )
        return [
            (routine, site.expr.kids[0], site.expr.kids[1].text)
            for routine in putting
            for site in routine.flow.sites
            if site.expr.kind == "assign"
            and len(site.expr.kids) == 2
            and site.expr.kids[0].kind in ("member", "index")
            and site.expr.kids[1].kind == "name"
        ]

    def _is_function(self, name: str) -> bool:
        return name in self.by_name or self.constants.get(name) in self.by_name

    @cached_property
    def _using(self) -> Mapping[str, list[Routine]]:
        """The routines in whose text a word stands; see Function.words."""
        found: dict[str, list[Routine]] = {}
        for routine in self.routines:
            for word in routine.function.words:
                found.setdefault(word, []).append(routine)
        for routine in found.get(ASM_WORD, ()):
            first, last = routine.function.at, routine.function.end
            for asm in routine.file.asms if routine.function.place is None else ():
                if first <= asm.start < last:
                    for name in _asm_callees(asm):
                        found.setdefault(name, []).append(routine)
        return found

    def using(self, *words: str) -> tuple[Routine, ...]:
        """The routines in whose text one of the words stands, in order."""
        found = {id(one) for word in words for one in self._using.get(word, ())}
        return tuple(one for one in self.routines if id(one) in found) if found else ()

    @cached_property
    def _aliases(self) -> Mapping[str, list[str]]:
        """The other names of a function: macros that stand for its name alone."""
        found: dict[str, list[str]] = {}
        for name, text in self.constants.items():
            if text.isidentifier() and text != name:
                found.setdefault(text, []).append(name)
        return found

    @cached_property
    def _slots_of(self) -> Mapping[Routine, list[str]]:
        found: dict[Routine, list[str]] = {}
        for slot, routines in self.slots.items():
            for routine in routines:
                found.setdefault(routine, []).append(slot)
        return found

    @cached_property
    def dispatchers(self) -> Mapping[str, tuple[Routine, ...]]:
        """The routines that name a handler table."""
        return {
            table: tuple(one for one in self.routines if table in one.function.text)
            for table in self.handlers
        }

    def could_call(self, routine: Routine) -> Iterator[Routine]:
        """The routines that may call one: all that do, and some more, found without reading them"""
        todo, words = [routine.name], {routine.name}
        while todo:
            more = [one for one in self._aliases.get(todo.pop(), ()) if one not in words]
            words.update(more)
            todo += more
        for slot in self._slots_of.get(routine, ()):
            words.add("." + slot)
            words.update("(" + prefix + slot for prefix in ("", *self.dialect.call_prefixes))
        for word in words:
            yield from self._using.get(word, ())
        for table, rows in self.handlers.items():
            if any(handler is routine for _, handler in rows):
                yield from self.dispatchers[table]

    def edges(self, routine: Routine) -> tuple[Edge, ...]:
        """The calls that a routine makes, in order."""
        if routine not in self._edges:
            self._edges[routine] = tuple(self._calls(routine))
        return self._edges[routine]

    def callers(self, routine: Routine) -> tuple[Edge, ...]:
        """The calls of a routine, in the order of the code."""
        if routine not in self._callers:
            able = dict.fromkeys(self.could_call(routine))
            self._callers[routine] = tuple(
                edge
                for caller in sorted(able, key=self._number.__getitem__)
                for edge in self.edges(caller)
                if edge.callee is routine
            )
        return self._callers[routine]

    @cached_property
    def _number(self) -> Mapping[Routine, int]:
        return {routine: number for number, routine in enumerate(self.routines)}

    def _calls(self, routine: Routine) -> Iterator[Edge]:
        for site in routine.flow.sites:
            if site.kind:
                continue
            if site.expr.kind == "asm":
                yield from self._asm_calls(routine, site)
            elif site.expr.kind == "call" and site.expr.kids:
                yield from self._targets(routine, site, site.expr.kids[0])

    def _asm_calls(self, routine: Routine, site: Site) -> Iterator[Edge]:
        for name in _asm_callees(routine.asm(site.expr)):
            if callee := self.resolve(name, routine.path):
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


def _asm_callees(asm: Asm) -> Iterator[str]:
    for mnemonic, operands in asm.instructions:
        if mnemonic in ("call", "jmp") and operands:
            yield operands[0]


def _has_functions(table: Table) -> bool:
    return sum(row.key.startswith(".") and row.value.isidentifier() for row in table.rows) >= 3
