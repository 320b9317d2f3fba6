"""What a rule says: where, why, in which contexts, and what a fix would save."""

from __future__ import annotations

from dataclasses import dataclass

from vmxlint.contexts.reach import Reach
from vmxlint.cost import Saving
from vmxlint.facts import Expr
from vmxlint.flow.routine import Routine


@dataclass(frozen=True)
class Spot:
    """A span of a file of the unit, by byte offsets; `function` is the one around it, if any."""

    path: str
    start: int
    end: int
    function: str | None = None


def spot(routine: Routine, expr: Expr) -> Spot:
    """The span of an expression."""
    return Spot(routine.path, expr.start, expr.end, routine.name)


@dataclass(frozen=True)
class Hit:
    """One report of a rule. The engine makes a Finding of it.

    `message` is one sentence without its full stop, `label` stands under the line of code, `help`
    is what to do instead. `reaches` are the ways to the code, the one to show first; `unit` is what
    the price is per, "VM-entry" or "VM-exit". A hit without ways speaks of where code lies, not of
    when it runs: it has no savings either.
    """

    spot: Spot
    message: str
    label: str
    help: str
    reaches: tuple[Reach, ...]
    savings: tuple[Saving, ...]
    unit: str
    related: tuple[tuple[Spot, str], ...] = ()
