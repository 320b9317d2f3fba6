"""`vmxlint model [TABLE]` and `vmxlint model why NAME`."""

from __future__ import annotations

import difflib
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from vmxlint.cli import options, settings
from vmxlint.cli.leaving import fail

if TYPE_CHECKING:
    from vmxlint.model.rows import Row

WHY = "why"
_PIPED = 160  # columns where there is no terminal


@click.command("model")
@click.argument("wanted", nargs=-1, metavar="[TABLE | why NAME]")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@options.cpu
@options.profile
@options.priced
@settings.options
@click.pass_context
def command(context: click.Context, /, wanted: Sequence[str], form: str, **_: object) -> None:
    """Print a table of the semantic model, or where a figure comes from.

    NAME is an operation (VMWRITE), a field, a control bit, an exit reason, a context, a profile, a
    grade, a source or part of one. --model and --profile bring your own rows in.
    """
    from vmxlint.model import ModelError
    from vmxlint.model.catalogue import TABLES, catalogue
    from vmxlint.reporters import model as shown

    try:
        given = settings.resolved(context)
        pricing = options.pricing(given.cpu, given.profile)
        rows = catalogue(pricing.model, pricing.profile)
        overlay = pricing.model.overlay
        if not wanted:
            say = shown.overview if form == "text" else shown.overview_as_json
            click.echo(say(rows, overlay.rows if overlay else ()), nl=False)
        elif wanted[0] == WHY and len(wanted) > 1:
            _answer(rows, " ".join(wanted[1:]), form)
        elif wanted[0] in TABLES and len(wanted) == 1:
            found = shown.of_table(rows, wanted[0])
            as_text = form == "text"
            text = shown.as_table(found, _width()) if as_text else shown.as_json(found)
            click.echo(text, nl=False)
        else:
            raise ModelError(_unknown(" ".join(wanted), TABLES))
    except ModelError as error:
        fail(str(error))


def _unknown(wanted: str, tables: Sequence[str]) -> str:
    if wanted == WHY:
        return "model why needs a NAME, such as VMWRITE"
    near = difflib.get_close_matches(wanted, tables, 1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join((*tables, 'why NAME'))}"
    return f"no table {wanted!r} in the model; {hint}"


def _answer(rows: Sequence[Row], name: str, form: str) -> None:
    from vmxlint.model.catalogue import find
    from vmxlint.reporters import model as shown

    found = find(rows, name)
    if form == "json":
        click.echo(shown.as_json(found, query=name), nl=False)
        return
    behind = dict.fromkeys(one for row in found for see in row.see for one in find(rows, see))
    click.echo(shown.as_answer(found, [row for row in behind if row not in found]), nl=False)


def _width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else _PIPED
