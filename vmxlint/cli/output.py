"""What a run prints and writes: `--format`, `--output`, and the lines on stderr."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from vmxlint.cli.leaving import fail, say
from vmxlint.reporters.formats import FORMATS, Style, rendered

if TYPE_CHECKING:
    from vmxlint.change.provenance import Provenance
    from vmxlint.cli.settings import Settings
    from vmxlint.report import Report

STDOUT = "-"
_PREFIXED = re.compile(r"([a-z]+)=(.*)", re.DOTALL)


class Output(NamedTuple):
    """One thing to write: a format, and the file that takes it."""

    form: str
    file: str


_OPTIONS = (
    click.option("--format", type=click.Choice(FORMATS), default="text", show_default=True),
    click.option("--terse", is_flag=True, help="One line a finding: --format concise."),
    click.option(
        "-o",
        "--output",
        multiple=True,
        metavar="[FORMAT=]FILE",
        help="Write to FILE: what --format says, or another format besides. May be repeated.",
    ),
    click.option("--show-suppressed", is_flag=True, help="Suppressed findings too, as text."),
    click.option("--sarif-suppressed", is_flag=True, help="Suppressed findings too, in SARIF."),
    click.option("--sarif-category", metavar="NAME", help="Tells this run from others in SARIF."),
    click.option("--sarif-provenance", is_flag=True, help="Name repository and commit in SARIF."),
    click.option("--statistics", is_flag=True, help="Count the findings of each rule, on stderr."),
    click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto"),
    click.option("-q", "--quiet", is_flag=True, help="No summary on stderr."),
)


def options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that reports findings."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def outputs(form: str, asked: Sequence[str]) -> list[Output]:
    """What to write where. `FILE` alone takes what would go to stdout; `FORMAT=FILE` comes on top.

    Ends the run where a format is not known or two outputs would go to one file.
    """
    found = [_output(form, one) for one in asked]
    plain = any(not _PREFIXED.fullmatch(one) for one in asked)
    found = found if plain else [Output(form, STDOUT), *found]
    files = [one.file if one.file == STDOUT else os.path.realpath(one.file) for one in found]
    for one, file in zip(found, files, strict=True):
        if files.count(file) > 1:
            fail(f"--output: {'stdout' if file == STDOUT else repr(one.file)} is named twice")
    return found


def _output(form: str, asked: str) -> Output:
    prefixed = _PREFIXED.fullmatch(asked)
    if prefixed and prefixed[1] not in FORMATS:
        import difflib

        near = difflib.get_close_matches(prefixed[1], FORMATS, 1)
        hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(FORMATS)}"
        fail(f"--output: no format {prefixed[1]!r}{hint}")
    found = Output(prefixed[1], prefixed[2]) if prefixed else Output(form, asked)
    if found.file in ("", *FORMATS):
        fail(f"--output: {asked!r} names no file; write FORMAT=FILE")
    return found


def emit(report: Report, given: Settings, wanted: Sequence[Output]) -> None:
    """Print and write the report; all is rendered before the first byte is written."""
    from vmxlint.cli.files import write_all
    from vmxlint.reporters import text

    texts = {one: rendered(report, one.form, _style(given, one)).encode() for one in wanted}
    try:
        write_all({one.file: data for one, data in texts.items() if one.file != STDOUT})
    except OSError as error:
        fail(f"can't write {error.filename!r}: {(error.strerror or str(error)).lower()}")
    for one, data in texts.items():
        if one.file == STDOUT:
            with suppress(BrokenPipeError):  # nobody reads on; the exit code says the rest
                click.echo(data, nl=False)
    if given.statistics:
        say(text.statistics(report))
    if report.stale:
        say(text.stale(report))
    if not given.quiet:
        say(text.summary(report))


def _style(given: Settings, output: Output) -> Style:
    return Style(
        wants_color(given.color, output.file == STDOUT),
        given.show_suppressed,
        given.sarif_suppressed,
        given.sarif_category,
        _provenance(given.paths[0]) if given.sarif_provenance and output.form == "sarif" else None,
    )


def _provenance(path: str) -> Provenance | None:
    """The commit of the tree that a path means."""
    from vmxlint.change.provenance import provenance

    place = Path(path).resolve()
    return provenance(place if place.is_dir() else place.parent)


def wants_color(color: str, is_stdout: bool) -> bool:
    """What `--color` says; by itself only on a terminal, never with NO_COLOR set."""
    if color != "auto":
        return color == "always"
    if os.environ.get("NO_COLOR") or not is_stdout:
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()
