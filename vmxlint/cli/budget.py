"""`vmxlint budget PATH` and `vmxlint budget OLD NEW`."""

from __future__ import annotations

import gc
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from vmxlint.cli import options
from vmxlint.cli.leaving import CLEAN, fail, leave

if TYPE_CHECKING:
    from vmxlint.budget import Budget

DIFFERENCES = ("text", "json", "html")
FORMATS = ("text", "json", "folded", "speedscope", "html")


@click.command("budget")
@click.argument("paths", nargs=-1, required=True, metavar="[OLD] PATH")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("-o", "--output", "file", default=None, metavar="FILE", help="Write to this file.")
@options.cpu
@options.profile
@options.priced
@options.jobs
@options.cached
def command(
    paths: Sequence[str],
    form: str,
    file: str | None,
    cpu: str,
    profile: str | None,
    jobs: int | None,
    no_cache: bool,
    cache_dir: str | None,
    **_: object,
) -> None:
    """Say what each hot path does and costs: per VM-entry, per exit reason, per nested round trip.

    PATH is as for `vmxlint check`. With two of them, what the second costs more or less than the
    first. All cycles are modelled, not measured.
    """
    if len(paths) > 2:
        fail(f"budget takes one path, or two to compare, not {len(paths)}")
    if len(paths) == 2 and form not in DIFFERENCES:
        fail(f"--format: two trees are compared as {', '.join(DIFFERENCES)}, not as {form}")
    gc.disable()
    kept = options.store(no_cache, cache_dir)
    readings = options.readings(options.targets(paths, jobs), jobs, kept)
    options.begin(readings)

    from vmxlint import engine
    from vmxlint.model import ModelError
    from vmxlint.reading.source import InputError

    try:
        wanted = options.options([], cpu, profile, readings)
        budgets = [engine.budget(path, wanted) for path in paths]
    except (InputError, ModelError) as error:
        fail(str(error))
    text = _rendered(budgets, paths, form, file is None)
    if file is None:
        click.echo(text, nl=False, color=True)
    else:
        _write(file, text)
    options.keep(readings, kept)
    leave(CLEAN)


def _rendered(budgets: Sequence[Budget], paths: Sequence[str], form: str, printed: bool) -> str:
    from vmxlint.cli.output import wants_color
    from vmxlint.reporters import budget_formats

    color = wants_color("auto", printed)
    width = shutil.get_terminal_size().columns if printed and sys.stdout.isatty() else None
    if len(budgets) == 1:
        return budget_formats.rendered(budgets[0], paths[0], form, color, width)
    old, new = budgets
    return budget_formats.rendered_difference(old, new, paths, form, color, width)


def _write(file: str, text: str) -> None:
    from vmxlint.cli.files import write_all

    try:
        write_all({file: text.encode()})
    except OSError as error:
        fail(f"can't write {error.filename!r}: {(error.strerror or str(error)).lower()}")
