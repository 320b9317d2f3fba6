"""The command line: the one place that prints and exits."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NoReturn

import click

from vmxlint import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from vmxlint import engine
    from vmxlint.findings import Report
    from vmxlint.reading import Reading
    from vmxlint.registry import Rule

CLEAN, FOUND, UNUSABLE = 0, 1, 2
FORMATS = ("text", "json", "sarif")


class _DefaultsToCheck(click.Group):
    """`vmxlint PATH...` is `vmxlint check PATH...`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {"--help", "-h", "--version"}
        if args and args[0] not in self.commands and args[0] not in own:
            args = ["check", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_DefaultsToCheck, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vmxlint")
def main() -> None:
    """Find the hypervisor C that makes Intel VMX slow, and what each place costs in cycles.

    `vmxlint PATH...` is short for `vmxlint check PATH...`.
    """


@main.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text", show_default=True)
@click.option("--select", multiple=True, metavar="RULES", help="Only these rules (ids or names).")
@click.option("--ignore", multiple=True, metavar="RULES", help="Not these rules.")
@click.option("--audit", is_flag=True, help="Also rules whose findings may be contested.")
@click.option("--cpu", default="skylake", show_default=True, help="CPU family to price for.")
@click.option("--profile", default=None, help="Exit mix to price with.")
@click.option("-j", "jobs", type=click.IntRange(1), default=None, help="Processes to read with.")
@click.option("--exit-zero", is_flag=True, help="Exit 0 also with findings.")
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto")
@click.option("-q", "--quiet", is_flag=True, help="No summary on stderr.")
def check(
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
    begun = _begun(paths, jobs)

    from vmxlint import engine
    from vmxlint.model import ModelError
    from vmxlint.registry import RuleError
    from vmxlint.reporters import text
    from vmxlint.source import InputError

    try:
        chosen = _chosen(select, ignore, audit)
        report = engine.run(paths, _options(chosen, cpu, profile, jobs, begun))
    except (InputError, ModelError, RuleError) as error:
        _fail(str(error))
    click.echo(_rendered(report, form, color), nl=False, color=True)
    if not quiet:
        click.echo(text.summary(report), err=True)
    _leave(FOUND if report.findings and not exit_zero else CLEAN)


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


def _begun(paths: Sequence[str], jobs: int | None) -> dict[Path, Reading]:
    """The readings of the units around the paths, begun before all else is imported."""
    from vmxlint.model import dialect
    from vmxlint.reading import Reading
    from vmxlint.source import InputError, target

    kvm = dialect.load("kvm")
    try:
        roots = dict.fromkeys(target(path, kvm).unit for path in paths)
    except InputError as error:
        _fail(str(error))
    return {root: Reading(root, kvm, jobs or _cores()) for root in roots}


def _options(
    rules: Sequence[Rule],
    cpu: str,
    profile: str | None,
    jobs: int | None,
    begun: Mapping[Path, Reading],
) -> engine.Options:
    from vmxlint import engine
    from vmxlint.cost import Pricing
    from vmxlint.model import dialect, load_model, profiles

    model = load_model()
    model.operations.lookup("vmread", cpu)
    pricing = Pricing(model, profiles.load(profile or profiles.DEFAULT), cpu)
    return engine.Options(rules, dialect.load("kvm"), pricing, jobs or _cores(), begun)


def _leave(code: int) -> NoReturn:
    """Exit without taking a million small objects apart first, which takes as long as linking."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _chosen(select: Sequence[str], ignore: Sequence[str], audit: bool) -> list[Rule]:
    from vmxlint.registry import find, rules

    wanted = [find(name) for names in select for name in names.split(",")]
    unwanted = [find(name) for names in ignore for name in names.split(",")]
    tiers = ("default", "audit") if audit else ("default",)
    pool = wanted or [rule for rule in rules() if rule.tier in tiers]
    return [rule for rule in rules() if rule in pool and rule not in unwanted]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _wants_color(color: str) -> bool:
    """What `--color` says; by itself only on a terminal, never with NO_COLOR set."""
    if color != "auto":
        return color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()


def _fail(message: str) -> NoReturn:
    from vmxlint.reporters.escape import escape

    click.echo(f"vmxlint: {escape(message)}", err=True)
    sys.exit(UNUSABLE)


@main.command()
@click.argument("function")
@click.argument("path")
@click.option("--format", "form", type=click.Choice(FORMATS[:2]), default="text")
@click.option("--cpu", default="skylake", show_default=True, help="CPU family to price for.")
@click.option("--profile", default=None, help="Exit mix to count with.")
@click.option("-j", "jobs", type=click.IntRange(1), default=None, help="Processes to read with.")
def why(
    function: str, path: str, form: str, cpu: str, profile: str | None, jobs: int | None
) -> None:
    """Say when FUNCTION runs, how often, and why: contexts, ways, conditions, operations.

    PATH is as for `vmxlint check`. Exits 2 if there is no such function.
    """
    gc.disable()
    begun = _begun([path], jobs)

    from vmxlint import engine
    from vmxlint.model import ModelError
    from vmxlint.reporters import why
    from vmxlint.source import InputError

    try:
        answer = engine.why(function, path, _options([], cpu, profile, jobs, begun))
    except (InputError, ModelError) as error:
        _fail(str(error))
    click.echo(why.as_text(answer) if form == "text" else why.as_json(answer), nl=False)
    _leave(CLEAN)


@main.command()
@click.argument("wanted", required=False, metavar="[RULE]")
def rule(wanted: str | None) -> None:
    """List the rules, or print the manual of one, by its id or name."""
    from vmxlint.registry import RuleError, find, rules

    if wanted is None:
        for one in rules():
            click.echo(f"{one.id}  {one.name:30}  {one.tier:7}  {one.summary}")
        return
    try:
        found = find(wanted)
    except RuleError as error:
        _fail(str(error))
    click.echo(f"{found.id} {found.name} ({found.severity}, {found.tier})\n\n{found.manual}")
