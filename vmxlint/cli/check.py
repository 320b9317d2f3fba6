"""`vmxlint check PATH...`, which is `vmxlint PATH...`."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from vmxlint.cli import changes, options, output, selection, settings
from vmxlint.cli import known as baselines
from vmxlint.cli.leaving import CLEAN, FOUND, fail, leave
from vmxlint.reading.answers import Answer

if TYPE_CHECKING:
    from pathlib import Path

    from vmxlint.reading import Reading
    from vmxlint.reading.source import Target
    from vmxlint.report import Report


@click.command("check")
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@selection.options
@options.dialect
@options.cpu
@options.profile
@options.priced
@options.jobs
@options.cached
@output.options
@settings.options
@changes.options
@click.pass_context
def command(context: click.Context, /, **_: object) -> None:
    """Report the anti-patterns in PATH: a kernel tree, a folder of it, or one file.

    The hypervisor around PATH is always read whole; the report is narrowed to PATH, which is this
    folder if none is given. Exits 0 if there is nothing to report, 1 if there is, 2 if a path or
    an option is wrong.
    """
    asked = changes.asked(context)
    with changes.planned(asked, context) if asked else nullcontext() as plan:
        given = settings.resolved(context, plan.config if plan else None)
        form = changes.form(context) or ("concise" if given.terse else given.format)
        wanted = output.outputs(form, given.output)
        forms = [one.form for one in wanted]
        changes.check(plan, forms)
        report, keep = (changes.analysed(plan, given, forms), None) if plan else analysed(given)
    if asked and asked.hook:
        given = given._replace(quiet=not report.findings)
    output.emit(report, given, wanted)
    if keep:
        keep()
    leave(FOUND if selection.fails(report, given) else CLEAN)


def analysed(given: settings.Settings) -> tuple[Report, Callable[[], None]]:
    """What there is to report, and what keeps it for the next run, once it is said.

    The run ends here where a path or an option is wrong.
    """
    kept = options.store(given.no_cache, given.cache_dir)
    targets = options.targets(given.paths, given.jobs)
    readings = options.readings(targets, given.jobs, kept)
    asked = {name: value for name, value in given._asdict().items() if name not in options.BESIDE}
    answer = Answer(kept, "check", asked, targets, [one.unit for one in readings.values()])
    known = answer.known()
    report = known or _found(given, targets, readings)

    def keep() -> None:
        if known is None and options.keep(readings, kept) and not options.has_warned():
            answer.keep(report)

    return _narrowed(report, given), keep


def _found(
    given: settings.Settings, targets: Sequence[Target], readings: Mapping[Path, Reading]
) -> Report:
    gc.disable()  # the Facts are many and live to the end: collecting took a quarter of the time
    options.begin(readings)  # in other processes, before all else is imported

    from vmxlint import engine
    from vmxlint.model import ModelError
    from vmxlint.reading.source import InputError
    from vmxlint.registry import RuleError

    try:
        rules = selection.chosen(given)
        ordered = options.options(rules, given.cpu, given.profile, readings)
        return engine.report(targets, ordered)
    except (InputError, ModelError, RuleError) as error:
        fail(str(error))


def _narrowed(report: Report, given: settings.Settings) -> Report:
    """The report without what the settings leave out, held against the baseline, in the order asked
    for; none of it is part of the answer that is kept."""
    plain = given.sort == "path"
    if plain and not (given.baseline or given.min_cycles or given.per_file_ignores):
        return report

    from vmxlint.baseline import BaselineError
    from vmxlint.registry import RuleError

    try:
        if given.baseline:
            report = baselines.held(report, given, selection.chosen(given))
        return selection.narrowed(report, given)
    except (BaselineError, RuleError) as error:
        fail(str(error))
