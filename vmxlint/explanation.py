"""The answer of `vmxlint why`: when a function runs, how often, on which way, and what it does."""

from __future__ import annotations

from dataclasses import dataclass

from vmxlint.interval import Interval


@dataclass(frozen=True)
class Running:
    """One context of a function: how often it runs there, and the most probable way to it.

    `per_exit` and `per_nested_round_trip` count runs, by all ways together, modelled; `grade` and
    `source` are those of the context's own frequency. `turns` are the conditions on the way that
    may not hold, `conditions` all of them.
    """

    context: str
    per_exit: Interval
    per_nested_round_trip: Interval
    grade: str
    source: str
    call_path: tuple[str, ...]
    turns: tuple[str, ...]
    conditions: tuple[str, ...]


@dataclass(frozen=True)
class Made:
    """One VMX operation in a function: its line, its kind, the field or operand as spelled, and
    what must hold inside the function."""

    line: int
    kind: str
    field: str
    conditions: tuple[str, ...]


@dataclass(frozen=True)
class Explained:
    """One function of the name that was asked for; without contexts it is cold."""

    name: str
    path: str
    opened_as: str
    line: int
    contexts: tuple[Running, ...]
    operations: tuple[Made, ...]


@dataclass(frozen=True)
class Explanation:
    """All functions of that name, in order of their places, read in a dialect."""

    functions: tuple[Explained, ...]
    cpu: str
    profile: str
    dialect: str
