"""`perf kvm stat report --stdio` and `perf kvm stat live`.

The rows are those of print_result() in Linux's tools/perf/builtin-kvm.c, whose first column has 20
or 40 characters, without the least and the longest time in the first releases, and those that its
later histograms print. Time% is of no use here: HLT blocks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from vmxlint.mixes.lines import Line, MixError
from vmxlint.mixes.mix import INTEGER, Counting, Mix, over, whole

NAME = "perf kvm stat"
_NUMBER = r"[-+]?(?:nan|inf|[\d.,'\u2019\u00a0\u202f]+)"
_ROW = re.compile(
    rf"^\s*(?P<reason>\S.*?)\s+(?P<samples>{INTEGER})\s+{_NUMBER}\s?%\s+{_NUMBER}\s?%"
    rf"(?:\s+{_NUMBER}us\s+{_NUMBER}us)?\s+{_NUMBER}us\s+\(\s*\+-\s*{_NUMBER}\s?%\s*\)\s*$"
)
_HISTOGRAM_ROW = re.compile(
    rf"^\s*(?P<reason>\S.*?)\s+(?P<samples>{INTEGER})\s+{_NUMBER}\s?%(?:\s+{_NUMBER}\s?%?)*\s*$"
)
_WRAPPED = re.compile(rf"^\s*\S.*?\s+{INTEGER}\s+{_NUMBER}\s?%\s+{_NUMBER}\s?%")
_BEGINNING = re.compile(r"^\s*(?:Analyze events for .*VCPU|KVM event statistics\b)")
_HEADER = re.compile(r"^\s*(?P<what>\S.*?)\s+Samples\s+Samples?%\s+Time")
_TOTAL = re.compile(rf"^\s*Total Samples:\s*(?P<total>{INTEGER})\b")
_CLOCK = re.compile(r"^\s*(?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d\.\d+)\s*$")
_HISTOGRAM = "Event name"
_EXITS = ("VM-EXIT", _HISTOGRAM)
_DAY = 86400


def recognises(text: str) -> bool:
    """Whether a line is the beginning of such a report, or the head of its table."""
    return bool(_BEGINNING.match(text) or _HEADER.match(text))


def read(path: str, lines: Iterable[Line]) -> Mix:
    """The samples of all tables; MixError for a table of something else, or a damaged row."""
    reader = _Reader(path)
    for line in lines:
        reader.take(line)
    return reader.mix()


class _Reader:
    """Goes through the lines: a table is open from its head to its total."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._counting = Counting(path)
        self._warnings: list[str] = []
        self._clock: list[float] = []
        self._tables = self._listed = 0
        self._row: re.Pattern[str] | None = None
        self._begun: Line | None = None  # a row that a mail may have wrapped

    def take(self, line: Line) -> None:
        """Understand one more line."""
        if self._begun:
            begun, self._begun = self._begun, None
            self._count(Line(begun.number, f"{begun.text} {line.text}"), begun)
        elif found := _CLOCK.match(line.text):
            self._clock.append(_later(self._clock, found))
        elif found := _HEADER.match(line.text):
            _check_header(self._path, found["what"], line)
            self._row = _HISTOGRAM_ROW if found["what"] == _HISTOGRAM else _ROW
            self._tables, self._listed = self._tables + 1, 0
        elif found := _TOTAL.match(line.text):
            self._check_total(found["total"], line)
        elif self._row and "%" in line.text:
            self._count(line, None)

    def _count(self, line: Line, begun: Line | None) -> None:
        assert self._row
        if found := self._row.match(line.text):
            self._listed += self._counting.add(found["reason"], found["samples"], line)
        elif begun is None and _WRAPPED.match(line.text):
            self._begun = line
        else:
            said = (begun or line).text.strip()[:60]
            raise MixError(self._path, line.number, f"not a row of {NAME}: {said!r}")

    def _check_total(self, digits: str, line: Line) -> None:
        total = whole(self._path, digits, line)
        if self._row and total != self._listed:
            said = f"Total Samples says {total}, the rows above have {self._listed}"
            self._warnings.append(f"{self._path}:{line.number}: {said}")
        self._row = None

    def mix(self) -> Mix:
        """All tables added up; what is left open is an error."""
        if self._begun:
            self._count(self._begun, self._begun)
        if self._row is _ROW:
            self._warnings.append(f"{self._path}: no Total Samples below the rows: cut off?")
        if self._tables > 1 and not self._clock:
            self._warnings.append(f"{self._path}: {self._tables} tables, added up")
        return self._counting.mix(over(self._clock), warnings=tuple(self._warnings))


def _check_header(path: str, what: str, line: Line) -> None:
    if what not in _EXITS:
        raise MixError(path, line.number, f"a table of {what}, not of exits: use --event=vmexit")


def _later(clock: list[float], found: re.Match[str]) -> float:
    """A time of day in seconds, a day later each time that midnight has passed."""
    seconds = int(found["h"]) * 3600 + int(found["m"]) * 60 + float(found["s"])
    while clock and seconds < clock[-1]:
        seconds += _DAY
    return seconds
