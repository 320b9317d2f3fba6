"""Probabilities where the code does not say them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from vmxlint.interval import Interval
from vmxlint.model.tables import ModelError, Table, bundled


@dataclass(frozen=True)
class Probability:
    """One row of probabilities.toml."""

    name: str
    chance: Interval
    grade: str
    source: str


@cache
def probabilities() -> Mapping[str, Probability]:
    """All rows by name."""
    return bundled("probabilities.toml").all(read_probabilities)


def chance(name: str) -> Interval:
    """The probability of that name; ModelError if there is none."""
    if row := probabilities().get(name):
        return row.chance
    raise ModelError(f"probabilities.toml: no row {name!r}")


def read_probabilities(table: Table) -> dict[str, Probability]:
    """The contents of probabilities.toml."""
    rows = table.rows("probability", _probability)
    keyed = {row.name: row for row in rows}
    if len(keyed) != len(rows):
        raise table.error("two rows have the same name")
    return keyed


def _probability(row: Table) -> Probability:
    name, ends = row.text("name"), row.ends()
    if ends.high > 1:
        raise row.error(f"{ends.high:g} is no probability")
    return Probability(name, ends, row.grade(), row.text("source"))
