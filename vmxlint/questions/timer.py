"""The VMX-preemption timer: who arms it, on whose request, and what switches it off for good."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import NamedTuple

from vmxlint.calls.link import Edge
from vmxlint.contexts.reach import ENTRY, Reach
from vmxlint.cost import VMWRITE, Saving
from vmxlint.facts import Expr, spelled, walk
from vmxlint.flow import Conditions, Site
from vmxlint.flow.conditions import Condition, implied, truth
from vmxlint.flow.routine import Routine
from vmxlint.numbers import evaluate
from vmxlint.operations import Operation
from vmxlint.operations.values import returned
from vmxlint.program import Program

FIELD = "VMX_PREEMPTION_TIMER_VALUE"
BIT = "PIN_BASED_VMX_PREEMPTION_TIMER"
_LARGEST = 0xFFFFFFFF
_OUTSIDE = {"U32_MAX": str(_LARGEST), "UINT_MAX": str(_LARGEST)}  # of the kernel's, and C's


class Way(NamedTuple):
    """A write of the timer with one of the values that its callers hand over, and when."""

    operation: Operation
    value: Expr
    conditions: Conditions


class Request(NamedTuple):
    """A store that asks for the timer, and the ops slots through which it is asked."""

    routine: Routine
    site: Site
    slots: tuple[str, ...]


class Timer:
    """What a program does with the timer."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._linker = program.linker
        self._transparent = program.dialect.transparent
        self._numbers = _OUTSIDE | program.linker.constants

    @cached_property
    def ways(self) -> tuple[Way, ...]:
        """All writes of the timer's value."""
        return tuple(
            way
            for one in self._program.operations
            if one.kind == "vmwrite" and one.field and one.field.name == FIELD and one.value
            for way in self._ways(one, one.value)
        )

    def _ways(self, write: Operation, value: Expr) -> Iterator[Way]:
        routine, conditions = write.routine, write.site.conditions
        if value.kind != "name" or value.text not in routine.parameters:
            yield Way(write, value, conditions)
            return
        position = routine.parameters.index(value.text) + 1
        for edge in self._linker.callers(routine):
            given = edge.site.expr.kids
            if len(given) > position:
                yield Way(write, given[position], (*edge.site.conditions, *conditions))

    def number(self, value: Expr) -> int | None:
        """The number that a value stands for, as 32 bits."""
        while value.kind == "cast" and value.kids:
            value = value.kids[0]
        found = evaluate(spelled(value), self._numbers)
        return None if found is None else found & _LARGEST

    def parks(self, way: Way) -> bool:
        """Whether a way writes the largest value, as it is or kept in a variable or member."""
        return self.number(way.value) == _LARGEST or any(
            self.number(part) == _LARGEST
            for value in self._kept(way.value, way.operation.routine)
            for part in walk(value)
        )

    def _kept(self, value: Expr, routine: Routine) -> Iterator[Expr]:
        """What a value that is no local of its function is given anywhere."""
        while value.kind == "call" and value.kids[0].text in self._transparent:
            value = value.kids[-1]
        if value.kind not in ("name", "member") or value.text in routine.variables:
            return
        for one in self._linker.mentions.naming(value.text):
            if value.text not in one.variables:
                for site in one.flow.sites:
                    match site.expr:
                        case Expr("assign", "=", (target, given)):
                            if (target.kind, target.text) == (value.kind, value.text):
                                yield given

    def asked(self, way: Way) -> Iterator[tuple[str, tuple[Request, ...]]]:
        """The members that must say so for a way to be gone, and who makes them say so."""
        for condition in way.conditions:
            for part in implied(condition.test, condition.holds):
                if (member := self._wanted(part)) is not None:
                    yield member, tuple(self._requests(member))

    def _wanted(self, condition: Condition) -> str | None:
        """The member that must be true, or differ from a constant, for a condition to hold."""
        match condition.test:
            case Expr("call", _, (Expr("name", name), inner)) if name in self._transparent:
                return self._wanted(condition._replace(test=inner))
            case Expr("member", member) if condition.holds:
                return member
            case Expr("binary", "!=" | "==" as sign, (Expr("member", member), _)):
                return member if (sign == "!=") == condition.holds else None
        return None

    def _requests(self, member: str) -> Iterator[Request]:
        for routine in self._linker.mentions.of(member + "="):
            for site in routine.stores:
                target, value = site.expr.kids
                constant = truth(value) is False or self.number(value) == _LARGEST
                if target.kind == "member" and target.text == member and not constant:
                    yield Request(routine, site, self._slots(routine))

    def _slots(self, routine: Routine) -> tuple[str, ...]:
        """The slots that hold a function, or else those that call it."""
        held = self._linker.dispatch.slots_of
        callers = (edge.caller for edge in self._linker.callers(routine))
        return tuple(held.get(routine, ())) or tuple(
            s for one in callers for s in held.get(one, ())
        )

    def handed_over(self, way: Way) -> Iterator[tuple[Edge, Expr]]:
        """The calls that hand over a parameter which must be true for a way to be gone, and what
        they give."""
        routine = way.operation.routine
        parts = (part for one in way.conditions for part in implied(one.test, one.holds))
        for name in {part.test.text for part in parts if part.holds and part.test.kind == "name"}:
            if name in routine.parameters:
                place = routine.parameters.index(name) + 1
                for edge in self._linker.callers(routine):
                    if len(given := edge.site.expr.kids) > place:
                        yield edge, given[place]

    def says(self, conditions: Conditions, is_on: bool) -> bool:
        """Whether conditions say that a switch is on, or that it is off."""
        return any(
            self._answered(part.test).text in self.switches and part.holds == is_on
            for one in conditions
            for part in implied(one.test, one.holds)
        )

    @cached_property
    def switches(self) -> Mapping[str, tuple[tuple[Routine, Site], ...]]:
        """Globals whose value decides whether deadlines may be set, and where it decides so."""
        slots = {
            slot
            for way in self.ways
            for _, requests in self.asked(way)
            for request in requests
            for slot in request.slots
        }
        found: dict[str, list[tuple[Routine, Site]]] = {}
        for slot in sorted(slots):
            for routine, site in self._reassigned(slot):
                for name in self._globals(site.conditions, routine):
                    found.setdefault(name, []).append((routine, site))
        return {name: tuple(places) for name, places in found.items()}

    def replaced(self, slot: str, held: Routine) -> bool:
        """Whether a slot holds something else than a function while the timer is switched off."""
        return any(
            self._globals(site.conditions, routine) & self.switches.keys()
            for routine, site in self._reassigned(slot)
            if not any(one.text == held.name for one in walk(site.expr.kids[-1]))
        )

    def is_off(self, request: Request) -> bool:
        """Whether no slot through which a request is made leads to it while the timer is off."""
        return all(self.replaced(slot, request.routine) for slot in request.slots)

    def _reassigned(self, slot: str) -> Iterator[tuple[Routine, Site]]:
        for routine in self._linker.mentions.of(slot + "="):
            for site in routine.stores:
                target = site.expr.kids[0]
                if target.kind == "member" and target.text == slot:
                    yield routine, site

    def _globals(self, conditions: Conditions, routine: Routine) -> set[str]:
        """The plain global variables that conditions ask for."""
        return {
            name
            for one in conditions
            if not one.early
            for name in self._plain(one.test)
            if name not in routine.variables
        }

    def _plain(self, test: Expr) -> Iterator[str]:
        """The variables that a test reads itself, not those that it hands to functions."""
        match test:
            case Expr("name", name):
                if not self._linker.names.is_function(name) and not name.isupper():
                    yield name
            case Expr("call", _, (Expr("name", name), *given)):
                for one in given if name in self._transparent else ():
                    yield from self._plain(one)
            case Expr("unary" | "binary" | "cast" | "ternary"):
                for one in test.kids:
                    yield from self._plain(one)

    def tests_switch(self, reach: Reach) -> bool:
        """Whether a way to some code asks for a switch, and not for that or something else."""
        return any(
            name in self.switches
            for gate in reach.gates
            for part in implied(gate.condition.test, gate.condition.holds)
            if not _is_choice(part)
            for name in self._plain(self._answered(part.test))
        )

    def _answered(self, test: Expr) -> Expr:
        """What a predicate returns, for the call of one, or a macro stands for."""
        if test.kind == "name" and test.text not in self.switches:
            meant = self._linker.constants.get(test.text, "").strip("() ")
            return test._replace(text=meant) if meant.isidentifier() else test
        if test.kind != "call" or not test.kids:
            return test
        known = self._linker.names.routines.get(test.kids[0].text, ())
        return (len(known) == 1 and returned(test.kids[1:], known[0])) or test

    def savings(self, reaches: Iterable[Reach]) -> tuple[Saving, ...]:
        """The VMWRITE of the value, as often as the timer's state is said to change."""
        pricing = self._program.pricing
        return (Saving(VMWRITE, pricing.toggled(BIT) or pricing.times(reaches)),)

    def entries(self, way: Way) -> tuple[Reach, ...]:
        """How VM-entries come to a way."""
        reaches = self._program.reaches(way.operation)
        return tuple(one for one in reaches if one.context == ENTRY)


def _is_choice(condition: Condition) -> bool:
    """Whether a condition holds if one of several does."""
    test = condition.test
    return test.kind == "binary" and test.text == ("||" if condition.holds else "&&")
