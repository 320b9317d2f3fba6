"""Findings by price, the dearest first, and which of them the model cannot tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from vmxlint.findings import Cost, Finding, Rank
from vmxlint.interval import Interval
from vmxlint.report import Report


def ranked(report: Report) -> Report:
    """The report with its findings by typical cycles per VM-exit, then per nested round trip.

    Each gets its place; neighbours whose intervals overlap by more than half tie. Findings of one
    price stay in the order of their places in the code.
    """
    ordered = sorted(report.findings, key=lambda one: one.cost.rank, reverse=True)
    ties = [_tie(one.cost, other.cost) for one, other in pairwise(ordered)]
    return report._replace(findings=tuple(_placed(ordered, ties)))


def _placed(ordered: Sequence[Finding], ties: Sequence[bool]) -> list[Finding]:
    around = zip((False, *ties), (*ties, False), strict=True) if ordered else ()
    return [
        one._replace(rank=Rank(place, len(ordered), above, below))
        for place, (one, (above, below)) in enumerate(zip(ordered, around, strict=False), 1)
    ]


def _tie(one: Cost, other: Cost) -> bool:
    if one.magnitude or other.magnitude:
        return one.magnitude == other.magnitude
    if _is_some(one.per_exit) or _is_some(other.per_exit):
        return _overlap(one.per_exit, other.per_exit)
    return _overlap(one.per_nested_round_trip, other.per_nested_round_trip)


def _is_some(figure: Interval | None) -> bool:
    return figure is not None and figure.high > 0


def _overlap(one: Interval | None, other: Interval | None) -> bool:
    """Whether more than half of the narrower interval lies within the other."""
    if one is None or other is None:
        return False
    shared = min(one.high, other.high) - max(one.low, other.low)
    narrower = min(one.high - one.low, other.high - other.low)
    return shared > narrower / 2 if narrower else shared >= 0
