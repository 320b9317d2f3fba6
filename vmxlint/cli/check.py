"""`vmxlint check PATH...`, which is `vmxlint PATH...`."""

from __future__ import annotations

import gc

import click

from vmxlint.cli import options, output, selection, settings
from vmxlint.cli.leaving import CLEAN, FOUND, fail, leave


@click.command("check")
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@selection.options
@options.cpu
@options.profile
@options.jobs
@output.options
@click.pass_context
def command(context: click.Context, /, **_: object) -> None:
    """Report the anti-patterns in PATH: a kernel tree, a folder of it, or one file.

    The hypervisor around PATH is always read whole; the report is narrowed to PATH, which is this
    folder if none is given. Exits 0 if there is nothing to report, 1 if there is, 2 if a path or
    an option is wrong.
    """
    gc.disable()  # the Facts are many and live to the end: collecting took a quarter of the time
    given = settings.resolved(context)
    wanted = output.outputs("concise" if given.terse else given.format, given.output)
    begun = options.begun(given.paths, given.jobs)

    from vmxlint import engine
    from vmxlint.model import ModelError
    from vmxlint.registry import RuleError
    from vmxlint.source import InputError

    try:
        rules = selection.chosen(given)
        ordered = options.options(rules, given.cpu, given.profile, given.jobs, begun)
        report = engine.run(given.paths, ordered)
    except (InputError, ModelError, RuleError) as error:
        fail(str(error))
    report = selection.narrowed(report, given)
    output.emit(report, given, wanted)
    leave(FOUND if selection.fails(report, given) else CLEAN)
