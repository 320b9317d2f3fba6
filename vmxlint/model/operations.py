"""What one operation costs, on one CPU family and in one environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from vmxlint.interval import Interval
from vmxlint.model.tables import ModelError, Table

ANY = "any"


@dataclass(frozen=True)
class OperationCost:
    """One row of operations.toml: `cycles` are TSC cycles for doing the operation once."""

    operation: str
    environment: str
    family: str
    cycles: Interval
    grade: str
    source: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What sets the row apart from all others."""
        return self.operation, self.family, self.environment


@dataclass(frozen=True, eq=False)
class OperationTable:
    """All priced operations, by operation, family and environment."""

    rows: Mapping[tuple[str, str, str], OperationCost]

    @cached_property
    def families(self) -> tuple[str, ...]:
        """The CPU families that some row names, "any" included, in alphabetical order."""
        return tuple(sorted({family for _, family, _ in self.rows}))

    def lookup(self, operation: str, family: str, environment: str = "L0") -> OperationCost:
        """The row of the family, or that of any family; ModelError if there is neither."""
        if family not in self.families:
            raise ModelError(f"no CPU family {family!r}; known: {', '.join(self.families)}")
        for known in (family, ANY):
            if row := self.rows.get((operation, known, environment)):
                return row
        raise ModelError(f"operations.toml: no row {operation!r} for {family!r} in {environment!r}")


def read_operations(table: Table) -> OperationTable:
    """The contents of operations.toml."""
    rows = table.rows("operation", _operation)
    keyed = {row.key: row for row in rows}
    if len(keyed) != len(rows):
        raise table.error("two rows have the same operation, family and environment")
    return OperationTable(keyed)


def _operation(row: Table) -> OperationCost:
    if row.text("unit") != "cycles":
        raise row.error("the only unit is cycles")
    return OperationCost(
        operation=row.text("operation"),
        environment=row.text("environment"),
        family=row.text("family"),
        cycles=row.ends(),
        grade=row.grade(),
        source=row.text("source"),
    )
