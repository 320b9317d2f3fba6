"""Calls through values: ops structs, handler tables, and function pointers that are handed over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from vmxlint.facts import Expr, Facts, Row, Table
from vmxlint.mentions import Mentions
from vmxlint.model.dialect import Dialect
from vmxlint.names import Names
from vmxlint.routine import Routine

_SHORTEST_TABLE = 3
_WORD = re.compile(r"[A-Za-z_]\w*")


class Dispatch:
    """What the slots, tables and parameters of a unit can hold."""

    def __init__(
        self, files: Sequence[Facts], names: Names, mentions: Mentions, dialect: Dialect
    ) -> None:
        self._tables = [(one.path, table) for one in files for table in one.tables]
        self._names = names
        self._mentions = mentions
        self._dialect = dialect

    @cached_property
    def slots(self) -> Mapping[str, tuple[Routine, ...]]:
        """The functions that a struct member which is called can hold."""
        found: dict[str, dict[Routine, None]] = {}
        for path, table in self._tables:
            if table.type in self._dialect.ops_types or _has_functions(table):
                for row in table.rows:
                    self._note(found, row, path)
        for routine, target, value in self._assignments:
            if target.kind == "member" and self._is_called(target.text):
                if callee := self._names.resolve(value, routine.path):
                    found.setdefault(target.text, {})[callee] = None
        return {slot: tuple(routines) for slot, routines in found.items()}

    def _note(self, found: dict[str, dict[Routine, None]], row: Row, path: str) -> None:
        if row.key.startswith(".") and (callee := self._names.resolve(row.value, path)):
            found.setdefault(row.key[1:].strip(), {})[callee] = None

    def _is_called(self, member: str) -> bool:
        return any(self._mentions.of(word) for word in self.words_of(member))

    def words_of(self, slot: str) -> list[str]:
        """The words that a call of a slot has: see Function.words."""
        return ["." + slot] + [f"({prefix}{slot}" for prefix in ("", *self._dialect.call_prefixes)]

    @cached_property
    def slots_of(self) -> Mapping[Routine, list[str]]:
        """The slots that hold a routine."""
        found: dict[Routine, list[str]] = {}
        for slot, routines in self.slots.items():
            for routine in routines:
                found.setdefault(routine, []).append(slot)
        return found

    @cached_property
    def handlers(self) -> Mapping[str, tuple[tuple[str, Routine], ...]]:
        """Of each table indexed by exit reasons: (reason as spelled, handler) in order.

        Slots that code overwrites, `table[EXIT_REASON_X] = handler`, count for every table that
        has a row of that key.
        """
        found: dict[str, list[tuple[str, Routine]]] = {}
        for path, table in self._tables:
            rows = [row for row in table.rows if row.key.startswith("[")]
            for row in rows if len(rows) >= _SHORTEST_TABLE else ():
                if callee := self._names.resolve(row.value, path):
                    found.setdefault(table.name, []).append((row.key.strip("[] \t"), callee))
        for routine, target, value in self._assignments:
            if target.kind == "index" and len(target.kids) == 2:
                key, callee = target.kids[1].text, self._names.resolve(value, routine.path)
                for rows_of_table in found.values() if callee else ():
                    if callee and any(key == known for known, _ in rows_of_table):
                        rows_of_table.append((key, callee))
        return {name: tuple(dict.fromkeys(rows)) for name, rows in found.items()}

    @cached_property
    def _assignments(self) -> list[tuple[Routine, Expr, str]]:
        """Functions that code puts into a member or an element: (where, target, the function)."""
        putting = dict.fromkeys(
            routine
            for name, routines in self._mentions.starting_with("=")
            if self._names.is_function(name)
            for routine in routines
        )
        return [
            (routine, site.expr.kids[0], site.expr.kids[1].text)
            for routine in putting
            for site in routine.flow.sites
            if site.expr.kind == "assign"
            and len(site.expr.kids) == 2
            and site.expr.kids[0].kind in ("member", "index")
            and site.expr.kids[1].kind == "name"
        ]

    @cached_property
    def dispatchers(self) -> Mapping[str, tuple[Routine, ...]]:
        """The routines that name a handler table."""
        return {
            table: tuple(one for one in self._mentions.routines if table in one.function.text)
            for table in self.handlers
        }

    @cached_property
    def _takers(self) -> Mapping[str, list[Routine]]:
        """Of each name that is handed over to a routine which calls a parameter: the routines."""
        found: dict[str, list[Routine]] = {}
        for taker in self._mentions.routines:
            if taker.function.words.isdisjoint(taker.parameters):
                continue
            for giver in self._mentions.of(taker.name):
                for arguments in re.findall(
                    rf"\b{taker.name}\s*\(([^;{{}}]*)", giver.function.text
                ):
                    for name in set(_WORD.findall(arguments)):
                        if self._names.is_function(name):
                            found.setdefault(name, []).append(taker)
        return found

    def through_values(self, routine: Routine, names: set[str]) -> Iterator[Routine]:
        """The routines that may call one through a table, a parameter or a local variable."""
        for table, rows in self.handlers.items():
            if any(handler is routine for _, handler in rows):
                yield from self.dispatchers[table]
        for name in sorted(names):
            yield from self._takers.get(name, ())
            yield from self._mentions.of("=" + name)

    def handed(self, taker: Routine, parameter: str) -> Iterator[Routine]:
        """The functions that the callers of `taker` hand over for a parameter."""
        place = taker.parameters.index(parameter) + 1
        for giver in self._mentions.of(taker.name):
            for site in giver.flow.sites:
                parts = site.expr.kids
                if site.expr.kind != "call" or len(parts) <= place or parts[0].text != taker.name:
                    continue
                if self._names.resolve(taker.name, giver.path) is taker:
                    given = _plain(parts[place])
                    if given.kind == "name" and given.text not in giver.variables:
                        if found := self._names.resolve(given.text, giver.path):
                            yield found


def _plain(value: Expr) -> Expr:
    """A function's name without `&` and casts."""
    while value.kind in ("cast", "unary") and value.kids:
        value = value.kids[-1]
    return value


def _has_functions(table: Table) -> bool:
    return sum(row.key.startswith(".") and row.value.isidentifier() for row in table.rows) >= 3
