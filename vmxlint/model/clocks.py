"""How fast the time-stamp counter runs, by CPU family."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vmxlint.interval import Interval
from vmxlint.model.tables import ModelError, Table


@dataclass(frozen=True)
class Clock:
    """One row of clocks.toml: the TSC's frequency in GHz."""

    family: str
    gigahertz: Interval
    grade: str
    source: str


@dataclass(frozen=True, eq=False)
class ClockTable:
    """The clocks by CPU family."""

    rows: Mapping[str, Clock]

    def lookup(self, family: str) -> Clock:
        """The clock of a family; ModelError if there is none."""
        if row := self.rows.get(family):
            return row
        raise ModelError(f"clocks.toml: no row {family!r}")


def read_clocks(table: Table) -> ClockTable:
    """The contents of clocks.toml."""
    rows = table.rows("clock", _clock)
    keyed = {row.family: row for row in rows}
    if len(keyed) != len(rows):
        raise table.error("two rows have the same family")
    if slow := next((row for row in rows if row.gigahertz.low <= 0), None):
        raise table.error(f"{slow.family}: a clock that may stand still")
    return ClockTable(keyed)


def _clock(row: Table) -> Clock:
    return Clock(row.text("family"), row.ends(), row.grade(), row.text("source"))
