"""Exit reasons by name and number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vmxlint.model.tables import Table

PREFIX = "EXIT_REASON_"


@dataclass(frozen=True, eq=False)
class ExitTable:
    """The basic exit reasons of the SDM, other spellings of them, and what is none of them."""

    reasons: Mapping[str, int]
    aliases: Mapping[str, str]
    source: str
    others: frozenset[str]

    def canonical(self, name: str) -> str | None:
        """The reason's name here: without EXIT_REASON_, in today's spelling."""
        bare = name.removeprefix(PREFIX)
        reason = self.aliases.get(bare, bare)
        return reason if reason in self.reasons else None

    def is_of_another_cpu(self, name: str) -> bool:
        """Whether a tool prints this name for an exit that is none of VMX."""
        return name.casefold().removeprefix("exit_") in self.others

    def number(self, name: str) -> int | None:
        """The basic exit reason, bits 15:0 of VM_EXIT_REASON."""
        reason = self.canonical(name)
        return self.reasons[reason] if reason else None

    def by_number(self, number: int) -> str | None:
        """The name of that basic exit reason."""
        return next((name for name, known in self.reasons.items() if known == number), None)


def read_exits(table: Table) -> ExitTable:
    """The contents of exits.toml."""
    reasons = table.numbers("reasons")
    aliases = Table(f"{table.where}, [aliases]", table.take("aliases", dict))
    names = {alias: aliases.text(alias) for alias in list(aliases.left)}
    if len(set(reasons.values())) != len(reasons):
        raise table.error("two exit reasons have the same number")
    if unknown := set(names.values()).difference(reasons):
        raise aliases.error(f"not exit reasons: {', '.join(sorted(unknown))}")
    others = Table(f"{table.where}, [others]", table.take("others", dict))
    foreign = others.all(lambda row: frozenset(row.texts("names")))
    return ExitTable(reasons, names, table.text("source"), foreign)
