"""`kvm_stat`: batch (`-1`), log (`-l`, also as CSV), and a screen copied from the terminal.

Batch prints name, total and the change within one second; log repeats a line of names and lines of
changes; the screen has a head. Only the tracepoint provider tells exits by reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from vmxlint.mixes.lines import Line, MixError
from vmxlint.mixes.mix import INTEGER, Counting, Mix, over

NAME = "kvm_stat"
_CHILD = re.compile(r"\bkvm_exit\((?P<reason>\w+)\)")
_ROW = re.compile(
    rf"^\s*kvm_exit\((?P<reason>\w+)\)\s+(?P<total>{INTEGER})(?:\s+(?P<rest>[\d.,\s]*))?$"
)
_HEAD = re.compile(r"^\s*Event\s+Total\s+(?P<third>%Total|Current)\b")
_SUM = re.compile(r"^\s*kvm_exit\s+\d")
_DEBUGFS = re.compile(r"^\s*exits\s+\d+\s+\d+\s*$")
_STAMP = re.compile(r"\s*(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(?=[\s,])")


def recognises(text: str) -> bool:
    """Whether a line counts kvm_exit events, or heads a screen or a log of them."""
    found = _CHILD.search(text) or _SUM.match(text) or _HEAD.match(text) or _DEBUGFS.match(text)
    return bool(found)


def read(path: str, lines: Iterable[Line]) -> Mix:
    """The samples; MixError for a damaged row, and where nothing is told by reason."""
    counting = Counting(path)
    names: list[str] | None = None
    rates: list[float] = []
    head: str | None = None
    stamps: list[float] = []
    first = 0
    for line in lines:
        first = first or line.number
        if found := _HEAD.match(line.text):
            head = found["third"]
        elif found := _ROW.match(line.text):
            counting.add(found["reason"], found["total"], line)
            rates.append(_rate(found["rest"] or "", head))
        elif _CHILD.search(line.text):
            names = _names(path, line)
        elif names and line.text.strip():
            stamps += _add_changes(path, counting, names, line)
    if not counting.counts:
        raise MixError(path, first, "kvm_stat without kvm_exit by reason: run it with -t")
    return counting.mix(over(stamps), sum(rates) or None)


def _names(path: str, line: Line) -> list[str]:
    names = line.text.replace(",", " ").split()
    if any(name.isdigit() for name in names):
        raise MixError(path, line.number, f"not a row of {NAME}: {line.text.strip()[:60]!r}")
    return names[1:] if names[0] == "timestamp" else names


def _add_changes(path: str, counting: Counting, names: list[str], line: Line) -> list[float]:
    """Count one line of a log; its time stamp, if it has one."""
    stamp = _STAMP.match(line.text)
    changes = line.text[stamp.end() if stamp else 0 :].replace(",", " ").split()
    if len(changes) != len(names) or not all(change.isdigit() for change in changes):
        said = f"{len(changes)} numbers for {len(names)} names"
        raise MixError(path, line.number, f"not a row of {NAME}: {said}")
    for name, change in zip(names, changes, strict=True):
        if found := _CHILD.fullmatch(name):
            counting.add(found["reason"], change, line)
    try:
        return [datetime.fromisoformat(stamp[1]).timestamp()] if stamp else []
    except ValueError:
        raise MixError(path, line.number, f"no such time: {line.text[:19]!r}") from None


def _rate(rest: str, head: str | None) -> float:
    """Exits per second: the screen's last column, or what batch counted within its second."""
    words = rest.split()
    if head == "Current" or (head == "%Total" and len(words) < 2) or not words:
        return 0.0
    try:
        return float(words[-1])
    except ValueError:
        return 0.0
