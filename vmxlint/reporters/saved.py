"""What a fix saves and who says so, in the words of the field."""

from __future__ import annotations

import re
from collections.abc import Iterable

from vmxlint.findings import Cost, Term
from vmxlint.interval import NOTHING, ONCE, Interval
from vmxlint.reporters.cycles import two_digits

_SPELLED = {"consistency_recheck": "re-check", "vmread_next_in_batch": "VMREAD in a row"}
_QUOTED = re.compile(r"^'[^:]*: ")


def times_in_words(cost: Cost) -> str | None:
    """How often the operations behind `cost` are saved; None where each is saved once or never."""
    parts = []
    for per, often in (
        (cost.unit, [one.per_exit for one in cost.terms]),
        ("nested round trip", [one.per_nested_round_trip for one in cost.terms]),
    ):
        counted = [
            _counted(figure, one)
            for one, figure in zip(cost.terms, often, strict=True)
            if figure.high
        ]
        if counted:
            parts.append(f"{' + '.join(counted)} per {per}")
    plain = all(
        figure in (NOTHING, ONCE)
        for one in cost.terms
        for figure in (one.per_exit, one.per_nested_round_trip)
    )
    return None if plain else ", ".join(parts)


def _counted(often: Interval, term: Term) -> str:
    """`2 VMREAD`, `~0.5 VMWRITE (0-1)`, `0 to 1 re-check`."""
    low, typical, high = map(two_digits, often)
    what = _SPELLED.get(term.operation, term.operation.replace("_", " ").upper())
    if low == high:
        return f"{typical} {what}"
    return f"~{typical} {what} ({low}-{high})" if often.typical else f"{low} to {high} {what}"


def short(sources: Iterable[str]) -> list[str]:
    """The names of sources without what they say, as `vmxlint model why` finds them."""
    names = (re.split(r"[,:;] ", _QUOTED.sub("", one), maxsplit=1)[0] for one in sources)
    return list(dict.fromkeys(names))
