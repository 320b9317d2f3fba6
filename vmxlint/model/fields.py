"""VMCS fields: what an encoding says about a field, and which fields are major."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from vmxlint.model.tables import Table

Width = Literal[16, 32, 64, "natural"]
Kind = Literal["control", "exit-information", "guest-state", "host-state"]

WIDTHS: tuple[Width, ...] = (16, 64, 32, "natural")
KINDS: tuple[Kind, ...] = ("control", "exit-information", "guest-state", "host-state")
ZERO_IN_FULL_ENCODINGS = ~0x6FFE


@dataclass(frozen=True)
class Field:
    """A VMCS field by its full encoding.

    Bits 14:13 of the encoding hold the width, bits 11:10 the kind, bit 0 is the high half of a
    64-bit field (SDM 25.11.2). `major`: a VMWRITE makes the next VM-entry repeat all consistency
    checks, on CPUs that cache the VMCS (Westmere and later).
    """

    name: str
    encoding: int
    major: bool

    @property
    def width(self) -> Width:
        """Bits that a VMREAD gives, or "natural": 64 on a 64-bit host."""
        return WIDTHS[self.encoding >> 13 & 3]

    @property
    def kind(self) -> Kind:
        """The area of the VMCS that the field lies in."""
        return KINDS[self.encoding >> 10 & 3]

    @property
    def read_only(self) -> bool:
        """Whether only a VM-exit writes it; the rare CPU that lets VMWRITE do so gains nothing."""
        return self.kind == "exit-information"

    @property
    def high(self) -> int | None:
        """The encoding of bits 63:32 of a 64-bit field."""
        return self.encoding | 1 if self.width == 64 else None


@dataclass(frozen=True, eq=False)
class FieldTable:
    """All fields of the SDM, and the source that puts some of them into a class.

    `major`, `suspected` (checked at VM-entry, but perhaps only by its own check), `not_major`
    (written around most entries without the penalty) and `changed` (by the CPU, while the guest
    runs or at its exit) map a field's name to the source. `masks` are the bits of fields that have
    a name of their own; `source` is that of the encodings.
    """

    fields: tuple[Field, ...]
    major: Mapping[str, str]
    suspected: Mapping[str, str]
    not_major: Mapping[str, str]
    changed: Mapping[str, str]
    masks: Mapping[str, int]
    source: str

    def by_name(self, name: str) -> Field | None:
        """The field of that name; NAME_HIGH is its 64-bit field."""
        if field := self._names.get(name):
            return field
        full = self._names.get(name.removesuffix("_HIGH"))
        return full if full and full.high else None

    def by_encoding(self, encoding: int) -> Field | None:
        """The field of that encoding, full or high."""
        return self._encodings.get(encoding)

    @cached_property
    def majors(self) -> tuple[Field, ...]:
        """The controls that dirty the whole VMCS."""
        return tuple(field for field in self.fields if field.major)

    @cached_property
    def _names(self) -> dict[str, Field]:
        return {field.name: field for field in self.fields}

    @cached_property
    def _encodings(self) -> dict[int, Field]:
        full = {field.encoding: field for field in self.fields}
        return full | {field.high: field for field in self.fields if field.high}


def read_fields(table: Table) -> FieldTable:
    """The contents of fields.toml."""
    encodings = table.numbers("encodings")
    _check(table, encodings)
    major = _sources(table, "major", encodings)
    return FieldTable(
        tuple(Field(name, encoding, name in major) for name, encoding in encodings.items()),
        major,
        _sources(table, "suspected", encodings),
        _sources(table, "not_major", encodings),
        _sources(table, "changed", encodings),
        dict(table.rows("mask", _mask)),
        table.text("source"),
    )


def _mask(row: Table) -> tuple[str, int]:
    row.text("source")
    return row.text("name"), row.take("bits", int)


def _check(table: Table, encodings: Mapping[str, int]) -> None:
    seen: dict[int, str] = {}
    for name, encoding in encodings.items():
        if encoding & ZERO_IN_FULL_ENCODINGS:
            raise table.error(f"{name} = {encoding:#x} is not a full encoding")
        if encoding in seen:
            raise table.error(f"{name} and {seen[encoding]} have the same encoding")
        seen[encoding] = name


def _sources(table: Table, key: str, encodings: Mapping[str, int]) -> dict[str, str]:
    def named(row: Table) -> dict[str, str]:
        names = row.texts("fields")
        if unknown := set(names).difference(encodings):
            raise row.error(f"not fields: {', '.join(sorted(unknown))}")
        return dict.fromkeys(names, row.text("source"))

    return {name: source for row in table.rows(key, named) for name, source in row.items()}
