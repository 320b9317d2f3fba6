"""Who calls whom: the calls between the routines of a unit, each list made when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

from vmxlint.calls.dispatch import Dispatch
from vmxlint.calls.exit_names import ExitNames
from vmxlint.calls.handing import Handing
from vmxlint.calls.mentions import Mentions, callees
from vmxlint.calls.names import Names
from vmxlint.facts import Body, Expr, Facts, Function, walk
from vmxlint.flow import Site
from vmxlint.flow.conditions import Conditions, implied
from vmxlint.flow.routine import Routine
from vmxlint.model.dialect import Dialect
from vmxlint.model.exits import ExitTable

_DEEPEST = 3


@dataclass(frozen=True, eq=False)
class Edge:
    """`caller` calls `callee` at `site`.

    Through a handler table it does so only for exit reason `key`, through an ops struct by its
    member `slot`, through a function pointer as a `value`, which it holds `when` these conditions
    are met. `rivals` is how many functions the site may call instead, this one included.
    """

    caller: Routine
    callee: Routine
    site: Site
    key: str = ""
    slot: str = ""
    value: bool = False
    rivals: int = 1
    when: Conditions = ()


class Linker:
    """The routines of a unit and the calls between them."""

    def __init__(
        self,
        files: Sequence[Facts],
        read: Callable[[Facts, Function], Body],
        dialect: Dialect,
        exits: ExitTable,
    ) -> None:
        self.dialect = dialect
        self.files = files
        self.routines = tuple(
            Routine(one, function, read) for one in files for function in one.functions
        )
        self.names = Names(files, self.routines)
        self.mentions = Mentions(self.routines)
        self.handing = Handing(self.names, self.mentions, dialect)
        self.exit_names = ExitNames(self.names, exits, dialect.reason_prefix)
        self.dispatch = Dispatch(
            files, self.names, self.mentions, self.handing, dialect, self.exit_names
        )
        self.constants = self.names.constants
        self.resolve = self.names.resolve
        self.number = self.names.number
        self._edges: dict[Routine, tuple[Edge, ...]] = {}
        self._able: dict[Routine, Sequence[Routine]] = {}
        self._callers: dict[Routine, tuple[Edge, ...]] = {}

    def could_call(self, routine: Routine) -> Sequence[Routine]:
        """The routines that may call one: all that do, and some more, found without reading them"""
        if routine not in self._able:
            self._able[routine] = tuple(dict.fromkeys(self._could_call(routine)))
        return self._able[routine]

    def _could_call(self, routine: Routine) -> Iterator[Routine]:
        yield from self._could_name(routine)
        for slot in self.dispatch.slots_of.get(routine, ()):
            for word in self.dispatch.words_of(slot):
                yield from self.mentions.of(word)

    def _could_name(self, routine: Routine) -> Iterator[Routine]:
        """The routines that may call one by its name, through a table or as a value."""
        names = self.names.of(routine.name)
        for name in sorted(names):
            yield from self.mentions.of(name)
        yield from self.dispatch.through_values(routine, names)

    def edges(self, routine: Routine) -> tuple[Edge, ...]:
        """The calls that a routine makes, in order."""
        if routine not in self._edges:
            self._edges[routine] = tuple(self._calls(routine))
        return self._edges[routine]

    def callers(self, routine: Routine) -> tuple[Edge, ...]:
        """The calls of a routine, in the order of the code."""
        if routine not in self._callers:
            self._callers[routine] = tuple(
                edge
                for caller in self.possible_callers(routine)
                for edge in self.edges(caller)
                if edge.callee is routine
            )
        return self._callers[routine]

    def possible_callers(self, routine: Routine) -> list[Routine]:
        """The routines that may call one, in the order of the code; see could_call."""
        return sorted(self.could_call(routine), key=self._number.__getitem__)

    def plain_callers(self, routine: Routine) -> list[Edge]:
        """The calls of a routine that lead to it through no slot and no row of a handler table."""
        able = sorted(set(self._could_name(routine)), key=self._number.__getitem__)
        calls = (edge for one in able for edge in self.edges(one) if edge.callee is routine)
        return [edge for edge in calls if not edge.slot and not edge.key]

    def each_caller(self, routine: Routine) -> Iterator[Edge]:
        """The calls of a routine, in no order; reads no more than is asked for."""
        if routine in self._callers:
            yield from self._callers[routine]
            return
        for one in sorted(self.could_call(routine), key=lambda one: one not in self._edges):
            yield from (edge for edge in self.edges(one) if edge.callee is routine)

    def has_callers(self, routine: Routine, more_than: int = 0) -> bool:
        """Whether there are more than so many calls of a routine."""
        return next(islice(self.each_caller(routine), more_than, None), None) is not None

    @cached_property
    def _number(self) -> dict[Routine, int]:
        return {routine: number for number, routine in enumerate(self.routines)}

    def _calls(self, routine: Routine) -> Iterator[Edge]:
        for site in routine.flow.sites:
            if site.kind:
                continue
            if site.expr.kind == "asm":
                for name in callees(routine.asm(site.expr)):
                    if callee := self.resolve(name, routine.path):
                        yield Edge(routine, callee, site)
            elif site.expr.kind == "call" and site.expr.kids:
                yield from self._targets(routine, site, site.expr.kids[0], 0)
                for found in self.handing.called_back(site.expr, routine):
                    yield Edge(routine, found, site, value=True)

    def _targets(self, routine: Routine, site: Site, callee: Expr, depth: int) -> Iterator[Edge]:
        match callee:
            case Expr("name", name) if name in routine.variables:
                yield from self._through_variable(routine, site, name, depth)
            case Expr("name", name):
                for found in self.names.meant(name, routine.path):
                    if found is not routine:
                        yield Edge(routine, found, site, value=depth > 0)
                if depth:
                    yield from self._through_table(routine, site, name)
            case Expr("member", slot, (base,)):
                yield from self._through_member(routine, site, slot, base)
            case Expr("call", _, (Expr("name", form), Expr("name", name))):
                if form in self.dialect.call_forms:
                    yield from self._through_slot(routine, site, self.dialect.slot(name), "")
            case Expr("index", _, (Expr(_, table), _)):
                yield from self._through_table(routine, site, table)
            case Expr("ternary" | "unary" | "cast"):
                for part, when in _chosen(callee):
                    yield from _only(when, self._targets(routine, site, part, depth))

    def _through_member(
        self, routine: Routine, site: Site, slot: str, base: Expr
    ) -> Iterator[Edge]:
        if table := self._table_of(routine, base):
            yield from self._through_table(routine, site, table)
        else:
            yield from self._through_slot(routine, site, slot, routine.type_of(base))

    def _table_of(self, routine: Routine, base: Expr) -> str:
        """The handler table that an element is of, or that a local variable points into."""
        able = [base.kids[0]] if base.kind == "index" else []
        if base.kind == "name":
            changes = routine.changes.get(base.text, ())
            able += [one for change in changes for one in walk(change.value)]
        return next((one.text for one in able if one.text in self.dispatch.handlers), "")

    def _through_table(self, routine: Routine, site: Site, table: str) -> Iterator[Edge]:
        for key, found in self.dispatch.handlers.get(table, ()):
            yield Edge(routine, found, site, key=key)
        able = self.dispatch.lists.get(table, ())
        for found in able:
            yield Edge(routine, found, site, value=True, rivals=len(able))

    def _through_slot(
        self, routine: Routine, site: Site, slot: str, type_name: str
    ) -> Iterator[Edge]:
        able = self.dispatch.held(slot, type_name)
        for found in able:
            yield Edge(routine, found, site, slot=slot, rivals=len(able))

    def _through_variable(
        self, routine: Routine, site: Site, name: str, depth: int
    ) -> Iterator[Edge]:
        """The calls of what a local variable or a parameter holds."""
        if name in routine.parameters:
            able = dict.fromkeys(self.handing.handed(routine, name))
            for found in able:
                yield Edge(routine, found, site, value=True, rivals=len(able))
        changes = {one.value: one for one in routine.changes.get(name, ())}
        for change in changes.values() if depth < _DEEPEST else ():
            when = tuple(one for one in change.conditions if one not in site.conditions)
            yield from _only(when, self._targets(routine, site, change.value, depth + 1))


def _chosen(value: Expr) -> Iterator[tuple[Expr, Conditions]]:
    """What a value can be, and when."""
    if value.kind == "ternary":
        test, *arms = value.kids
        for arm, holds in zip(arms, (True, False), strict=False):
            yield arm, implied(test, holds)
    else:
        yield from ((one, ()) for one in value.kids)


def _only(when: Conditions, edges: Iterator[Edge]) -> Iterator[Edge]:
    for edge in edges:
        yield replace(edge, when=(*when, *edge.when)) if when else edge
