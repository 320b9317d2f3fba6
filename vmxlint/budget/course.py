"""What all passes of a program share: the tree of each routine's work."""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.budget.arms import Node, Work, tree_of
from vmxlint.budget.known import Known
from vmxlint.budget.rates import Rates
from vmxlint.conditions import Conditions, truth
from vmxlint.contexts import Contexts
from vmxlint.facts import Expr, walk
from vmxlint.flow import Site
from vmxlint.link import Edge
from vmxlint.operations import Operation
from vmxlint.program import Program
from vmxlint.reach import ENTRY, EXIT
from vmxlint.routine import Routine

TURNING = ("reason", "flag", "guest-mode")  # the kinds of gates that lead into other contexts


class Course:
    """A program's routines as passes see them."""

    def __init__(self, program: Program, rates: Rates) -> None:
        program.contexts.reached  # noqa: B018 - finds the ways to all operations, flags too
        for operation in program.operations:
            program.reaches(operation)
        self.program = program
        self.rates = rates
        self.known = Known(program.linker, program.contexts.spine)
        self._trees: dict[tuple[Routine, str], Node] = {}

    @property
    def contexts(self) -> Contexts:
        """When each function runs."""
        return self.program.contexts

    def tree(self, routine: Routine, context: str) -> Node:
        """What a routine does, by its tests; of one that leads to the VM-entry, on one side."""
        spine = self.contexts.spine
        on_spine = routine in spine.steps or routine in spine.loops
        side = context if on_spine and context in (ENTRY, EXIT) else ""
        key = (routine, side)
        if key not in self._trees:
            self._trees[key] = tree_of(self._work(routine, side))
        return self._trees[key]

    def _work(self, routine: Routine, side: str) -> Iterator[tuple[Conditions, Work]]:
        """What the sites of a routine do, on one side of the VM-entry if it is on its way."""
        contexts = self.contexts
        edges: dict[int, list[Edge]] = {}
        for edge in contexts.onward(routine):
            edges.setdefault(id(edge.site), []).append(edge)
        made = self._made(routine)
        given = contexts.spine.given(routine) if side else ()
        loops = list(_uncertain_loops(routine))
        for site in routine.flow.sites:
            if id(site) not in edges and id(site) not in made:
                continue
            if side and not contexts.spine.is_on_side(routine, site, side == ENTRY):
                continue
            before = tuple(one for one in site.conditions if one not in given)
            looped = any(start <= site.expr.start < end for start, end in loops)
            late = side == EXIT and self._enters(routine, site)
            for alike in () if late else made.get(id(site), ()):
                yield (*before, *alike[0].conditions), Work(site, (), alike, looped)
            if calls := edges.get(id(site)):
                if any(edge.key for edge in calls):
                    before = self._leading_to_table(before, routine)
                yield before, Work(site, tuple(calls), (), looped)

    def _made(self, routine: Routine) -> dict[int, list[tuple[Operation, ...]]]:
        """The operations of each site, by its identity; those of which one is done, together."""
        found: dict[int, dict[tuple[int, str], list[Operation]]] = {}
        for one in self.rates.by_routine.get(routine, ()):
            alike = found.setdefault(id(one.site), {})
            alike.setdefault((id(one.operand), one.kind), []).append(one)
        return {site: [tuple(one) for one in alike.values()] for site, alike in found.items()}

    def _enters(self, routine: Routine, site: Site) -> bool:
        """Whether assembly leads to the VM-entry, so that what it does is done before."""
        first, last = self.contexts.spine.steps.get(routine, (0, -1))
        return site.expr.kind == "asm" and first <= routine.numbers[id(site)] <= last

    def _leading_to_table(self, conditions: Conditions, routine: Routine) -> Conditions:
        """Those without the early ways out before a handler table: that an exit of some reason
        comes as far as its handler goes without saying."""
        gates = self.contexts.gates(conditions, routine)
        return tuple(
            one
            for one, gate in zip(conditions, gates, strict=True)
            if not one.early or gate.kind in TURNING
        )


def _uncertain_loops(routine: Routine) -> Iterator[tuple[int, int]]:
    """The spans of the loops of a routine that may not even begin."""
    todo = [*routine.body.statements] if routine.flow.loops else []
    while todo:
        one = todo.pop()
        todo += [*one.body, *one.orelse]
        if one.kind == "loop" and one.text != "do" and one.expr and not _begins(one.expr):
            yield one.start, one.end


def _begins(test: Expr) -> bool:
    """Whether the test of a loop holds at first: by all appearance if it counts up to a constant,
    and where it asks nothing."""
    match test:
        case Expr("binary", "<" | "<=" | "!=", (_, limit)):
            return not any(one.kind == "name" and not one.text.isupper() for one in _outer(limit))
    return bool(truth(test))


def _outer(limit: Expr) -> Iterator[Expr]:
    """The names in a limit, but not those of the object that a macro measures."""
    measures = limit.kind == "call" and limit.kids and limit.kids[0].text.isupper()
    yield from walk(limit.kids[0]) if measures else walk(limit)
