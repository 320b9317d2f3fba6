"""The options that several commands share, and the engine's Options made of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from vmxlint.cli.leaving import fail
from vmxlint.reading import shelter

if TYPE_CHECKING:
    from pathlib import Path

    from vmxlint import engine
    from vmxlint.cache import Store
    from vmxlint.cost import Pricing, Rate
    from vmxlint.model import Model
    from vmxlint.model.dialect import Dialect
    from vmxlint.model.profiles import Profile
    from vmxlint.reading import Reading
    from vmxlint.reading.source import Target
    from vmxlint.registry import Rule

# What changes how the answer is found or shown, but not the answer: all else is in its question.
BESIDE = frozenset(
    "paths jobs no_cache cache_dir base origins per_file_ignores baseline min_cycles exit_zero"
    " sort fail_on format terse output color quiet statistics show_suppressed sarif_suppressed"
    " sarif_category sarif_provenance".split()
)

cpu = click.option("--cpu", default="skylake", show_default=True, help="CPU family to price for.")
dialect = click.option(
    "--dialect",
    metavar="NAME",
    default=None,
    help="The hypervisor whose code it is, e.g. kvm; else vmxlint finds it out.",
)
profile = click.option(
    "--profile",
    default=None,
    metavar="NAME|FILE",
    help="Exit mix to price with: bundled, or from perf kvm stat, kvm_stat, kvmexit or kvm_exit.",
)
jobs = click.option(
    "-j", "jobs", type=click.IntRange(1), default=None, help="Processes to read with."
)
_no_cache = click.option("--no-cache", is_flag=True, help="Neither use nor write the cache.")


def _folder(context: click.Context, option: click.Parameter, value: str | None) -> str | None:
    if value == "":
        raise click.BadParameter("needs a folder, not ''")
    return value


cache_dir = click.option(
    "--cache-dir",
    metavar="DIR",
    default=None,
    callback=_folder,
    help="Keep the cache there, not in your home.",
)


ORIGINS = f"{__name__}.origins"
"""In a context's `meta`: of each option that a file sets, the head of a message about it."""

_WARNED = f"{__name__}.warned"
_PRICED = (
    click.option(
        "--environment",
        default="L0",
        show_default=True,
        help="Where the code runs: on bare metal (L0) or as a guest, e.g. L1-shadow.",
    ),
    click.option("--exits-per-second", type=float, help="VM-exits of one core: prices its share."),
    click.option("--tsc-ghz", type=float, help="Frequency of the time-stamp counter, for that."),
    click.option("--model", metavar="FILE", help="Your own measurements, instead of bundled rows."),
)


def priced(command: Callable[..., Any]) -> Callable[..., Any]:
    """The rarer options of what prices are for; `pricing` takes their values from the context."""
    for option in reversed(_PRICED):
        command = option(command)
    return command


def _named() -> Dialect | None:
    """The dialect that is named, if one is; ModelError with the known ones if that is none."""
    from vmxlint.model.dialect import load

    name = _given("dialect")
    with _about("dialect"):
        return None if name is None else load(name)


def _given(name: str) -> Any:
    context = click.get_current_context(silent=True)
    return context.params.get(name) if context else None


def _head(name: str) -> str:
    context = click.get_current_context(silent=True)
    return str(context.meta.get(ORIGINS, {}).get(name, "")) if context else ""


@contextmanager
def _about(name: str) -> Iterator[None]:
    """Let a ModelError say which file sets the option that is wrong, if one does."""
    from vmxlint.model import ModelError

    try:
        yield
    except ModelError as error:
        raise ModelError(f"{_head(name)}{error}") from None


def cached(command: Callable[..., Any]) -> Callable[..., Any]:
    """The two options that say where to keep what a run has found out, if anywhere."""
    return _no_cache(cache_dir(command))


def store(no_cache: bool, cache_dir: str | None) -> Store:
    """The cache that these options mean."""
    from vmxlint.cache import NOWHERE, opened

    return NOWHERE if no_cache else opened(cache_dir)


def targets(paths: Sequence[str], jobs: int | None) -> list[Target]:
    """What the paths mean; to find it out in a large tree is said on a terminal."""
    from vmxlint.cli.progress import Progress
    from vmxlint.model import ModelError
    from vmxlint.reading import units
    from vmxlint.reading.source import InputError

    try:
        with Progress("looking for hypervisors: {} files") as progress:
            return units.targets(paths, _named(), jobs or _cores(), progress.tell)
    except (InputError, ModelError) as error:
        fail(str(error))


def readings(targets: Sequence[Target], jobs: int | None, store: Store) -> dict[Path, Reading]:
    """The readings of the units around the targets."""
    from vmxlint.reading import Reading
    from vmxlint.reading.whose import whose

    named, count = _named(), jobs or _cores()
    roots = dict.fromkeys(one.unit for one in targets)
    return {root: Reading(root, whose(root, named), count, store=store) for root in roots}


def begin(readings: Mapping[Path, Reading]) -> None:
    """Start to read in other processes what is large and new, the first unit of several; from here
    on in a shelter."""
    shelter.enter()
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

    return engine.Options(rules, _named(), pricing(cpu, profile), jobs or _cores(), readings)


def pricing(cpu: str, profile: str | None) -> Pricing:
    """What to price with; warns of what is odd in the user's exit mix."""
    from vmxlint.cost import Pricing
    from vmxlint.model import load_model, profiles

    environment = _given("environment") or "L0"
    with _about("model"):
        model = load_model(_given("model"))
    with _about("cpu"):
        model.operations.lookup("vmread", cpu)
    with _about("environment"):
        model.operations.lookup("vmread", cpu, environment)
    mix = profiles.load(profiles.DEFAULT)
    if profile is not None:
        from vmxlint.mixes import choose
        from vmxlint.reporters.escape import escape

        with _about("profile"):
            chosen = choose(profile, model.exits)
        mix = chosen.profile
        for warning in chosen.warnings:
            click.get_current_context().meta[_WARNED] = True
            click.echo(f"vmxlint: warning: {escape(warning)}", err=True)
    return Pricing(model, mix, cpu, environment, _rate(model, cpu, mix if profile else None))


def has_warned() -> bool:
    """Whether `pricing` had something to say, which the next run must say again."""
    return _WARNED in click.get_current_context().meta


def _rate(model: Model, cpu: str, chosen: Profile | None) -> Rate | None:
    """The rate of exits that was given, else that of the profile that was chosen."""
    from vmxlint.cost import Rate
    from vmxlint.interval import exactly
    from vmxlint.model.profiles import MOST_PER_SECOND

    given, clock = _given("exits_per_second"), _given("tsc_ghz")
    limits = ("exits-per-second", given, MOST_PER_SECOND), ("tsc-ghz", clock, 100)
    for option, value, most in limits:
        if value is not None and not 0 < value <= most:
            head = _head(option.replace("-", "_")) or f"--{option} "
            fail(f"{head}should be above 0 and at most {most:g}, not {value}")
    per_second = given or (chosen.exits_per_second if chosen else None)
    if per_second is None:
        return None
    return Rate(per_second, exactly(clock) if clock else model.clocks.lookup(cpu).gigahertz)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
