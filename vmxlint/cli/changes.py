"""The options of `vmxlint check` that ask about a change, and its answer."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vmxlint.cli import known, selection
from vmxlint.cli import options as shared
from vmxlint.cli.leaving import fail
from vmxlint.reading import shelter

if TYPE_CHECKING:
    from vmxlint.change.ask import Asked, Plan
    from vmxlint.change.look import Budgeted
    from vmxlint.cli.settings import Settings
    from vmxlint.registry import Rule
    from vmxlint.report import Report, Silence

_KEY = "vmxlint.changes"
_WAYS = ("diff", "staged", "git", "patch", "hook")
_FROM, _TO = "PRE_COMMIT_FROM_REF", "PRE_COMMIT_TO_REF"


def _aside(context: click.Context, option: click.Parameter, value: object) -> None:
    """Keep an option's value aside, where `asked` finds it."""
    context.meta.setdefault(_KEY, {})[option.name] = value


def _once(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> None:
    """Keep the one value of an option aside: a second one would go unseen."""
    if len(values) > 1:
        fail(f"{option.opts[0]} is given twice")
    _aside(context, option, next(iter(values), None))


def _option(name: str, metavar: str, help_text: str) -> Callable[..., object]:
    return click.option(
        name, metavar=metavar, help=help_text, multiple=True, expose_value=False, callback=_once
    )


def _flag(name: str, help_text: str) -> Callable[..., object]:
    return click.option(name, is_flag=True, help=help_text, expose_value=False, callback=_aside)


_OPTIONS = (
    _option("--diff", "REV", "What the work tree changes against REV."),
    _flag("--staged", "What the index changes against HEAD."),
    _option("--git", "RANGE", "What commits change: REV, A..B or REV-N."),
    _option("--patch", "FILE", "What a patch, mail or mbox changes; - is stdin."),
    _option("--base", "REV", "With --patch: what it is applied to."),
    _flag("--each-patch", "Tell each patch of a series too, and what a later one takes back."),
    _flag("--hook", "For pre-commit: what is staged in the files PATH."),
    _flag("--mailback", "Reply to the hunks of a change: --format mailback."),
)


def options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that name a change."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def form(context: click.Context) -> str | None:
    """The format that `--mailback` stands for, if it was given."""
    return "mailback" if context.meta[_KEY]["mailback"] else None


def asked(context: click.Context) -> Asked | None:
    """Which change was asked about, if any; ends the run if the options don't go together."""
    given = context.meta[_KEY]
    empty = next((name for name in (*_WAYS, "base") if given[name] == ""), None)
    if empty:
        fail(f"--{empty} is empty")
    ways = [way for way in _WAYS if given[way]]
    if len(ways) > 1:
        fail(f"--{ways[0]} and --{ways[1]} ask for different changes")
    if given["base"] and ways != ["patch"]:
        fail("--base goes with --patch")
    if given["each_patch"] and not ways:
        fail("--each-patch goes with --git or --patch")
    if not ways:
        return None

    from vmxlint.change.ask import Asked

    text = _read(given["patch"]) if given["patch"] else None
    refs = (os.environ.get(_FROM, ""), os.environ.get(_TO, ""))
    return Asked(
        given["diff"],
        given["staged"],
        given["git"],
        text,
        given["patch"] or "-",
        given["base"],
        given["hook"],
        refs if given["hook"] and all(refs) else None,
    )


def _read(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        fail(f"can't read {name!r}: {reason.lower()}")


@contextmanager
def planned(question: Asked, context: click.Context) -> Iterator[Plan]:
    """The plan of a change; the run ends here where it can't be had."""
    from vmxlint.change.ask import planned as plan
    from vmxlint.reading.source import InputError

    try:
        with plan(question, context.params["paths"]) as found:
            yield found
    except InputError as error:
        fail(str(error))


def check(plan: Plan | None, forms: Collection[str]) -> None:
    """End the run if a reply is asked for where there is no change."""
    if plan is None and "mailback" in forms:
        fail("--mailback replies to a change: name one, with --patch or --git")


def analysed(plan: Plan, given: Settings, forms: Collection[str]) -> Report:
    """The report on a change for some formats; the run ends here where a path or an option is
    wrong."""
    from vmxlint.baseline import BaselineError
    from vmxlint.model import ModelError
    from vmxlint.reading.answers import question
    from vmxlint.registry import RuleError

    shelter.enter()
    kept = shared.store(given.no_cache, given.cache_dir)
    settings = {name: value for name, value in given._asdict().items() if name not in shared.BESIDE}
    try:
        rules = selection.chosen(given)
        ordered = shared.options(rules, given.cpu, given.profile, {}, given.jobs)
        quoted, budgeted = "mailback" in forms, _budgeted(plan, forms)
        found = plan.report(ordered, kept, question(settings), quoted, budgeted)
        report = _narrowed(found, given, rules)
    except (BaselineError, ModelError, RuleError) as error:
        fail(str(error))
    kept.prune()
    return report


def _budgeted(plan: Plan, forms: Collection[str]) -> Budgeted:
    """Which budgets some formats tell."""
    if plan.asked.hook or {"text", "json"}.isdisjoint(forms):
        return "no"
    return "each" if "json" in forms or _by_patch() else "whole"


def _by_patch() -> bool:
    return bool(click.get_current_context().meta[_KEY]["each_patch"])


def _narrowed(report: Report, given: Settings, rules: list[Rule]) -> Report:
    """The report with its known findings suppressed, without those that are not to be shown."""
    if given.baseline:
        report = known.held(report, given, rules)._replace(stale=())
    report = selection.narrowed(report, given)
    if report.change is None:
        return report
    fixed = selection.narrowed(report._replace(findings=report.change.fixed), given).findings
    silences = (*report.change.silences, *_held_back(report))
    change = report.change._replace(
        new=report.findings, fixed=fixed, silences=silences, by_patch=_by_patch()
    )
    return report._replace(change=change)


def _held_back(report: Report) -> Iterator[Silence]:
    """What the baseline, which the change may have filled itself, keeps quiet about."""
    from vmxlint.report import Silence

    for one in report.findings:
        if one.suppressed_by == "baseline":
            where = one.location
            yield Silence(where.path, where.line, (one.rule,), one.suppressed or "", "baseline")
