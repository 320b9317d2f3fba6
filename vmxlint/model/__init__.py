"""What the hardware and the hypervisors mean, as data with a source on each row."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from vmxlint.model.tables import ModelError, bundled

if TYPE_CHECKING:
    from vmxlint.model.clocks import ClockTable
    from vmxlint.model.controls import ControlTable
    from vmxlint.model.exits import ExitTable
    from vmxlint.model.fields import FieldTable
    from vmxlint.model.frequencies import FrequencyTable
    from vmxlint.model.operations import OperationTable
    from vmxlint.model.overlay import Overlay

__all__ = ["Model", "ModelError", "load_model"]


@dataclass(frozen=True, eq=False)
class Model:
    """The tables that every tree is judged by; profiles and dialects are chosen by name instead."""

    fields: FieldTable
    controls: ControlTable
    exits: ExitTable
    operations: OperationTable
    frequencies: FrequencyTable
    clocks: ClockTable
    overlay: Overlay | None = None  # whose rows of a user's file replaced bundled ones


@cache
def load_model(own: str | None = None) -> Model:
    """The bundled model, read once; rows of the user's `own` file replace its own.

    ModelError names the file and row of what is wrong in it.
    """
    from vmxlint.model.clocks import read_clocks
    from vmxlint.model.controls import read_controls
    from vmxlint.model.exits import read_exits
    from vmxlint.model.fields import read_fields
    from vmxlint.model.frequencies import read_frequencies
    from vmxlint.model.operations import read_operations
    from vmxlint.model.overlay import overlaid

    if own is not None:
        return overlaid(load_model(), own)
    return Model(
        bundled("fields.toml").all(read_fields),
        bundled("controls.toml").all(read_controls),
        bundled("exits.toml").all(read_exits),
        bundled("operations.toml").all(read_operations),
        bundled("frequencies.toml").all(read_frequencies),
        bundled("clocks.toml").all(read_clocks),
    )
