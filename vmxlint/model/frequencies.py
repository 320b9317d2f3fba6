"""How often a context runs, where the exit mix does not say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vmxlint.interval import Interval
from vmxlint.model.tables import ModelError, Table

PER_EXIT = "VM-exit"
PER_NESTED_ROUND_TRIP = "nested round trip"


@dataclass(frozen=True)
class Frequency:
    """One row of frequencies.toml: the context runs so many `times` for each `per`."""

    context: str
    times: Interval
    per: str
    grade: str
    source: str

    @property
    def key(self) -> tuple[str, str]:
        """What sets the row apart from all others."""
        return self.context, self.per

    @property
    def is_definition(self) -> bool:
        """Whether it is so by what the words mean."""
        return self.source.startswith("definition")

    @property
    def name(self) -> str:
        """The key in one word, as `vmxlint model why` takes it."""
        return f"{self.context}/{self.per.replace(' ', '-')}"


@dataclass(frozen=True, eq=False)
class FrequencyTable:
    """All context weights, by context and by what they are per."""

    rows: Mapping[tuple[str, str], Frequency]

    def lookup(self, context: str, per: str = PER_EXIT) -> Frequency:
        """The weight of a context; ModelError if there is none."""
        if row := self.rows.get((context, per)):
            return row
        raise ModelError(f"frequencies.toml: no row {context!r} per {per}")


def read_frequencies(table: Table) -> FrequencyTable:
    """The contents of frequencies.toml."""
    rows = table.rows("frequency", _frequency)
    keyed = {row.key: row for row in rows}
    if len(keyed) != len(rows):
        raise table.error("two rows have the same context and per")
    return FrequencyTable(keyed)


def _frequency(row: Table) -> Frequency:
    per = row.text("per")
    if per not in (PER_EXIT, PER_NESTED_ROUND_TRIP):
        raise row.error(f"per should be {PER_EXIT!r} or {PER_NESTED_ROUND_TRIP!r}, not {per!r}")
    return Frequency(row.text("context"), row.ends(), per, row.grade(), row.text("source"))
