"""How probable the conditions on the way to a finding are, and what says so."""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.contexts.gate import Gate
from vmxlint.contexts.reach import NESTED, Reach
from vmxlint.cost import Pricing
from vmxlint.findings import Chance
from vmxlint.interval import ONCE, Interval
from vmxlint.program import Program

_BASES = {"hint": "known", "failure": "known", "request": "known"}


def chances(reach: Reach | None, program: Program) -> tuple[Chance, ...]:
    """The conditions of a way that need not hold, in order, each once."""
    found = dict.fromkeys(_chances(reach, program)) if reach else {}
    return tuple(found)


def _chances(reach: Reach, program: Program) -> Iterator[Chance]:
    pricing, nested = program.pricing, reach.context in NESTED
    for gate in reach.gates:
        if nested and (gate.kind == "reason" or program.contexts.given.chance(gate) is ONCE):
            continue  # so it is in each nested round trip, by definition
        if gate.kind == "reason":
            yield Chance(gate.spelled, _share(gate, pricing), f"profile {pricing.profile.name}")
        elif gate.kind not in ("flag", "table", "guest-mode") and gate.probability != ONCE:
            yield Chance(gate.spelled, gate.probability, _BASES.get(gate.kind, "guessed"))


def _share(gate: Gate, pricing: Pricing) -> Interval:
    """The part of all exits that have, or have not, one of the gate's reasons."""
    share = pricing.profile.frequency(*gate.reasons)
    return share if gate.among else share.complement()
