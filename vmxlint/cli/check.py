"""`vmxlint check PATH...`, which is `vmxlint PATH...`."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from vmxlint.cli import options
from vmxlint.cli.leaving import CLEAN, FOUND, fail, leave

if TYPE_CHECKING:
    from vmxlint.findings import Report
    from vmxlint.registry import Rule

FORMATS = ("text", "json", "sarif")


@click.command("check")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--select", multiple=True, metavar="RULES", help="Only these rules (ids or names).")
@click.option("--ignore", multiple=True, metavar="RULES", help="Not these rules.")
@click.option("--audit", is_flag=True, help="Also rules whose findings may be contested.")
@options.cpu
@options.profile
@options.jobs
@click.option("--exit-zero", is_flag=True, help="Exit 0 also with findings.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto")
@click.option("-q", "--quiet", is_flag=True, help="No summary on stderr.")
def command(
    paths: Sequence[str],
    form: str,
    select: Sequence[str],
    ignore: Sequence[str],
    audit: bool,
    cpu: str,
    profile: str | None,
    jobs: int | None,
    exit_zero: bool,
    color: str,
    quiet: bool,
) -> None:
    """Report the anti-patterns in PATH: a kernel tree, a folder of it, or one file.

    The hypervisor around PATH is always read whole; the report is narrowed to PATH. Exits 0 if
    there is nothing to report, 1 if there is, 2 if a path or an option is wrong.
    """
    gc.disable()  # the Facts are many and live to the end: collecting took a quarter of the time
    begun = options.begun(paths, jobs)

    from vmxlint import engine
    from vmxlint.model import ModelError
    from vmxlint.registry import RuleError
    from vmxlint.reporters import text
    from vmxlint.source import InputError

    try:
        chosen = _chosen(select, ignore, audit)
        report = engine.run(paths, options.options(chosen, cpu, profile, jobs, begun))
    except (InputError, ModelError, RuleError) as error:
        fail(str(error))
    click.echo(_rendered(report, form, color), nl=False, color=True)
    if not quiet:
        click.echo(text.summary(report), err=True)
    leave(FOUND if report.findings and not exit_zero else CLEAN)


def _rendered(report: Report, form: str, color: str) -> str:
    """The report in one of the formats, of which only the one asked for is imported."""
    if form == "json":
        from vmxlint.reporters import json_v1

        return json_v1.render(report)
    if form == "sarif":
        from vmxlint.registry import rules
        from vmxlint.reporters import sarif

        return sarif.render(report, rules())
    from vmxlint.reporters import text

    return text.render(report, _wants_color(color))


def _chosen(select: Sequence[str], ignore: Sequence[str], audit: bool) -> list[Rule]:
    from vmxlint.registry import find, rules

    wanted = [find(name) for names in select for name in names.split(",")]
    unwanted = [find(name) for names in ignore for name in names.split(",")]
    tiers = ("default", "audit") if audit else ("default",)
    pool = wanted or [rule for rule in rules() if rule.tier in tiers]
    return [rule for rule in rules() if rule in pool and rule not in unwanted]


def _wants_color(color: str) -> bool:
    """What `--color` says; by itself only on a terminal, never with NO_COLOR set."""
    if color != "auto":
        return color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()
