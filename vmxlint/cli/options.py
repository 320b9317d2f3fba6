"""The options that several commands share, and the engine's Options made of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from vmxlint.cli.leaving import fail

if TYPE_CHECKING:
    from pathlib import Path

    from vmxlint import engine
    from vmxlint.cache import Store
    from vmxlint.reading import Reading
    from vmxlint.registry import Rule
    from vmxlint.source import Target

# What changes how the answer is found or shown, but not the answer: all else is in its question.
BESIDE = frozenset(
    "paths jobs no_cache cache_dir base origins per_file_ignores baseline min_cycles exit_zero"
    " fail_on format terse output color quiet statistics show_suppressed sarif_suppressed"
    " sarif_category sarif_provenance".split()
)

cpu = click.option("--cpu", default="skylake", show_default=True, help="CPU family to price for.")
profile = click.option("--profile", default=None, help="Exit mix to price with.")
jobs = click.option(
    "-j", "jobs", type=click.IntRange(1), default=None, help="Processes to read with."
)
_no_cache = click.option("--no-cache", is_flag=True, help="Neither use nor write the cache.")
cache_dir = click.option(
    "--cache-dir", metavar="DIR", default=None, help="Keep the cache there, not in your home."
)


def cached(command: Callable[..., Any]) -> Callable[..., Any]:
    """The two options that say where to keep what a run has found out, if anywhere."""
    return _no_cache(cache_dir(command))


def store(no_cache: bool, cache_dir: str | None) -> Store:
    """The cache that these options mean."""
    from vmxlint.cache import NOWHERE, opened

    return NOWHERE if no_cache else opened(cache_dir)


def targets(paths: Sequence[str], jobs: int | None) -> list[Target]:
    """What the paths mean; to find it out in a large tree is said on a terminal."""
    from vmxlint import units
    from vmxlint.cli.progress import Progress
    from vmxlint.model import dialect
    from vmxlint.source import InputError

    try:
        with Progress("looking for hypervisors: {} files") as progress:
            return units.targets(paths, dialect.load("kvm"), jobs or _cores(), progress.tell)
    except InputError as error:
        fail(str(error))


def readings(targets: Sequence[Target], jobs: int | None, store: Store) -> dict[Path, Reading]:
    """The readings of the units around the targets."""
    from vmxlint.model import dialect
    from vmxlint.reading import Reading

    roots = dict.fromkeys(one.unit for one in targets)
    kvm = dialect.load("kvm")
    return {root: Reading(root, kvm, jobs or _cores(), store=store) for root in roots}


def begin(readings: Mapping[Path, Reading]) -> None:
    """Start to read in other processes what is large and new, the first unit of several."""
    for one in list(readings.values())[:1]:
        one.begin()


def keep(readings: Mapping[Path, Reading], store: Store) -> bool:
    """Keep what was read for the next run, and no more than the store may hold; False if a step
    took too long, so that there is more to find."""
    for one in readings.values():
        one.keep()
    store.prune()
    return not any(one.is_late for one in readings.values())


def options(
    rules: Sequence[Rule],
    cpu: str,
    profile: str | None,
    readings: Mapping[Path, Reading],
    jobs: int | None = None,
) -> engine.Options:
    """What the engine is to do; ModelError for a family or a profile that the model lacks."""
    from vmxlint import engine
    from vmxlint.cost import Pricing
    from vmxlint.model import dialect, load_model, profiles

    model = load_model()
    model.operations.lookup("vmread", cpu)
    pricing = Pricing(model, profiles.load(profile or profiles.DEFAULT), cpu)
    return engine.Options(rules, dialect.load("kvm"), pricing, jobs or _cores(), readings)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
