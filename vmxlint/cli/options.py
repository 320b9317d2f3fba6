"""The options that several commands share, and the engine's Options made of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from vmxlint.cli.leaving import fail

if TYPE_CHECKING:
    from pathlib import Path

    from vmxlint import engine
    from vmxlint.reading import Reading
    from vmxlint.registry import Rule

cpu = click.option("--cpu", default="skylake", show_default=True, help="CPU family to price for.")
profile = click.option("--profile", default=None, help="Exit mix to price with.")
jobs = click.option(
    "-j", "jobs", type=click.IntRange(1), default=None, help="Processes to read with."
)


def begun(paths: Sequence[str], jobs: int | None) -> dict[Path, Reading]:
    """The readings of the units around the paths, begun before all else is imported."""
    from vmxlint.model import dialect
    from vmxlint.reading import Reading
    from vmxlint.source import InputError, target

    kvm = dialect.load("kvm")
    try:
        roots = dict.fromkeys(target(path, kvm).unit for path in paths)
    except InputError as error:
        fail(str(error))
    return {root: Reading(root, kvm, jobs or _cores()) for root in roots}


def options(
    rules: Sequence[Rule],
    cpu: str,
    profile: str | None,
    jobs: int | None,
    begun: Mapping[Path, Reading],
) -> engine.Options:
    """What the engine is to do; ModelError for a family or a profile that the model lacks."""
    from vmxlint import engine
    from vmxlint.cost import Pricing
    from vmxlint.model import dialect, load_model, profiles

    model = load_model()
    model.operations.lookup("vmread", cpu)
    pricing = Pricing(model, profiles.load(profile or profiles.DEFAULT), cpu)
    return engine.Options(rules, dialect.load("kvm"), pricing, jobs or _cores(), begun)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
