"""Where the exit reason is: read from the VMCS, and in the members, locals and parameters that are
given it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from vmxlint.calls.link import Linker
from vmxlint.contexts.arguments import handed
from vmxlint.facts import Expr, walk
from vmxlint.flow import Site
from vmxlint.flow.routine import Routine, filled
from vmxlint.operations import Operations
from vmxlint.operations.values import assigned, predicate

EXIT_REASON = "VM_EXIT_REASON"
_READING = ("call", "asm")
_DEEPEST = 4
_BASIC = 0xFFFF


class ExitReason:
    """The expressions of a unit that are the exit reason."""

    def __init__(self, linker: Linker, operations: Operations) -> None:
        self._linker = linker
        self._operations = operations

    def is_in(self, subject: Expr, routine: Routine, depth: int) -> bool:
        """Whether an expression is the exit reason: read from the VMCS, or a copy of it.

        `depth` is how many locals, parameters and calls were looked through to get to it.
        """
        if depth > _DEEPEST:
            return False
        last = subject
        while last.kind == "cast" or (last.kind == "binary" and _keeps_the_reason(last)):
            last = last.kids[0]
        match last:
            case Expr("member", name):
                whole = name in self.members or name in self._linker.dialect.reason_parts
                chain = (one.text for one in walk(last) if one.kind == "member")
                return whole and any(one in self.members for one in chain)
            case Expr("name", name) if name in routine.parameters:
                given = list(handed(name, routine, self._linker))
                return bool(given) and all(self.is_in(e, r, depth + 1) for e, r in given)
            case Expr("name", name) if name in routine.variables:
                values = list(assigned(routine, name))
                return bool(values) and all(
                    self.is_in(value, routine, depth + 1) for value in values
                )
            case Expr("filled", _, (call,)):
                return call.start in self._reads.get(routine, ())
            case Expr("call", _, (Expr("name", name), *arguments)):
                if starts := self._reads.get(routine):
                    if any(one.start in starts for one in walk(last) if one.kind in _READING):
                        return True
                body = predicate(name, arguments, routine, self._linker)
                return body is not None and self.is_in(body[0], body[1], depth + 1)
        return False

    @cached_property
    def _reads(self) -> Mapping[Routine, set[int]]:
        """Where the exit reason is read from the VMCS."""
        found: dict[Routine, set[int]] = {}
        for routine, operations in self._operations.by_routine.items():
            for one in operations:
                if one.kind == "vmread" and one.field and one.field.name == EXIT_REASON:
                    found.setdefault(routine, set()).add(one.site.expr.start)
        return found

    @cached_property
    def members(self) -> frozenset[str]:
        """The struct members that are given the exit reason as read from the VMCS."""
        found = set()
        for routine, starts in self._reads.items():
            for site in routine.flow.sites:
                for target, value in _given(site):
                    if any(one.start in starts for one in walk(value)):
                        found |= {one.text for one in walk(target) if one.kind == "member"}
        return frozenset(found)


def _given(site: Site) -> Iterator[tuple[Expr, Expr]]:
    """The members that a site gives a value, with these."""
    if site.expr.kind == "assign" and site.expr.kids[0].kind == "member":
        yield site.expr.kids[0], site.expr.kids[1]
    yield from ((target, value) for target, value in filled(site) if target.kind == "member")


def _keeps_the_reason(masked: Expr) -> bool:
    """Whether a mask leaves bits 15:0, which are the basic exit reason."""
    try:
        return masked.text == "&" and int(masked.kids[1].text.rstrip("uUlL"), 0) & _BASIC == _BASIC
    except ValueError:
        return False
