"""kvm_exit events, a line each: perf script, trace-cmd report, the kernel's trace file."""

from __future__ import annotations

import re
from collections.abc import Iterable

from vmxlint.mixes.lines import Line, MixError
from vmxlint.mixes.mix import Counting, Mix

NAME = "kvm_exit events"
_EVENT = re.compile(r"(?:(?P<time>\d+\.\d+):\s+)?(?<![\w(])(?:kvm:)?kvm_exit:\s")
_REASON = re.compile(r"(?:\breason:?\s+|\bexit_reason=)(?P<reason>\w+)")


def recognises(text: str) -> bool:
    """Whether a line is such an event."""
    return bool(_EVENT.search(text))


def read(path: str, lines: Iterable[Line]) -> Mix:
    """One sample for each event; MixError for an event without a reason."""
    counting = Counting(path)
    first = last = None
    for line in lines:
        event = _EVENT.search(line.text) if "kvm_exit:" in line.text else None
        if event is None:
            continue
        reason = _REASON.search(line.text, event.end())
        if reason is None:
            raise MixError(path, line.number, "a kvm_exit event without a reason")
        counting.add(reason["reason"], "1", line)
        if event["time"]:
            time = float(event["time"])
            first, last = min(first or time, time), max(last or time, time)
    seconds = last - first if first is not None and last is not None else 0
    return counting.mix(seconds if seconds > 0 else None)
