"""A Cost in words and as plain data: the two forms that the reporters share."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from vmxlint.findings import Cost, Delta, Finding
from vmxlint.interval import Interval


def in_words(cost: Cost) -> str:
    """`cost` on one line: each known figure, what it is per, its interval, and what it rests on."""
    if cost.is_none:
        return cost.magnitude or ""
    return f"{figures(cost)} [{cost.cpu}, modelled, grade {cost.grade}]"


def as_data(cost: Cost) -> dict[str, object]:
    """`cost` as the JSON contract has it: figures to two decimals, None for one not known."""
    return {
        "per_exit": ends(cost.per_exit),
        "per_nested_round_trip": ends(cost.per_nested_round_trip),
        "magnitude": cost.magnitude,
        "grade": cost.grade,
        "cpu": cost.cpu,
        "profile": cost.profile,
        "modelled": True,
        "sources": list(cost.sources),
    }


def figures(cost: Cost) -> str:
    """Each known figure of `cost`, what it is per and its interval."""
    terms = ((cost.unit, cost.per_exit), ("nested round trip", cost.per_nested_round_trip))
    known = [(per, figure) for per, figure in terms if figure is not None]
    if not known:
        return cost.magnitude or "no figure"
    (per, figure), *rest = [one for one in known if one[1].high] or known
    first = _term(figure, f"cycles per {per}")
    return ", ".join([first, *(_term(figure, f"per {per}") for per, figure in rest)])


def _term(figure: Interval, of_what: str) -> str:
    low, typical, high = map(two_digits, (figure.low, figure.typical, figure.high))
    return f"~{typical} {of_what} ({low}-{high})"


def two_digits(value: float) -> str:
    """`value` to two significant digits, never with an exponent."""
    return f"{Decimal(f'{value:.1e}').normalize():f}"


def ends(figure: Interval | Delta | None, decimals: int = 2) -> dict[str, float] | None:
    """An interval as plain data, rounded; None for one not known."""
    if figure is None:
        return None
    named = {"low": figure.low, "typical": figure.typical, "high": figure.high}
    return {end: _rounded(value, decimals) for end, value in named.items()}


def _rounded(value: float, decimals: int) -> float:
    """`value` to some decimals, as an int if that is all there is."""
    short = round(value, decimals)
    return int(short) if short == int(short) else short


def dearest(findings: Sequence[Finding], most: int) -> list[Finding]:
    """The `most` findings with the highest typical cost, in the order they came in."""
    by_price = sorted(range(len(findings)), key=lambda n: _price(findings[n]), reverse=True)
    return [findings[n] for n in sorted(by_price[:most])]


def _price(finding: Finding) -> tuple[float, float]:
    figures = (finding.cost.per_exit, finding.cost.per_nested_round_trip)
    per_exit, nested = (figure.typical if figure else 0 for figure in figures)
    return per_exit, nested
