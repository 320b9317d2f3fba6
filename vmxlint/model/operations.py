"""What one operation costs, on one CPU family and in one environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product

from vmxlint.interval import Interval
from vmxlint.model.tables import ModelError, Table

ANY = "any"
BARE_METAL = "L0"


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

    @property
    def name(self) -> str:
        """The key in one word, as `vmxlint model why` takes it."""
        return "/".join(self.key)


@dataclass(frozen=True, eq=False)
class OperationTable:
    """All priced operations, by operation, family and environment."""

    rows: Mapping[tuple[str, str, str], OperationCost]

    @cached_property
    def families(self) -> tuple[str, ...]:
        """The CPU families that some row names, "any" included, in alphabetical order."""
        return tuple(sorted({family for _, family, _ in self.rows}))

    @cached_property
    def operations(self) -> tuple[str, ...]:
        """What is priced, in the order of the rows."""
        return tuple(dict.fromkeys(operation for operation, _, _ in self.rows))

    @cached_property
    def environments(self) -> tuple[str, ...]:
        """Where the code may run, in the order of the rows."""
        return tuple(dict.fromkeys(environment for _, _, environment in self.rows))

    def lookup(self, operation: str, family: str, environment: str = BARE_METAL) -> OperationCost:
        """The row of the family, or that of any family; ModelError if there is neither."""
        if family not in self.families:
            raise ModelError(f"no CPU family {family!r}; known: {', '.join(self.families)}")
        if environment not in self.environments:
            known = ", ".join(self.environments)
            raise ModelError(f"no environment {environment!r}; known: {known}")
        for known in (family, ANY):
            if row := self.rows.get((operation, known, environment)):
                return row
        raise ModelError(f"operations.toml: no row {operation!r} for {family!r} in {environment!r}")


def read_operations(table: Table) -> OperationTable:
    """The contents of operations.toml."""
    rows = [row for rows in table.rows("operation", _operations) for row in rows]
    keyed = {row.key: row for row in rows}
    if len(keyed) != len(rows):
        raise table.error("two rows have the same operation, family and environment")
    return OperationTable(keyed)


def _operations(row: Table) -> list[OperationCost]:
    """The rows that one table stands for."""
    if row.text("unit") != "cycles":
        raise row.error("the only unit is cycles")
    keys = product(row.names("operation"), row.names("environment"), row.names("family"))
    cycles, grade, source = row.ends(), row.grade(), row.text("source")
    return [OperationCost(*key, cycles, grade, source) for key in keys]
