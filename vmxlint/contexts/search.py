"""The search for all code that the run loop reaches, and how often it runs."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from vmxlint.calls.link import Edge
from vmxlint.contexts.coverage import Coverage
from vmxlint.contexts.gate import Gate
from vmxlint.contexts.reach import Reach
from vmxlint.contexts.ways import Setting, Ways
from vmxlint.flow.routine import Routine
from vmxlint.interval import NOTHING, ONCE, Interval

_HANDED_ON = 3
_ROUNDS = 16  # of deciding on flags that wait for each other
MOST_RUNS = 1000.0  # per pass; beyond, a sum over ways says no more than "often"
Node = tuple[Routine, str]


class Step(NamedTuple):
    """A routine reached in a context: by one call more than `parent`, through `gates`.

    `probability` is that of all gates on the way; `descent` are the calls above a root, `calls` the
    last ones of the way, as far as they may hand a constant on.
    """

    routine: Routine
    context: str
    probability: Interval = ONCE
    depth: int = 0
    parent: Step | None = None
    edge: Edge | None = None
    gates: tuple[Gate, ...] = ()
    chance: Interval = ONCE
    descent: tuple[Edge, ...] = ()
    calls: tuple[Edge, ...] = ()

    def called(self, edge: Edge, way: tuple[str, Interval, tuple[Gate, ...]]) -> Step:
        """The step behind one of the ways to a call."""
        context, chance, gates = way
        whole, depth = self.probability * chance, self.depth + 1
        calls = (*self.calls, edge)[-_HANDED_ON:]
        return Step(edge.callee, context, whole, depth, self, edge, gates, chance, (), calls)

    def chain(self) -> list[Step]:
        """The steps from the root on."""
        steps: list[Step] = []
        step: Step | None = self
        while step:
            steps.append(step)
            step = step.parent
        return steps[::-1]

    @property
    def is_nested(self) -> bool:
        """Whether a test for nested mode holds on the way."""
        gates = (gate for step in self.chain() for gate in step.gates)
        return any(gate.kind == "guest-mode" and gate.holds for gate in gates)

    def reach(self, runs: Callable[[], Interval]) -> Reach:
        """The way of this step as a whole; `runs` counts all ways."""
        steps = self.chain()
        calls = (*steps[0].descent, *(step.edge for step in steps if step.edge))
        path = (*(call.caller.name for call in steps[0].descent), *(s.routine.name for s in steps))
        gates = tuple(gate for step in steps for gate in step.gates)
        return Reach(self.context, path, gates, self.probability, calls, runs)


class Search:
    """The most probable way of each context to each routine, by a heap as in Dijkstra's search.

    A probability never grows along a path. Of equals the shortest way, then the first in the order
    of the code. `coverage` gives the calls of a routine that matter so far. What `once` names runs
    just once in a pass, whatever its callers.
    """

    def __init__(
        self,
        roots: Sequence[Step],
        coverage: Coverage,
        ways: Ways,
        once: Iterable[Node] = (),
    ) -> None:
        self._coverage = coverage
        self._ways = ways
        self._heap: list[tuple[float, int, int, Step]] = []
        self._pushed = 0
        self._calls: dict[Node, list[tuple[Node, Interval]]] = {}
        self._waiting: list[tuple[Step, Edge]] = []
        self._followed: dict[Routine, set[Edge]] = {}
        self._sums: Mapping[Node, list[float]] = {}
        self._summed = -1  # the number of calls that the sums are of
        self.found: dict[Routine, dict[str, Step]] = {}
        self._roots = [(root.routine, root.context) for root in roots]
        self._once = {*self._roots, *once}
        for root in roots:
            self._push(root)
        self.go_on()

    def go_on(self) -> None:
        """Follow the calls that matter by now and did not before. They lead to nothing that was
        found before, for its callers mattered already; so the ways to that stay the best."""
        self._follow_more()
        while self._ways.asked or self._waiting:
            self._resolve_flags()

    def _follow_more(self) -> None:
        touched = self._coverage.touched
        again = [routine for routine in self.found if routine in touched]
        touched.clear()
        for routine in again:
            followed = self._followed[routine]
            for edge in self._coverage.onward(routine):
                if edge not in followed:
                    followed.add(edge)
                    for step in list(self.found[routine].values()):
                        self._call(step, edge)
        self._run()

    def _push(self, step: Step) -> None:
        self._pushed += 1
        heapq.heappush(self._heap, (-step.probability.typical, step.depth, self._pushed, step))

    def _run(self) -> None:
        while self._heap:
            step = heapq.heappop(self._heap)[-1]
            known = self.found.setdefault(step.routine, {})
            if step.context not in known:
                known[step.context] = step
                followed = self._followed.setdefault(step.routine, set())
                followed.update(edges := self._coverage.onward(step.routine))
                for edge in edges:
                    self._call(step, edge)

    def _call(self, step: Step, edge: Edge) -> None:
        before = len(self._ways.asked)
        ways = self._ways.along(edge, step.context, step.calls)
        if len(self._ways.asked) > before or (not ways and self._ways.asked):
            self._waiting.append((step, edge))
            return
        calls = self._calls.setdefault((step.routine, step.context), [])
        for context, chance, gates in ways:
            calls.append(((edge.callee, context), chance))
            if context not in self.found.get(edge.callee, ()):
                self._push(step.called(edge, (context, chance, gates)))

    def _resolve_flags(self) -> None:
        """Go on behind the flags that the search came to, in the contexts that set them."""
        asked = dict(self._ways.asked)
        self._ways.asked.clear()
        setters = [routine for gate in asked.values() for routine, _ in gate.setters]
        if self._coverage.cover(setters):
            self._follow_more()
        self._decide(asked)
        waiting, self._waiting = self._waiting, []
        for step, edge in waiting:
            self._call(step, edge)
        self._run()

    def _decide(self, asked: Mapping[str, Gate]) -> None:
        """Find out how often some flags are set, first those that turn on none which is not known:
        no guess is made of these because they are asked for together with others."""
        for left in reversed(range(_ROUNDS)):
            settings = {flag: self._setting(gate) for flag, gate in asked.items()}
            sure = {flag: one for flag, one in settings.items() if not self._ways.guessed[flag]}
            sure = sure if sure and left else settings
            self._ways.flags.update(sure)
            asked = {flag: gate for flag, gate in asked.items() if flag not in sure}
            for flag in asked:
                self._ways.guessed[flag].clear()

    def _setting(self, gate: Gate) -> Setting:
        """How often the flag of a gate is set, in one pass through each context."""
        setting: Setting = {}
        self._ways.deciding = gate.flag
        for routine, site in gate.setters:
            for context, step in self.found.get(routine, {}).items():
                chance = step.probability
                for behind, more, _ in self._ways.at(routine, site, context, step.calls):
                    total = setting.get(behind, NOTHING) + chance * more
                    setting[behind] = total.capped(1)
        self._ways.deciding = ""
        return setting

    def expected(self, routine: Routine, context: str) -> Interval:
        """How often a routine runs in one pass through a context, by all ways together.

        Calls back into a recursion that is under way count nothing.
        """
        grown = sum(map(len, self._calls.values()))
        if self._summed != grown:
            self._sums, self._summed = self._sum(), grown
        low, typical, high = self._sums.get((routine, context), (0.0, 0.0, 0.0))
        return Interval(low, typical, max(typical, high))

    def _sum(self) -> Mapping[Node, list[float]]:
        order = self._in_order()
        place = {node: number for number, node in enumerate(order)}
        sums = [[1.0, 1.0, 1.0] if node in self._once else [0.0, 0.0, 0.0] for node in order]
        fixed = {place[node] for node in self._once if node in place}
        for number, node in enumerate(order):
            low, typical, high = sums[number]
            for callee, chance in self._calls.get(node, ()):
                behind = place[callee]
                if behind > number and behind not in fixed:
                    total = sums[behind]
                    total[0] = min(total[0] + low * chance.low, MOST_RUNS)
                    total[1] = min(total[1] + typical * chance.typical, MOST_RUNS)
                    total[2] = min(total[2] + high * chance.high, MOST_RUNS)
        return dict(zip(order, sums, strict=True))

    def _in_order(self) -> list[Node]:
        """Callers before callees, as far as recursion allows: depth first, turned round."""
        done: list[Node] = []
        seen: set[Node] = set()
        for root in self._roots:
            todo: list[tuple[Node, bool]] = [(root, False)]
            while todo:
                node, left = todo.pop()
                if left:
                    done.append(node)
                elif node not in seen:
                    seen.add(node)
                    todo.append((node, True))
                    callees = self._calls.get(node, ())
                    todo += [(one, False) for one, _ in reversed(callees) if one not in seen]
        return done[::-1]
