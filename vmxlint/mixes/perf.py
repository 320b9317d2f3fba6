"""`perf kvm stat report --stdio` and `perf kvm stat live`.

The rows are those of print_result() in Linux's tools/perf/builtin-kvm.c, whose first column has 20
or 40 characters, and those that its later histograms print. Time% is of no use here: HLT blocks.
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
    rf"\s+{_NUMBER}us\s+{_NUMBER}us\s+{_NUMBER}us\s+\(\s*\+-\s*{_NUMBER}\s?%\s*\)\s*$"
)
_HISTOGRAM_ROW = re.compile(
    rf"^\s*(?P<reason>\S.*?)\s+(?P<samples>{INTEGER})\s+{_NUMBER}\s?%"
    rf"\s+{_NUMBER}\s+{_NUMBER}\s?%(?:\s+{_NUMBER}){{3}}\s*$"
)
_BEGINNING = re.compile(r"^\s*(?:Analyze events for .*VCPU|KVM event statistics\b)")
_HEADER = re.compile(r"^\s*(?P<what>\S.*?)\s+Samples\s+Samples?%\s+Time")
_TOTAL = re.compile(rf"^\s*Total Samples:\s*(?P<total>{INTEGER})\b")
_CLOCK = re.compile(r"^\s*(?P<h>\d\d):(?P<m>\d\d):(?P<s>\d\d\.\d+)\s*$")
_EXITS = ("VM-EXIT", "Event name")
_DAY = 86400


def recognises(text: str) -> bool:
    """Whether a line is the beginning of such a report, or the head of its table."""
    return bool(_BEGINNING.match(text) or _HEADER.match(text))


def read(path: str, lines: Iterable[Line]) -> Mix:
    """The samples of all tables; MixError for a table of something else, or a damaged row."""
    counting = Counting(path)
    warnings: list[str] = []
    clock: list[float] = []
    within, listed = False, 0
    for line in lines:
        if found := _CLOCK.match(line.text):
            clock.append(_later(clock, found))
        elif found := _HEADER.match(line.text):
            _check_header(path, found["what"], line)
            within, listed = True, 0
        elif found := _TOTAL.match(line.text):
            total = whole(path, found["total"], line)
            if within and total != listed:
                said = f"Total Samples says {total}, the rows above have {listed}"
                warnings.append(f"{path}:{line.number}: {said}")
            within = False
        elif within and (found := _ROW.match(line.text) or _HISTOGRAM_ROW.match(line.text)):
            listed += counting.add(found["reason"], found["samples"], line)
        elif within and "%" in line.text:
            raise MixError(path, line.number, f"not a row of {NAME}: {line.text.strip()[:60]!r}")
    return counting.mix(over(clock), warnings=tuple(warnings))


def _check_header(path: str, what: str, line: Line) -> None:
    if what not in _EXITS:
        raise MixError(path, line.number, f"a table of {what}, not of exits: use --event=vmexit")


def _later(clock: list[float], found: re.Match[str]) -> float:
    """A time of day in seconds, a day later each time that midnight has passed."""
    seconds = int(found["h"]) * 3600 + int(found["m"]) * 60 + float(found["s"])
    while clock and seconds < clock[-1]:
        seconds += _DAY
    return seconds
