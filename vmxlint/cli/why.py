"""`vmxlint why FUNCTION PATH`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from vmxlint.cli import options, settings
from vmxlint.cli.asking import ask

if TYPE_CHECKING:
    from vmxlint.engine import Options


@click.command("why")
@click.argument("function")
@click.argument("path")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@options.dialect
@options.cpu
@options.profile
@options.priced
@options.jobs
@options.cached
@settings.options
@click.pass_context
def command(context: click.Context, /, function: str, path: str, form: str, **_: object) -> None:
    """Say when FUNCTION runs, how often, and why: contexts, ways, conditions, operations.

    PATH is as for `vmxlint check`. Exits 2 if there is no such function.
    """

    def explained(wanted: Options) -> str:
        from vmxlint import engine
        from vmxlint.reporters import why

        answer = engine.why(function, path, wanted)
        return why.as_text(answer) if form == "text" else why.as_json(answer)

    ask(context, explained, lambda text: click.echo(text, nl=False))
