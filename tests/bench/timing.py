"""Runs of commands, each with the time, the processor time and the memory that it took."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from statistics import median
from typing import NamedTuple


class Cost(NamedTuple):
    """What one run took: seconds on the clock, seconds of processors, megabytes at the most."""

    wall: float
    cpu: float
    memory: float


class Contender(NamedTuple):
    """A command to time; `prepare` is called before each run, outside of its time."""

    name: str
    command: Sequence[object]
    prepare: Callable[[], None] = lambda: None


def timed(command: Sequence[object]) -> Cost:
    """One run, its output thrown away. Exit codes say whether there are findings: all are fine but
    those of a command that did not come to an end."""
    began = time.perf_counter()
    words = list(map(str, command))
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}")
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def measured(contenders: Sequence[Contender], rounds: int) -> dict[str, list[Cost]]:
    """The runs of each contender, taken in turn so that all see the same machine."""
    found: dict[str, list[Cost]] = {one.name: [] for one in contenders}
    for _ in range(rounds):
        for one in contenders:
            one.prepare()
            found[one.name].append(timed(one.command))
    return found


def typical(costs: Sequence[Cost]) -> Cost:
    """The medians."""
    return Cost(*(median(values) for values in zip(*costs, strict=True)))


def ratios(costs: Sequence[Cost], floor: Sequence[Cost]) -> tuple[float, float]:
    """How many times as long as the floor on the clock, and how many times its processor time: the
    medians over the rounds. On a busy machine only the second says something."""
    pairs = list(zip(costs, floor, strict=True))
    wall = median(one.wall / other.wall for one, other in pairs)
    return wall, median(one.cpu / max(other.cpu, 0.001) for one, other in pairs)
