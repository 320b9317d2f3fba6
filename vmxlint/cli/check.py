"""`vmxlint check PATH...`, which is `vmxlint PATH...`."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vmxlint.answers import Answer
from vmxlint.cli import known, options, output, selection, settings
from vmxlint.cli.leaving import CLEAN, FOUND, fail, leave

if TYPE_CHECKING:
    from vmxlint.findings import Report
    from vmxlint.reading import Reading

# What changes how the answer is found or shown, but not the answer: all else is in its question.
_BESIDE = frozenset(
    "paths jobs no_cache cache_dir exit_zero fail_on format terse output color quiet"
    " statistics show_suppressed sarif_suppressed sarif_category sarif_provenance".split()
)


@click.command("check")
@click.argument("paths", nargs=-1, metavar="[PATH...]")
@selection.options
@options.cpu
@options.profile
@options.jobs
@options.cached
@output.options
@settings.options
@click.pass_context
def command(context: click.Context, /, **_: object) -> None:
    """Report the anti-patterns in PATH: a kernel tree, a folder of it, or one file.

    The hypervisor around PATH is always read whole; the report is narrowed to PATH, which is this
    folder if none is given. Exits 0 if there is nothing to report, 1 if there is, 2 if a path or
    an option is wrong.
    """
    given = settings.resolved(context)
    wanted = output.outputs("concise" if given.terse else given.format, given.output)
    report, keep = analysed(given)
    output.emit(report, given, wanted)
    keep()
    leave(FOUND if selection.fails(report, given) else CLEAN)


def analysed(given: settings.Settings) -> tuple[Report, Callable[[], None]]:
    """What there is to report, and what keeps it for the next run, once it is said.

    The run ends here where a path or an option is wrong.
    """
    kept = options.store(given.no_cache, given.cache_dir)
    targets = options.targets(given.paths)
    readings = options.readings(targets, given.jobs, kept)
    asked = {name: value for name, value in asdict(given).items() if name not in _BESIDE}
    if given.baseline or given.per_file_ignores:
        asked["from"] = str(Path.cwd())  # what their relative paths are relative to
    answer = Answer(kept, "check", asked, targets, [one.unit for one in readings.values()])
    if report := answer.known():
        return report, lambda: None
    report = _found(given, readings)

    def keep() -> None:
        answer.keep(report)
        options.keep(readings, kept)

    return report, keep


def _found(given: settings.Settings, readings: Mapping[Path, Reading]) -> Report:
    gc.disable()  # the Facts are many and live to the end: collecting took a quarter of the time
    options.begin(readings)  # in other processes, before all else is imported

    from vmxlint import engine
    from vmxlint.baseline import BaselineError
    from vmxlint.model import ModelError
    from vmxlint.registry import RuleError
    from vmxlint.source import InputError

    try:
        rules = selection.chosen(given)
        ordered = options.options(rules, given.cpu, given.profile, readings)
        report = engine.run(given.paths, ordered)
        report = known.held(report, given, rules) if given.baseline else report
        return selection.narrowed(report, given)
    except (BaselineError, InputError, ModelError, RuleError) as error:
        fail(str(error))
