"""Where a struct member is named: every store to it, and every other look at it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from vmxlint.calls.link import Linker
from vmxlint.facts import Body, Expr, Stmt
from vmxlint.flow import Site
from vmxlint.flow.conditions import truth
from vmxlint.flow.routine import Routine
from vmxlint.operations.structs import Place, Structs


class Store(NamedTuple):
    """A plain assignment to the member; `value` is None if it is no truth value."""

    routine: Routine
    site: Site
    value: bool | None


class Look(NamedTuple):
    """A place that names the member otherwise, and the sites that run by what it says."""

    routine: Routine
    expr: Expr
    guarded: tuple[Site, ...]


def stores_to(place: Place, linker: Linker, structs: Structs) -> Iterator[Store]:
    """All plain assignments to a member."""
    for routine in linker.mentions.of(place.member.name + "="):
        for site in routine.stores:
            if _is(site.expr.kids[0], place, routine, structs):
                yield Store(routine, site, truth(site.expr.kids[1]))


def looks_at(place: Place, linker: Linker, structs: Structs) -> Iterator[Look]:
    """All places that name a member, or call what returns it, but not as the target of a plain
    assignment."""
    words = (place.member.name, *linker.names.macros_with(place.member.name))
    for routine in linker.mentions.naming_any(words):
        targets = {site.expr.kids[0].start for site in routine.stores}
        for one in _expressions(routine.body):
            if _is(one, place, routine, structs) and one.start not in targets:
                yield from _where_it_counts(routine, one, linker)


def _where_it_counts(routine: Routine, look: Expr, linker: Linker) -> Iterator[Look]:
    """A look, or if the function only returns what it sees, the calls of that function."""
    answer = routine.answer
    gives = answer is not None and answer.start <= look.start < answer.end
    callers = linker.callers(routine) if gives else ()
    for edge in callers:
        called = edge.site.expr
        yield Look(edge.caller, called, tuple(_guarded(edge.caller, called)))
    if not callers:
        yield Look(routine, look, tuple(_guarded(routine, look)))


def _is(expr: Expr, place: Place, routine: Routine, structs: Structs) -> bool:
    if expr.kind != "member" or expr.text != place.member.name:
        return False
    found = structs.place(expr, routine)
    if found is None:
        return not structs.is_elsewhere(expr, routine)
    return (found.owner, found.member) == (place.owner, place.member)


def _guarded(routine: Routine, look: Expr) -> Iterator[Site]:
    for site in routine.flow.sites:
        if any(one.test.start <= look.start < one.test.end for one in site.conditions):
            yield site


def _expressions(body: Body) -> Iterator[Expr]:
    todo: list[Stmt | Expr] = [*body.statements]
    while todo:
        one = todo.pop()
        if isinstance(one, Expr):
            yield one
            todo += [*one.kids, *one.stmts]
        else:
            todo += [*one.body, *one.orelse, *([one.expr] if one.expr else [])]
