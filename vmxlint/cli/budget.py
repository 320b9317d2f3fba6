"""`vmxlint budget PATH` and `vmxlint budget OLD NEW`."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from vmxlint.cli import options, settings
from vmxlint.cli.asking import ask
from vmxlint.cli.leaving import fail

if TYPE_CHECKING:
    from vmxlint.budget import Budget
    from vmxlint.engine import Options

DIFFERENCES = ("text", "json", "html")
FORMATS = ("text", "json", "folded", "speedscope", "html")


@click.command("budget")
@click.argument("paths", nargs=-1, required=True, metavar="[OLD] PATH")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("-o", "--output", "file", default=None, metavar="FILE", help="Write to this file.")
@options.dialect
@options.cpu
@options.profile
@options.priced
@options.jobs
@options.cached
@settings.options
@click.pass_context
def command(
    context: click.Context, /, paths: Sequence[str], form: str, file: str | None, **_: object
) -> None:
    """Say what each hot path does and costs: per VM-entry, per exit reason, per nested round trip.

    PATH is as for `vmxlint check`. With two of them, what the second costs more or less than the
    first. All cycles are modelled, not measured.
    """
    if len(paths) > 2:
        fail(f"budget takes one path, or two to compare, not {len(paths)}")
    if len(paths) == 2 and form not in DIFFERENCES:
        fail(f"--format: two trees are compared as {', '.join(DIFFERENCES)}, not as {form}")

    def budgeted(wanted: Options) -> str:
        from vmxlint import engine

        return _rendered([engine.budget(path, wanted) for path in paths], paths, form, file is None)

    ask(context, budgeted, lambda text: _say(text, file))


def _rendered(budgets: Sequence[Budget], paths: Sequence[str], form: str, printed: bool) -> str:
    from vmxlint.cli.output import wants_color
    from vmxlint.reporters import budget_formats

    color = wants_color("auto", printed)
    width = shutil.get_terminal_size().columns if printed and sys.stdout.isatty() else None
    if len(budgets) == 1:
        return budget_formats.rendered(budgets[0], paths[0], form, color, width)
    old, new = budgets
    return budget_formats.rendered_difference(old, new, paths, form, color, width)


def _say(text: str, file: str | None) -> None:
    if file is None:
        click.echo(text, nl=False, color=True)
        return

    from vmxlint.cli.files import write_all

    try:
        write_all({file: text.encode()})
    except OSError as error:
        fail(f"can't write {error.filename!r}: {(error.strerror or str(error)).lower()}")
