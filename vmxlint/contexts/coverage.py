"""What has been asked for, and the calls that lead to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vmxlint.calls.link import Edge, Linker
from vmxlint.flow.routine import Routine


class Coverage:
    """The routines that somebody has asked for, with all that may call them.

    `touched` are the callers of what was covered since the last search.
    """

    def __init__(self, linker: Linker, routines: Iterable[Routine]) -> None:
        self._linker = linker
        self.covered: set[Routine] = set(routines)
        self.touched: set[Routine] = set()
        self._warm: dict[Routine, list[Edge]] = {}
        self._leading: dict[Routine, tuple[int, Sequence[Edge]]] = {}  # of so many covered ones

    def onward(self, routine: Routine) -> Sequence[Edge]:
        """The calls of a routine that lead to what somebody has asked for."""
        if (warm := self._warm.get(routine)) is None:
            cold = self._linker.dialect.cold
            edges = self._linker.edges(routine)
            warm = self._warm[routine] = [one for one in edges if one.callee.name not in cold]
        number, leading = self._leading.get(routine, (0, ()))
        if number < len(self.covered):
            leading = [edge for edge in warm if edge.callee in self.covered]
            self._leading[routine] = len(self.covered), leading
        return leading

    def cover(self, routines: Iterable[Routine]) -> bool:
        """Let the ways to some routines matter: all that may call them; whether that is new."""
        todo = [one for one in routines if one not in self.covered]
        for routine in todo:
            if routine not in self.covered:
                self.covered.add(routine)
                callers = self._linker.could_call(routine)
                self.touched.update(callers)
                todo += callers
        return bool(todo)
