"""`vmxlint baseline write|prune|show`."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from vmxlint.cli import options, selection
from vmxlint.cli.leaving import CLEAN, fail, leave
from vmxlint.cli.settings import Settings, resolved
from vmxlint.cli.settings import options as configuration

if TYPE_CHECKING:
    from vmxlint.baseline import Entry

DEFAULT = "vmxlint-baseline.json"

_file = click.option(
    "--baseline", metavar="FILE", default=DEFAULT, show_default=True, help="The file."
)


def _analysing(command: Callable[..., None]) -> Callable[..., None]:
    """What a command takes that looks at the tree."""
    for option in (
        configuration,
        options.cached,
        options.jobs,
        options.dialect,
        selection.rules,
        _file,
    ):
        command = option(command)
    return click.argument("paths", nargs=-1, metavar="[PATH...]")(command)


@click.group("baseline")
def command() -> None:
    """Accept today's findings, each with a reason.

    `vmxlint check --baseline FILE` then reports only what comes on top.
    """


@command.command("write")
@_analysing
@click.option("--reason", required=True, metavar="TEXT", help="Why these findings are accepted.")
@click.option("--force", is_flag=True, help="Replace FILE; what it knows keeps its reason.")
@click.pass_context
def write(context: click.Context, /, reason: str, force: bool, **_: Any) -> None:
    """Write the findings in PATH to FILE."""
    from vmxlint import baseline
    from vmxlint.cli.check import analysed
    from vmxlint.cli.known import namer

    given = resolved(context)
    file = str(given.baseline)
    if not reason.strip():
        fail("--reason must say why these findings are accepted")
    if os.path.lexists(file) and not force:
        fail(f"baseline {file!r} is there already; prune it, or replace it with --force")
    before = _loaded(file) if os.path.lexists(file) else []
    report, keep = analysed(given._replace(baseline=None))
    keep()
    reasons = {one.kind: one.reason for one in before}
    found = baseline.entries_of(report.findings, namer(report, file), reason.strip())
    _save(given, [replace(one, reason=reasons.get(one.kind, one.reason)) for one in found])


@command.command("prune")
@_analysing
@click.pass_context
def prune(context: click.Context, /, **_: Any) -> None:
    """Remove from FILE what nothing in PATH matches any more; add nothing."""
    from vmxlint.cli import known
    from vmxlint.cli.check import analysed
    from vmxlint.reporters.escape import escape

    given = resolved(context)
    before = _loaded(str(given.baseline))
    report, keep = analysed(given._replace(baseline=None))
    keep()
    gone = {one.kind: one for one in known.matched(report, given, selection.chosen(given)).left}
    for one in gone.values():
        click.echo(escape(f"removed {one}"), err=True)
    counts = [e.count - gone[e.kind].count if e.kind in gone else e.count for e in before]
    left = [replace(e, count=count) for e, count in zip(before, counts, strict=True) if count]
    _save(given, left)


@command.command("show")
@_file
def show(baseline: str) -> None:
    """Print the entries of FILE, each on a line."""
    from vmxlint.reporters.escape import escape

    for one in _loaded(baseline):
        click.echo(escape(str(one)))


def _loaded(file: str) -> list[Entry]:
    from vmxlint.baseline import BaselineError, load

    try:
        return load(file)
    except BaselineError as error:
        fail(str(error))


def _save(given: Settings, entries: Sequence[Entry]) -> None:
    """Write the baseline whole, say how much is in it, and leave."""
    from vmxlint.baseline import as_json
    from vmxlint.cli.files import write_all
    from vmxlint.reporters.escape import escape

    file = str(given.baseline)
    try:
        write_all({file: as_json(entries).encode()})
    except OSError as error:
        fail(f"can't write {file!r}: {(error.strerror or str(error)).lower()}")
    count = sum(one.count for one in entries)
    click.echo(escape(f"{file}: {count} finding{'' if count == 1 else 's'}"), err=True)
    leave(CLEAN)
