"""The handler tables: their rows, and the tests that only ask whether there is one."""

from __future__ import annotations

from functools import cached_property

from vmxlint.calls.link import Linker
from vmxlint.contexts.gate import Gate
from vmxlint.facts import Expr, walk
from vmxlint.flow import Condition
from vmxlint.flow.routine import Routine
from vmxlint.interval import ONCE


class Tables:
    """The handler tables of a unit."""

    def __init__(self, linker: Linker) -> None:
        self._linker = linker

    def row(self, key: str) -> Gate:
        """The gate of a handler table's row."""
        reasons = frozenset({self._linker.exit_names.canonical(key)})
        reason, row = Expr("opaque", "exit reason", (), 0, 0), Expr("name", key, (), 0, 0)
        return Gate("reason", Condition(reason, True, False, (row,)), True, ONCE, reasons)

    @cached_property
    def handled(self) -> frozenset[str]:
        """The exit reasons that have a row in a handler table."""
        tables = self._linker.dispatch.handlers.values()
        keys = (key for rows in tables for key, _ in rows)
        return frozenset(map(self._linker.exit_names.canonical, keys))

    def asked(self, test: Expr, routine: Routine) -> bool:
        """Whether a test only asks if a handler table has a row."""
        if routine not in self._naming:
            return False
        return any(one.text in self._named for one in walk(test) if one.kind == "name")

    @cached_property
    def _named(self) -> frozenset[str]:
        """The handler tables, and the constants in which one is named."""
        tables = self._linker.dispatch.handlers
        texts = self._linker.constants.items()
        constants = {name for table in tables for name, text in texts if table in text}
        return frozenset(constants.union(tables))

    @cached_property
    def _naming(self) -> frozenset[Routine]:
        return frozenset(self._linker.mentions.naming_any(self._named))


def is_beyond(test: Expr) -> bool:
    """Whether a test of the length of a table is true where it has no row."""
    return test.kind == "binary" and test.text in (">=", ">", "==")
