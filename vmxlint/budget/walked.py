"""The contexts that a pass goes through, by the names under which passes share what they find."""

from __future__ import annotations

from collections.abc import Collection

from vmxlint.budget.course import OF_THE_PASS, Course
from vmxlint.budget.memory import Memory
from vmxlint.contexts.gate import Gate
from vmxlint.contexts.reach import ENTRY, EXIT, NESTED_ENTRY, NESTED_EXIT
from vmxlint.contexts.ways import Ways
from vmxlint.flow.routine import Routine
from vmxlint.interval import Interval

SOME_EXIT = "exit:"  # the context of a pass's own exit reason, whichever that is
COUNTED = "counted"  # any context that is counted, of what does the same in all of them
_COMMON = (ENTRY, EXIT, NESTED_ENTRY, NESTED_EXIT, SOME_EXIT, COUNTED)
_NESTED = {ENTRY: NESTED_ENTRY, EXIT: NESTED_EXIT}  # the context of what a nested guest adds


class Walked:
    """The contexts that one pass walks through, of which it counts some."""

    def __init__(
        self,
        course: Course,
        ways: Ways,
        memory: Memory,
        counted: Collection[str],
        walked: Collection[str],
        in_round: bool,
    ) -> None:
        self._course = course
        self._ways = ways
        self._memory = memory
        self._counted = frozenset(counted)
        self._in_round = in_round
        self._any = min(self._counted)
        self.contexts = frozenset(walked) | self._counted
        self.reason = next((one for one in counted if one.startswith(SOME_EXIT)), "")

    def counts(self, context: str) -> bool:
        """Whether what runs in a context is counted."""
        return self.special(context) in self._counted

    def shared(self, routine: Routine, context: str) -> str:
        """The name of a context for a routine: one for all that are counted if it does the same in
        each."""
        alike = context in _COMMON and routine in self._course.alike
        return COUNTED if alike and self.counts(context) else context

    def general(self, context: str) -> str:
        """The name of a context for all passes: that of their own exit reason is the same."""
        return SOME_EXIT if context == self.reason else context

    def special(self, context: str) -> str:
        """The context of this pass that a name stands for."""
        if context == COUNTED:
            return self._any
        return self.reason if context == SOME_EXIT else context

    def is_steady(self, context: str) -> bool:
        """Whether a context comes again and again for the same VMCS."""
        return not self._in_round and context in _COMMON

    def led_to(self, context: str, gate: Gate) -> list[tuple[str, Interval]]:
        """The contexts that are walked behind one gate, each with its probability."""
        if gate.kind in OF_THE_PASS:
            self._memory.is_particular()
        special = self.special(context)
        ways = self._ways.beyond(special, gate, self._in_round)
        return [
            (context if onward == special else self.general(onward), chance)
            for onward, chance in ways
            if onward in self.contexts
        ]

    def counts_nested(self, context: str) -> bool:
        """Whether what a nested guest adds to a context is counted."""
        return _NESTED.get(context) in self._counted
