"""A Cost in words and as plain data: the two forms that the reporters share."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from vmxlint.findings import Chance, Cost, Finding, Load, Rank, Term
from vmxlint.interval import Interval
from vmxlint.model.operations import BARE_METAL
from vmxlint.report import Delta

_MOST_CHANCES = 3  # conditions that a finding's text names
_LONGEST_CONDITION = 80  # characters
_CERTAIN = 0.9


def in_words(cost: Cost) -> str:
    """`cost` on one line: each known figure, what it is per, its interval, and what it rests on."""
    if cost.is_none:
        return cost.magnitude or ""
    where = cost.cpu if cost.environment == BARE_METAL else f"{cost.cpu}, {cost.environment}"
    return f"{figures(cost)} [{where}, modelled, grade {cost.grade}]"


def load_in_words(load: Load) -> str:
    """The share of a core, and at which rate and clock."""
    share = _spread(load.part.scaled(100), " % of a core")
    rate, clock = f"{load.exits_per_second:.0f}", _spread(load.gigahertz, " GHz")
    return f"{share} at {rate} VM-exits/s [TSC of {clock}, modelled]"


def chances_in_words(chances: Sequence[Chance]) -> str:
    """How probable the least certain of some conditions are, and what says so; "" for none."""
    doubtful = [one for one in chances if one.probability.low < _CERTAIN]
    doubtful.sort(key=lambda one: one.probability.low - one.probability.high)
    shown = [
        f"{cut(one.condition)}: {_spread(one.probability, '')} {one.basis}"
        for one in doubtful[:_MOST_CHANCES]
    ]
    more = len(doubtful) - len(shown)
    return "; ".join([*shown, f"{more} more"] if more else shown)


def cut(text: str) -> str:
    """A condition, its end left out if it is long."""
    return text if len(text) <= _LONGEST_CONDITION else f"{text[: _LONGEST_CONDITION - 3]}..."


def rank_in_words(rank: Rank) -> str:
    """A finding's place by price, and its neighbours that the model can't tell it from."""
    ties = [
        str(place)
        for place, tie in ((rank.place - 1, rank.ties_above), (rank.place + 1, rank.ties_below))
        if tie
    ]
    tied = f", a tie with {' and '.join(ties)}" if ties else ""
    return f"{rank.place} of {rank.among} by typical cost{tied}"


def times(often: Interval) -> str:
    """A count in words: `2x`, `~0.5x (0-1)`."""
    return _spread(often, "x")


def _spread(figure: Interval, unit: str) -> str:
    """A figure with its unit, and its ends if they differ."""
    low, typical, high = map(two_digits, figure)
    return f"{typical}{unit}" if low == high else f"~{typical}{unit} ({low}-{high})"


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
        "environment": cost.environment,
        "terms": [_term_data(one) for one in cost.terms],
        "load": load_data(cost.load) if cost.load else None,
    }


def _term_data(term: Term) -> dict[str, object]:
    """One operation of a price: what `vmxlint model why` knows of it, and how often."""
    return {
        "operation": term.operation,
        "row": term.row,
        "cycles": ends(term.cycles),
        "per_exit": ends(term.per_exit, 6),
        "per_nested_round_trip": ends(term.per_nested_round_trip, 6),
        "grade": term.grade,
        "guessed": term.guessed,
        "sources": list(term.sources),
    }


def load_data(load: Load) -> dict[str, object]:
    """A share of a core as plain data, with the rate and the clock that it is for."""
    return {
        "part_of_a_core": ends(load.part, 9),
        "exits_per_second": load.exits_per_second,
        "tsc_ghz": ends(load.gigahertz),
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
    low, typical, high = map(two_digits, figure)
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
