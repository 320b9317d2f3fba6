"""One pass through a context, followed down the calls: what it does, and on which ways."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property, partial, reduce
from typing import NamedTuple

from vmxlint.budget.amounts import Amount, either, total
from vmxlint.budget.arms import Arm, Fork, Node, Work
from vmxlint.budget.chances import DECIDED, Chance, likelihoods
from vmxlint.budget.course import Course
from vmxlint.budget.guesses import CHANGED, own_chance
from vmxlint.budget.memory import Memory
from vmxlint.budget.outcome import NOTHING, Made, Outcome, Point, one_of, scaled
from vmxlint.budget.walked import COUNTED, SOME_EXIT, Walked
from vmxlint.calls.link import Edge
from vmxlint.contexts.gate import Gate
from vmxlint.contexts.ways import Ways
from vmxlint.flow.conditions import Conditions
from vmxlint.flow.routine import Routine
from vmxlint.interval import NOTHING as NEVER
from vmxlint.interval import ONCE, Interval
from vmxlint.questions.guards import may_be_jumped_over

# What is as rare as that even at the worst is no part of a pass, neither of the least nor the most.
_NEGLIGIBLE = 0.01
MOST_POINTS = 20_000  # of one pass; beyond, constant arguments are no longer told apart
# The kinds of gates that say less of a test than those of its parts do.
_UNKNOWN = ("state", "build", "guest-mode")
Onward = list[tuple[Point, Interval]]  # where a way leads to, and how probably


class _Behind(NamedTuple):
    """What is behind an arm's conditions: with which chance, and what it does."""

    chance: Chance
    outcome: Outcome


class Pass:
    """A pass that counts what runs in some contexts, following calls through these and others.

    `in_round`: that of a nested round trip, on whose way to the switch of the VMCS all holds that
    must hold.
    """

    def __init__(
        self,
        course: Course,
        ways: Ways,
        counted: Collection[str],
        walked: Collection[str],
        in_round: bool = False,
    ) -> None:
        self._course = course
        self.in_round = in_round
        self._memory = Memory(course.common_in_round if in_round else course.common)
        self._walked = Walked(course, ways, self._memory, counted, walked, in_round)
        roots = [root for root in course.contexts.roots if root.context in self._walked.contexts]
        self.roots = tuple(dict.fromkeys((root.routine, root.context) for root in roots))
        self._descents = {(root.routine, root.context): root.descent for root in roots}

    def above(self, routine: Routine, context: str) -> Iterator[Routine]:
        """The routines from the run loop down to a root."""
        descent = self._descents[routine, context]
        top = descent[0].caller if descent else routine
        spine = self._course.contexts.spine
        if top in spine.steps:
            callers = (edge.caller for edge in self._course.program.linker.callers(top))
            yield from (one for one in list(dict.fromkeys(callers))[:1] if one in spine.loops)
        yield from (edge.caller for edge in descent)

    @cached_property
    def amount(self) -> Amount:
        """What the whole pass does."""
        return total(self.outcome(self.start(*root)).amount for root in self.roots)

    def start(self, routine: Routine, context: str) -> Point:
        """The point at which a root begins."""
        return Point(routine, self._walked.shared(routine, self._walked.general(context)))

    def outcome(self, point: Point) -> Outcome:
        """What one run of a routine does."""
        if not self._walked.counts(point.context) and point.routine not in self._course.turning:
            return NOTHING
        return self._memory.outcome(point, partial(self._found_out, point))

    def _found_out(self, point: Point) -> Outcome:
        if self.in_round and point.context != COUNTED:
            self._memory.is_particular()
        found = self._node(self._course.tree(point.routine, point.context), point)
        return Outcome(found.amount.bounded, found.parts)

    def _node(self, node: Node, here: Point) -> Outcome:
        found = NOTHING
        for work in node.work:
            one = self._done(work, here) if work.operations else self._called(work, here)
            one = one.repeated(work.times)
            found += Outcome(one.amount.at_most, one.parts) if work.looped else one
        for fork in node.forks.values():
            found += self._forked(fork, here)
        return found

    def _done(self, work: Work, here: Point) -> Outcome:
        if not self._walked.counts(here.context):
            return NOTHING
        chance = CHANGED.typical if may_be_jumped_over(work.operations[0]) else 1.0
        share = chance / len(work.operations)
        amounts = [
            (share, self._course.rates.amount(one, here.fills, not self.in_round))
            for one in work.operations
        ]
        return Outcome(either(amounts), ((chance, Made(work.operations, here.fills)),))

    def _called(self, work: Work, here: Point) -> Outcome:
        targets = self._targets(work, here)
        if not targets:
            return NOTHING
        outcomes = [(chance, edge, point, self.outcome(point)) for chance, edge, point in targets]
        amounts = [(chance, outcome.amount) for chance, _, _, outcome in outcomes]
        parts = tuple(
            (chance, (edge, point)) for chance, edge, point, found in outcomes if found.parts
        )
        return Outcome(either(amounts), parts)

    def _targets(self, work: Work, here: Point) -> list[tuple[float, Edge, Point]]:
        """What a call may call, each with its probability."""
        shared = self._walked.shared
        able = [
            (chance, edge, Point(edge.callee, shared(edge.callee, context), (), here.fills))
            for edge in work.calls
            for context, chance in self._contexts_of(edge, work, here)
            if self._counts(edge, context)
        ]
        steady = [one for one in able if self._is_round_trip(one[1], one[2].context)]
        able = steady or able
        latest = {
            (edge.key or edge.callee, one.context): n for n, (_, edge, one) in enumerate(able)
        }
        able = [able[n] for n in sorted(latest.values())]
        odds = sum(chance for chance, _, _ in able) if steady else 1.0
        if len(self._memory) < MOST_POINTS:
            given = self._course.known.given
            able = [(p, edge, one._replace(given=given(edge, here.given))) for p, edge, one in able]
        return [(chance / odds, edge, one) for chance, edge, one in able]

    def _contexts_of(self, edge: Edge, work: Work, here: Point) -> list[tuple[str, float]]:
        if not edge.key:
            return [(here.context, 1 / work.rivals)]
        ways = self._walked.led_to(here.context, self._course.contexts.table(edge.key))
        return [(context, chance.typical) for context, chance in ways]

    def _is_round_trip(self, edge: Edge, context: str) -> bool:
        node = edge.callee, self._walked.special(context)
        return edge in self._course.contexts.round_trip.get(node, ())

    def _counts(self, edge: Edge, context: str) -> bool:
        """Whether a call is one of those by which the pass gets to its callee: not if that is
        counted already, as a root, on the way to the VMCS switch, or through its handler table."""
        node = (edge.callee, self._walked.special(context))
        if context == SOME_EXIT and edge.callee in self._course.of_reasons:
            self._memory.is_particular()
        if node in self.roots:
            return False
        contexts = self._course.contexts
        if node in contexts.round_trip:
            return self._is_round_trip(edge, context)
        return bool(edge.key) or node not in contexts.dispatched

    def _forked(self, fork: Fork, here: Point) -> Outcome:
        arms = list(fork.arms.values())
        behind = {id(arm): self._behind(arm, fork, here) for arm in arms}
        odds = likelihoods(fork, {number: one.chance for number, one in behind.items()})
        amounts = [
            (chance, total(behind[id(arm)].outcome.amount for arm in fork.running[one][0]))
            for one, chance in odds.items()
        ]
        parts = [
            (sum(odds[one] for one in odds if arm in fork.running[one][0]), behind[id(arm)].outcome)
            for arm in arms
        ]
        return Outcome(either(amounts), scaled(parts))

    def _behind(self, arm: Arm, fork: Fork, here: Point) -> _Behind:
        """The chance of an arm, what it does, and what its test is about."""
        ways: Onward = [(here, ONCE)]
        kinds: list[str] = []
        for gate in self._course.gates(arm, fork, fork.owner or here.routine):
            known = self._course.known.decided(gate, here.given, fork.owner or here.routine)
            kinds.append(gate.kind if known is None else DECIDED)
            ways = self._through(ways, gate, arm, fork.owner)
        chance = reduce(Interval.__add__, (one for _, one in ways), NEVER)
        found = [(one.typical, self._node(arm.node, point)) for point, one in ways]
        return _Behind(Chance(_settled(chance.capped(1)), frozenset(kinds)), one_of(found))

    def _through(self, ways: Onward, gate: Gate, arm: Arm, owner: Routine | None) -> Onward:
        return [
            (beyond, chance * _settled(more))
            for point, chance in ways
            for beyond, more in self._beyond(gate, point, arm, owner)
            if more.high > _NEGLIGIBLE
        ]

    def _beyond(self, gate: Gate, here: Point, arm: Arm, owner: Routine | None) -> Onward:
        """Where one gate before some work leads to, with the probability."""
        parts = self._course.parts(gate.condition)
        given = self.in_round and self._course.contexts.is_given(gate.condition)
        if len(parts) > 1 and gate.kind in _UNKNOWN and not given:
            return [(here, _settled(self._unless_all(parts, here, arm, owner)))]
        known = self._course.known
        decided = known.decided(gate, here.given, owner or here.routine)
        if decided is not None:
            return [(here, ONCE)] if decided else []
        fills = bool(arm.node.work or arm.node.forks)
        if fills and known.is_first_use(gate.condition, owner or here.routine):
            return [(here._replace(fills=True), ONCE)]
        if gate.kind == "guest-mode" and not gate.holds:
            if self._walked.counts_nested(here.context):
                return []
        ways = self._walked.led_to(here.context, gate)
        if given:
            return [(here._replace(context=context), ONCE) for context, _ in ways]
        own = own_chance(gate, arm.node, self._walked.is_steady(here.context))
        if gate.kind == "memo" and self._is_answer(arm.node):
            own = ONCE
        return [(here._replace(context=context), own or chance) for context, chance in ways]

    def _is_answer(self, node: Node) -> bool:
        """Whether all operations take back the request for the exit of this pass: it stands, so
        that what they compare is not the same."""
        made = (one for work in node.all_work() for one in work.operations)
        answered = {self._course.rates.answered(one) for one in made}
        if any(answered):
            self._memory.is_particular()
        return bool(self._walked.reason) and answered == {self._walked.reason}

    def _unless_all(
        self, parts: Conditions, here: Point, arm: Arm, owner: Routine | None
    ) -> Interval:
        """The probability that not all of some conditions hold."""
        ways: Onward = [(here, ONCE)]
        for gate in self._course.contexts.gates(parts, owner or here.routine):
            ways = self._through(ways, gate, arm, owner)
        chance = reduce(Interval.__add__, (one for _, one in ways), NEVER)
        return chance.capped(1).complement()


def _settled(chance: Interval) -> Interval:
    return ONCE if chance.low >= 1 - _NEGLIGIBLE else chance
