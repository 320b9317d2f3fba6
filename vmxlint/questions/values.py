"""Where the value of a VMCS field goes: into locals, members, arguments, and through getters."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from vmxlint.calls.link import Edge
from vmxlint.facts import Expr, spelled, walk
from vmxlint.flow import Site
from vmxlint.flow.routine import Routine
from vmxlint.operations import Operation
from vmxlint.operations.bits import same_branch
from vmxlint.program import Program

_DEEPEST = 4
_NARROW = re.compile(
    r"u?int(?:8|16)_t|[us](?:8|16)|__[us](?:8|16)|(?:(?:un)?signed )?(?:char|short)"
)


@dataclass(frozen=True, eq=False)
class Holder:
    """A routine that has a field's value: in the calls that start at `starts`, and by `names`."""

    routine: Routine
    names: frozenset[str]
    starts: frozenset[int] = frozenset()

    def has(self, expr: Expr) -> bool:
        """Whether an expression is the value, all of it that matters."""
        while expr.kind == "cast" and not _NARROW.fullmatch(expr.text):
            expr = expr.kids[0]
        if expr.kind == "call" and expr.start in self.starts:
            return True
        return expr.kind != "cast" and bool(self.names) and spelled(expr) in self.names

    def expressions(self) -> Iterator[tuple[Site, Expr]]:
        """Every expression of the routine, also those of conditions, once, with a site of it."""
        seen: set[tuple[int, int, str]] = set()
        walked: set[int] = set()
        for site in self.routine.flow.sites:
            for whole in (site.expr, *(one.test for one in site.conditions)):
                if id(whole) in walked:
                    continue
                walked.add(id(whole))
                for one in walk(whole):
                    key = (one.start, one.end, one.kind)
                    if key not in seen:
                        seen.add(key)
                        yield site, one


@dataclass(frozen=True, eq=False)
class Trail:
    """A VMREAD and the routines that its value gets to, the first of them where it is used; and by
    which calls it gets to the others."""

    operation: Operation
    holders: Mapping[Routine, Holder]
    calls: Mapping[Routine, Edge]

    def way(self, routine: Routine) -> tuple[Edge, ...]:
        """The calls from the first routine down to another one."""
        calls: list[Edge] = []
        while routine in self.calls:
            calls.append(self.calls[routine])
            routine = calls[-1].caller
        return tuple(reversed(calls))

    def is_apart(self, other: Routine, routine: Routine, site: Site) -> bool:
        """Whether a routine gets the value only where a site of another one is not reached."""
        mine = [*((edge.caller, edge.site) for edge in self.way(routine)), (routine, site)]
        for edge, (here, there) in zip(self.way(other), mine, strict=False):
            if edge.caller is not here:
                return False
            if edge.site is not there:
                return same_branch(edge.site, there)
        return False


def read_by(operation: Operation) -> Holder:
    """The routine in which a VMREAD stands, with what it assigns the value to."""
    return _holding(operation.routine, frozenset(), {operation.site.expr.start})


def trails(program: Program, operation: Operation) -> Iterator[Trail]:
    """The ways of the value of one VMREAD: its own routine's, or of a getter each caller's."""
    start = read_by(operation)
    returned = [s.expr for s in start.routine.flow.sites if s.kind == "return"]
    if not any(start.has(one) for one in returned):
        yield Trail(operation, *_onward(program, start))
        return
    calls: dict[Routine, set[int]] = {}
    for edge in program.linker.callers(operation.routine):
        calls.setdefault(edge.caller, set()).add(edge.site.expr.start)
    for caller, starts in calls.items():
        yield Trail(operation, *_onward(program, _holding(caller, frozenset(), starts)))


def _holding(routine: Routine, names: frozenset[str], starts: set[int]) -> Holder:
    """The routine with all that is assigned the value, in the order of the code."""
    now = Holder(routine, names, frozenset(starts))
    for site in routine.flow.sites:
        target = ""
        if site.kind == "decl" and now.has(site.expr):
            target = site.target
        elif site.expr.kind == "assign" and site.expr.text == "=" and now.has(site.expr.kids[-1]):
            target = spelled(site.expr.kids[0])
        if target:
            now = Holder(routine, now.names | {target}, now.starts)
    return now


def _onward(
    program: Program, first: Holder
) -> tuple[Mapping[Routine, Holder], Mapping[Routine, Edge]]:
    """All that the value is handed to as an argument, and the calls that do so."""
    found = {first.routine: first}
    calls: dict[Routine, Edge] = {}
    level = [first]
    for _ in range(_DEEPEST):
        below: list[Holder] = []
        for holder in level:
            for edge in program.linker.edges(holder.routine):
                names = frozenset(_given(edge, holder))
                if names and edge.callee not in found:
                    found[edge.callee] = _holding(edge.callee, names, set())
                    calls[edge.callee] = edge
                    below.append(found[edge.callee])
        level = below
    return found, calls


def _given(edge: Edge, holder: Holder) -> Iterator[str]:
    for name, given in zip(edge.callee.parameters, edge.site.expr.kids[1:], strict=False):
        if holder.has(given):
            yield name
