"""The user's own measurements in place of bundled rows: `--model FILE`."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from vmxlint.interval import Interval
from vmxlint.model.clocks import Clock, ClockTable
from vmxlint.model.controls import ControlTable, ToggleRate
from vmxlint.model.fields import FieldTable
from vmxlint.model.frequencies import PER_EXIT, Frequency, FrequencyTable
from vmxlint.model.operations import ANY, BARE_METAL, OperationCost, OperationTable
from vmxlint.model.tables import HERE, Table, user_file

if TYPE_CHECKING:
    from vmxlint.model import Model

T = TypeVar("T")

_MOST_CYCLES = 1e9
_MOST_TIMES = 1e6
_MOST_GIGAHERTZ = 100


@dataclass(frozen=True)
class Overlay:
    """A user's file, and the names of the rows that it gave, as `vmxlint model why` takes them."""

    file: str
    rows: tuple[str, ...]


def overlaid(model: Model, path: str) -> Model:
    """The model with the rows of a TOML file in place of its own, each of grade "here".

    The file holds [[operation]], [[frequency]], [[toggle_rate]], [[clock]] and [[field]] tables
    with the keys of the bundled ones; family and environment may be left out (any, L0), and grade,
    unit and source, too. Raises ModelError that names the file and the row: for an unknown name,
    ends that are negative, not finite, out of order or beyond all reason.
    """
    return user_file(path).all(lambda table: _overlaid(model, table, Path(path).name))


def _overlaid(model: Model, table: Table, file: str) -> Model:
    source = table.optional("source")
    said = f"measured here: {file}" + (f", {source}" if source else "")
    reader = _Reader(model, said)
    operations = [row for rows in _rows(table, "operation", reader.operations) for row in rows]
    frequencies = _rows(table, "frequency", reader.frequency)
    rates = _rows(table, "toggle_rate", reader.rate)
    clocks = _rows(table, "clock", reader.clock)
    fields = _rows(table, "field", reader.field)
    names = [
        *(f"operations:{one.name}" for one in operations),
        *(f"frequencies:{one.name}" for one in frequencies),
        *(f"toggles:{one.bit}" for one in rates),
        *(f"clocks:{one.family}" for one in clocks),
        *(f"fields:{name}" for name, _ in fields),
    ]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise table.error(f"two rows for {twice}")
    if not names:
        raise table.error("no row of the model in it")
    controls = model.controls
    return replace(
        model,
        operations=_with_operations(model.operations, operations),
        frequencies=FrequencyTable({**model.frequencies.rows, **{f.key: f for f in frequencies}}),
        controls=ControlTable(controls.bits, {**controls.rates, **{r.bit: r for r in rates}}),
        clocks=_with_clocks(model.clocks, clocks),
        fields=_with_fields(model.fields, dict(fields), said),
        overlay=Overlay(file, tuple(names)),
    )


def _rows(table: Table, key: str, make: Callable[[Table], T]) -> tuple[T, ...]:
    return table.rows(key, make) if key in table.left else ()


@dataclass(frozen=True)
class _Reader:
    """Makes rows of a user's tables, held against the names that the model knows."""

    model: Model
    said: str

    def operations(self, row: Table) -> list[OperationCost]:
        known = self.model.operations
        operations = _named(row, row.names("operation"), known.operations, "operation")
        families = row.names("family") if "family" in row.left else (ANY,)
        environments = row.names("environment") if "environment" in row.left else (BARE_METAL,)
        _named(row, families, known.families, "family")
        _named(row, environments, known.environments, "environment")
        if row.optional("unit") not in (None, "cycles"):
            raise row.error("the only unit is cycles")
        cycles = _capped(row, row.ends(), _MOST_CYCLES)
        source = self._source(row)
        keys = product(operations, environments, families)
        return [OperationCost(*key, cycles, HERE, source) for key in keys]

    def frequency(self, row: Table) -> Frequency:
        context, per = row.text("context"), row.optional("per") or PER_EXIT
        known = self.model.frequencies.rows
        _named(row, [context], [one for one, _ in known], "context")
        if (context, per) not in known:
            raise row.error(f"no row {context!r} per {per}")
        if known[context, per].is_definition:
            raise row.error(f"{context!r} per {per} is as it is by definition")
        times = _capped(row, row.ends(), _MOST_TIMES)
        return Frequency(context, times, per, HERE, self._source(row))

    def rate(self, row: Table) -> ToggleRate:
        name = row.text("bit")
        known = [name for bit in self.model.controls.bits for name in bit.names]
        _named(row, [name], known, "control bit")
        bit = self.model.controls.by_name(name)
        assert bit is not None
        per_entry, per_nested = (
            _capped(row, row.interval(row.take(key, list)), _MOST_TIMES)
            for key in ("per_entry", "per_nested_round_trip")
        )
        return ToggleRate(bit.name, per_entry, per_nested, HERE, self._source(row))

    def clock(self, row: Table) -> Clock:
        family = row.optional("family") or ANY
        _named(row, [family], self.model.clocks.rows, "family")
        gigahertz = _capped(row, row.ends(), _MOST_GIGAHERTZ)
        if gigahertz.low <= 0:
            raise row.error("a clock that may stand still")
        return Clock(family, gigahertz, HERE, self._source(row))

    def field(self, row: Table) -> tuple[str, bool]:
        name = row.text("field")
        _named(row, [name], [one.name for one in self.model.fields.fields], "field")
        major = row.left.pop("major", None)
        if not isinstance(major, bool):
            raise row.error(f"major should be true or false, not {major!r}")
        return name, major

    def _source(self, row: Table) -> str:
        row.optional("grade")
        own = row.optional("source")
        return f"{self.said}: {own}" if own else self.said


def _named(
    row: Table, names: Collection[str], known: Collection[str], what: str
) -> Collection[str]:
    """The names, all of which must be known."""
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, list(known), 1, 0.5)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise row.error(f"no {what} {name!r}{hint}")
    return names


def _capped(row: Table, ends: Interval, most: float) -> Interval:
    if ends.high > most:
        raise row.error(f"{ends.high:g} is beyond all reason; at most {most:g}")
    return ends


def _with_operations(old: OperationTable, new: Collection[OperationCost]) -> OperationTable:
    """Each new row replaces its own; one for any family replaces those of all families."""
    general = {(one.operation, one.environment) for one in new if one.family == ANY}
    kept = {
        key: row for key, row in old.rows.items() if (row.operation, row.environment) not in general
    }
    return OperationTable({**kept, **{row.key: row for row in new}})


def _with_clocks(old: ClockTable, new: Collection[Clock]) -> ClockTable:
    everywhere = next((one for one in new if one.family == ANY), None)
    rows = {name: replace(everywhere, family=name) for name in old.rows} if everywhere else old.rows
    return ClockTable({**rows, **{one.family: one for one in new}})


def _with_fields(old: FieldTable, majors: Mapping[str, bool], source: str) -> FieldTable:
    def others(classes: Mapping[str, str]) -> dict[str, str]:
        return {name: said for name, said in classes.items() if name not in majors}

    return replace(
        old,
        fields=tuple(replace(one, major=majors.get(one.name, one.major)) for one in old.fields),
        major=others(old.major) | {name: source for name, is_major in majors.items() if is_major},
        suspected=others(old.suspected),
        not_major=others(old.not_major)
        | {name: source for name, is_major in majors.items() if not is_major},
    )
