"""The bits of the major controls: what they cause, and whether toggling them can be avoided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from vmxlint.interval import Interval
from vmxlint.model.tables import Table

Toggle = Literal["soft-disable", "window", "guest-state", "msr-switch"]
TOGGLES: tuple[Toggle, ...] = ("soft-disable", "window", "guest-state", "msr-switch")


@dataclass(frozen=True)
class ControlBit:
    """One bit of a major control.

    `control` is the field's name, `exit` the exit reason that the bit causes or enables. `toggle`
    says why code may change the bit on the entry or exit path, None if there is no known reason:
    "soft-disable" (needless: writing `neutral` to the field `instead` has the same effect),
    "window" (a request for one exit, unavoidable), "guest-state" (must mirror the guest's state),
    "msr-switch" (left on, it costs an access to an MSR on each transition).
    """

    control: str
    name: str
    mask: int
    source: str
    exit: str | None = None
    toggle: Toggle | None = None
    instead: str | None = None
    neutral: str | None = None
    aliases: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The name and the aliases."""
        return self.name, *self.aliases


@dataclass(frozen=True)
class ToggleRate:
    """How many writes of its control the toggling of a bit causes."""

    bit: str
    per_entry: Interval
    per_nested_round_trip: Interval
    grade: str
    source: str


@dataclass(frozen=True, eq=False)
class ControlTable:
    """All bits of the six major controls, and the toggle rates that are known."""

    bits: tuple[ControlBit, ...]
    rates: Mapping[str, ToggleRate]

    def by_name(self, name: str) -> ControlBit | None:
        """The bit of that name or alias."""
        return self._names.get(name)

    def by_mask(self, control: str, mask: int) -> ControlBit | None:
        """The single bit `mask` of a control."""
        return self._masks.get((control, mask))

    def within(self, control: str, mask: int) -> tuple[ControlBit, ...]:
        """All known bits of a control that are set in `mask`, lowest first."""
        return tuple(bit for bit in self.bits if bit.control == control and bit.mask & mask)

    def rate(self, name: str) -> ToggleRate | None:
        """How often the bit of that name or alias toggles, if a source says so."""
        bit = self.by_name(name)
        return self.rates.get(bit.name) if bit else None

    @cached_property
    def _names(self) -> dict[str, ControlBit]:
        return {name: bit for bit in self.bits for name in bit.names}

    @cached_property
    def _masks(self) -> dict[tuple[str, int], ControlBit]:
        return {(bit.control, bit.mask): bit for bit in self.bits}


def read_controls(table: Table) -> ControlTable:
    """The contents of controls.toml."""
    rates = table.rows("toggle_rate", _rate)
    controls = ControlTable(table.rows("bit", _bit), {rate.bit: rate for rate in rates})
    if len(controls._masks) != len(controls.bits):
        raise table.error("two rows have the same control and mask")
    return controls


def _bit(row: Table) -> ControlBit:
    mask = row.take("mask", int)
    if mask.bit_count() != 1:
        raise row.error(f"mask should have one bit, not {mask:#x}")
    bit = ControlBit(
        control=row.text("control"),
        name=row.text("name"),
        mask=mask,
        source=row.text("source"),
        exit=row.optional("exit"),
        toggle=_toggle(row),
        instead=row.optional("instead"),
        neutral=row.optional("neutral"),
        aliases=row.texts("aliases"),
    )
    if (bit.toggle == "soft-disable") != bool(bit.instead and bit.neutral):
        raise row.error("soft-disable and only that needs instead and neutral")
    return bit


def _toggle(row: Table) -> Toggle | None:
    value = row.optional("toggle")
    toggle = next((known for known in TOGGLES if known == value), None)
    if toggle != value:
        raise row.error(f"toggle should be one of {', '.join(TOGGLES)}, not {value!r}")
    return toggle


def _rate(row: Table) -> ToggleRate:
    return ToggleRate(
        row.text("bit"),
        row.interval(row.take("per_entry", list)),
        row.interval(row.take("per_nested_round_trip", list)),
        row.grade(),
        row.text("source"),
    )
