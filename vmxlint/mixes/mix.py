"""What one of the formats says: samples by exit reason, and over which time."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from vmxlint.mixes.lines import Line, MixError

# 1234, or in groups of three as a locale has them.
INTEGER = r"(?:\d{1,3}(?:[.,'\u2019\u00a0\u202f]\d{3})+|\d+)"
_MOST_DIGITS = 18


@dataclass(frozen=True)
class Mix:
    """Samples by the reason's name as printed, and the line that each reason first stands in.

    The rate follows from `seconds`, or else is `per_second`, if either is known.
    """

    counts: Mapping[str, int]
    lines: Mapping[str, int]
    seconds: float | None = None
    per_second: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass
class Counting:
    """Adds up the rows of a file."""

    path: str
    counts: dict[str, int] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def add(self, reason: str, samples: str, line: Line) -> int:
        """Count a row; MixError for a number that is none."""
        number = whole(self.path, samples, line)
        self.counts[reason] = self.counts.get(reason, 0) + number
        self.lines.setdefault(reason, line.number)
        return number

    def mix(
        self,
        seconds: float | None = None,
        per_second: float | None = None,
        warnings: tuple[str, ...] = (),
    ) -> Mix:
        """What has come together."""
        return Mix(self.counts, self.lines, seconds, per_second, warnings)


def whole(path: str, digits: str, line: Line) -> int:
    """A number as a locale may print it; MixError if it is too long to be a count."""
    plain = re.sub(r"\D", "", digits)
    if not plain or len(plain) > _MOST_DIGITS:
        raise MixError(path, line.number, f"not a count: {digits[:40]!r}")
    return int(plain)


def over(times: list[float]) -> float | None:
    """The seconds that evenly spaced reports cover, each of one interval; None for just one."""
    span = times[-1] - times[0] if len(times) > 1 else 0
    return span * len(times) / (len(times) - 1) if span > 0 else None
