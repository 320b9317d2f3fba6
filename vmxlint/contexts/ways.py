"""From a function to one of its sites: into which contexts the gates lead, and how likely."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from vmxlint.calls.link import Edge
from vmxlint.contexts.by_reason import through_reason
from vmxlint.contexts.gate import RARELY, Gate
from vmxlint.contexts.gates import Gates
from vmxlint.contexts.nested import NestedMode
from vmxlint.contexts.reach import (
    ENTRY,
    EXIT,
    NESTED,
    NESTED_ENTRY,
    NESTED_EXIT,
    Given,
    Passage,
    Way,
    divided,
    nowhere,
)
from vmxlint.contexts.spine import Spine
from vmxlint.flow import Site
from vmxlint.flow.routine import Routine
from vmxlint.interval import ONCE, Interval
from vmxlint.model.profiles import Profile

Setting = dict[str, Interval]  # how often a flag is set, in one pass through each context


class Ways:
    """The ways through the gates of a unit.

    `given` knows what holds in every nested round trip, `nested` which calls are made in nested
    mode only; both once the round trip is known. `flags` says
    how often each flag is set, by its name; `asked` are the gates of those not known yet. While
    `deciding` on one, others that are not known, or that were decided without it, are open or not;
    `guessed` has these, by the flag that was decided.
    """

    def __init__(
        self,
        spine: Spine,
        gates: Gates,
        profile: Profile,
        given: Given | None = None,
        nested: NestedMode | None = None,
    ) -> None:
        self._nested = nested
        self._spine = spine
        self._gates = gates
        self._profile = profile
        self._given = given or Given()
        self._known: dict[int, tuple[Passage, ...]] = {}
        self._single: dict[int, Passage] = {}
        self._rows: dict[tuple[str, str], list[Way]] = {}
        self._surely: dict[int, tuple[Passage, ...]] = {}
        self.flags: dict[str, Setting] = {}
        self.asked: dict[str, Gate] = {}
        self.deciding = ""
        self.guessed: defaultdict[str, set[str]] = defaultdict(set)

    def chance(self, gate: Gate, context: str) -> Interval:
        """The probability of a gate, in a round trip or outside of one."""
        return self._given.chance(gate) if context in NESTED else gate.probability

    def along(self, edge: Edge, context: str, calls: Sequence[Edge] = ()) -> list[Way]:
        """The ways from a routine, reached in `context` by some calls, along one of its own."""
        ways = self.at(edge.caller, edge.site, context, calls, edge.key)
        for passage in self._held_when(edge):
            ways = nowhere(
                [onward for way in ways for onward in self._through(way, passage, calls)]
            )
        if self._nested is None or not ways:
            return ways
        if needed := self._nested.needs(edge):
            ways = [self._in_nested_mode(way) for way in ways]
        if edge.rivals > 1:
            one_mode = needed or context not in NESTED
            rivals = self._nested.rivals(edge) if one_mode else edge.rivals
            share = Interval(0, 1 / rivals, 1)
            ways = [(behind, chance * share, gates) for behind, chance, gates in ways]
        return ways

    def _held_when(self, edge: Edge) -> tuple[Passage, ...]:
        """The gates before a function pointer gets the value that a call leads to."""
        if not edge.when:
            return ()
        return divided(self._gates.gates(edge.when, edge.caller), self._given)

    def _in_nested_mode(self, way: Way) -> Way:
        """A way that goes on in nested mode only. Of one round trip's exits, those of a reason are
        about as many as of all exits."""
        context, chance, gates = way
        if context == ENTRY:
            return NESTED_ENTRY, chance, gates
        if context == EXIT:
            return NESTED_EXIT, chance, gates
        if context.startswith("exit:"):
            share = self._profile.share(context.removeprefix("exit:"))
            return NESTED_EXIT, chance * Interval(0, min(1.0, share), 1), gates
        return way

    def _behind(self, way: Way, passage: Passage) -> Way:
        """A way behind gates that do not turn on the exit reason."""
        context, chance, gates = self._in_nested_mode(way) if passage.nested else way
        factor = passage.in_round if context in NESTED else passage.chance
        return context, chance if factor is ONCE else chance * factor, gates + passage.gates

    def at(
        self, routine: Routine, site: Site, context: str, calls: Sequence[Edge] = (), key: str = ""
    ) -> list[Way]:
        """The ways from `routine`, reached in `context` by some calls, to one of its sites; `key`
        is the handler table's row through which the site calls."""
        if key:
            return self._through_table(routine, site, context, key)
        passages = self._passages(routine, site)
        if self._spine.has_side(routine, context):
            if not self._spine.is_on_side(routine, site, context):
                return []
        if context in (ENTRY, EXIT):
            if given := self._spine.given(routine):
                rest = [one for one in site.conditions if one not in given]
                passages = divided(self._gates.gates(rest, routine), self._given)
            # what waits for a flag runs where the flag is set, be the guest nested by then or not
            passages = tuple(sorted(passages, key=_is_no_flag))
        if len(passages) == 1 and not passages[0].special:
            return nowhere([self._behind((context, ONCE, ()), passages[0])])
        ways: list[Way] = [(context, ONCE, ())]
        for passage in passages:
            ways = [onward for way in ways for onward in self._through(way, passage, calls)]
        return nowhere(ways)

    def _through_table(self, routine: Routine, site: Site, context: str, key: str) -> list[Way]:
        """The ways through a row of a handler table; that an exit comes so far goes without saying,
        so the early ways out before the table count nothing."""
        if context == EXIT and not self._spine.is_on_side(routine, site, EXIT):
            return []
        ways = self._rows.get((context, key))
        if ways is None:
            row = self._gates.tables.row(key)
            ways = list(self._through((context, ONCE, ()), Passage((row,), special=row)))
            self._rows[context, key] = ways
        for passage in self._sure(routine, site):
            ways = [onward for way in ways for onward in self._through(way, passage)]
        return nowhere(ways)

    def _sure(self, routine: Routine, site: Site) -> Sequence[Passage]:
        """The gates before a site that is come to whatever left early."""
        known = self._surely.get(id(site))
        if known is None:
            gates = self._gates.gates(site.conditions, routine)
            certain = self._given.joined(gate.condition for gate in gates if gate.early)
            known = self._surely[id(site)] = tuple(
                Passage(one.gates, one.in_round, one.in_round, one.special)
                for one in divided(gates, certain)
            )
        return known

    def beyond(self, context: str, gate: Gate, in_round: bool) -> list[tuple[str, Interval]]:
        """The contexts behind one gate, each with its probability; `in_round` on the way of a
        nested round trip."""
        passage = self._single.get(id(gate))
        if passage is None:  # which keeps the gate, and so its identity
            (passage,) = divided((gate,), self._given)
            self._single[id(gate)] = passage
        if passage.special is None:
            onward, chance, _ = self._behind((context, ONCE, ()), passage)
            return [(onward, passage.in_round if in_round else chance)]
        return [way[:2] for way in self._through((context, ONCE, ()), passage)]

    def of_exits(self, profile: Profile) -> Ways:
        """The same ways in another exit mix."""
        other = Ways(self._spine, self._gates, profile, self._given, self._nested)
        other.flags = self.flags
        other._single = self._single
        return other

    def _passages(self, routine: Routine, site: Site) -> tuple[Passage, ...]:
        """The gates before a site; by its identity, for it lives as long as its routine."""
        known = self._known.get(id(site))
        if known is None:
            gates = self._gates.gates(site.conditions, routine)
            known = self._known[id(site)] = divided(gates, self._given)
        return known

    def _through(self, way: Way, passage: Passage, calls: Sequence[Edge] = ()) -> Sequence[Way]:
        gate = passage.special
        if gate is None:
            return [self._behind(way, passage)]
        context, chance, gates = way
        if gate.parameter:
            known = context in NESTED and passage.in_round != gate.probability
            more = passage.in_round if known else self._gates.chance_in(gate, calls)
            return [(context, chance * more, (*gates, gate))]
        if gate.kind == "reason":
            handled = self._gates.tables.handled | gate.reasons
            onward = through_reason(context, gate, handled, self._profile)
        else:
            onward = self._through_flag(context, gate)
        return [(behind_it, chance * more, (*gates, gate)) for behind_it, more in onward]

    def _through_flag(self, context: str, gate: Gate) -> list[tuple[str, Interval]]:
        """Work of every entry or exit runs in the contexts that set the flag; other work goes on
        in its own, seldom if nothing that runs sets it."""
        setting = self.flags.get(gate.flag)
        if self.deciding and (setting is None or self.deciding in self.guessed[gate.flag]):
            self.guessed[self.deciding].add(gate.flag)
            return [(context, gate.probability)]
        if setting is None:
            self.asked[gate.flag] = gate
            return []
        if context in (ENTRY, EXIT):
            if waiting := self._given.waiting(gate):
                rest = [(one, often) for one, often in setting.items() if one not in NESTED]
                return [(waiting, ONCE), *rest]
            return list(setting.items())
        if not setting:
            return [(context, RARELY)]
        passes = self._per_round_trip({context: ONCE})
        often = self._per_round_trip(setting) / passes if passes else 1
        return [(context, Interval(0, min(gate.probability.typical, often), 1))]

    def _per_round_trip(self, setting: Setting) -> float:
        """How often a flag is set in one nested round trip, with all the exits in it."""
        return sum(
            often.typical * self._profile.share(context.removeprefix("exit:"))
            if context.startswith("exit:")
            else often.typical
            for context, often in setting.items()
        )


def _is_no_flag(passage: Passage) -> bool:
    return passage.special is None or passage.special.kind != "flag"
