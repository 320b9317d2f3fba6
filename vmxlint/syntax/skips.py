"""Jumps ahead over statements of assembly, as an `if` around these.

Where nothing of what is skipped goes on elsewhere or is jumped into, `je done` in front of it is an
`if`. A jump to where nothing more is done is a way out of the function and stays a `goto`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vmxlint.facts import Stmt

_DEEPEST = 20
_MOST_JUMPS = 500  # of a function; a hypervisor's has some forty


def nested(statements: Sequence[Stmt]) -> tuple[Stmt, ...]:
    """The statements of a function with an `if` around those that a jump may skip."""
    return tuple(_Function(statements).part(0, len(statements), 0))


class _Function:
    """The statements of a function by their numbers."""

    def __init__(self, statements: Sequence[Stmt]) -> None:
        self._statements = statements
        self._labels = {one.text: n for n, one in enumerate(statements) if one.kind == "label"}
        self._jumps = _jumps(statements)
        doing = [n for n, one in enumerate(statements) if one.kind == "expr"]
        self._last = doing[-1] if doing else 0

    def part(self, start: int, end: int, depth: int) -> list[Stmt]:
        """The statements between two numbers."""
        found: list[Stmt] = []
        while start < end:
            one = self._statements[start]
            behind = self._skipped(start)
            if start < behind <= end and depth < _DEEPEST:
                body = tuple(self.part(start + 1, behind, depth + 1))
                found.append(one._replace(body=(), orelse=body))
                start = behind
            else:
                found.append(one)
                start += 1
        return found

    def _skipped(self, number: int) -> int:
        """The number of the label to which a jump skips; -1 if it is no such jump."""
        one = self._statements[number]
        if one.kind != "if" or len(self._jumps) > _MOST_JUMPS:
            return -1
        behind = self._labels.get(self._jumps[number], -1)
        if behind > self._last or self._statements[behind - 1].kind in ("goto", "return"):
            return -1
        inside = range(number + 1, behind)
        for start, label in self._jumps.items():
            end = self._labels.get(label, -1)
            if start in inside and not (number < end <= behind or end > self._last):
                return -1
            if start not in inside and end in inside:
                return -1
        return behind


def _jumps(statements: Sequence[Stmt]) -> Mapping[int, str]:
    """The label of each jump, by the number of its statement."""
    found = {n: one for n, one in enumerate(statements) if one.kind == "goto"}
    found |= {n: one.body[0] for n, one in enumerate(statements) if one.kind == "if"}
    return {number: one.text for number, one in found.items()}
