"""`vmxlint why FUNCTION PATH`."""

from __future__ import annotations

import gc

import click

from vmxlint.cli import options
from vmxlint.cli.leaving import CLEAN, fail, leave


@click.command("why")
@click.argument("function")
@click.argument("path")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@options.cpu
@options.profile
@options.priced
@options.jobs
@options.cached
def command(
    function: str,
    path: str,
    form: str,
    cpu: str,
    profile: str | None,
    jobs: int | None,
    no_cache: bool,
    cache_dir: str | None,
    **_: object,
) -> None:
    """Say when FUNCTION runs, how often, and why: contexts, ways, conditions, operations.

    PATH is as for `vmxlint check`. Exits 2 if there is no such function.
    """
    gc.disable()
    kept = options.store(no_cache, cache_dir)
    readings = options.readings(options.targets([path], jobs), jobs, kept)
    options.begin(readings)

    from vmxlint import engine
    from vmxlint.model import ModelError
    from vmxlint.reading.source import InputError
    from vmxlint.reporters import why

    try:
        answer = engine.why(function, path, options.options([], cpu, profile, readings))
    except (InputError, ModelError) as error:
        fail(str(error))
    click.echo(why.as_text(answer) if form == "text" else why.as_json(answer), nl=False)
    options.keep(readings, kept)
    leave(CLEAN)
