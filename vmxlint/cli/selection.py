"""Which rules look, and which of their findings are reported and counted."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vmxlint.findings import OWN
from vmxlint.ranking import ranked

if TYPE_CHECKING:
    from vmxlint.cli.settings import Settings
    from vmxlint.findings import Finding
    from vmxlint.registry import Rule
    from vmxlint.report import Report


def _finite(context: click.Context, parameter: click.Parameter, value: float) -> float:
    if not math.isfinite(value):
        raise click.BadParameter(f"{value} is no number of cycles.")
    return value


SEVERITIES = ("note", "warning", "error")
_RULES = (
    click.option("--select", multiple=True, metavar="RULES", help="Only these (ids or names)."),
    click.option("--ignore", multiple=True, metavar="RULES", help="Not these rules."),
    click.option("--audit", is_flag=True, help="Also rules whose findings may be contested."),
    click.option(
        "--per-file-ignores",
        multiple=True,
        metavar="PATTERN:RULES",
        help="Not these rules in the files of that name or path, with * and ?.",
    ),
)
_FINDINGS = (
    click.option(
        "--min-cycles",
        type=click.FloatRange(0),
        callback=_finite,
        default=0,
        metavar="N",
        help="Only findings that typically cost N cycles per VM-exit or nested round trip.",
    ),
    click.option(
        "--baseline", metavar="FILE", default=None, help="Not what this file knows already."
    ),
    click.option("--sort", type=click.Choice(["path", "cost"]), default="path", show_default=True),
    click.option("--exit-zero", is_flag=True, help="Exit 0 also with findings."),
    click.option(
        "--fail-on",
        type=click.Choice(SEVERITIES),
        default="note",
        show_default=True,
        help="Exit 1 only for findings of this severity or above.",
    ),
)


def rules(command: Callable[..., None]) -> Callable[..., None]:
    """The options that choose rules."""
    for option in reversed(_RULES):
        command = option(command)
    return command


def options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that choose rules and findings."""
    for option in reversed(_FINDINGS):
        command = option(command)
    return rules(command)


def chosen(given: Settings) -> list[Rule]:
    """The rules that look; RuleError for one that does not exist."""
    from vmxlint.registry import rules as all_rules

    wanted = _found(given.select, given.origin("select"))
    unwanted = _found(given.ignore, given.origin("ignore"))
    tiers = ("default", "audit") if given.audit else ("default",)
    pool = wanted or [rule for rule in all_rules() if rule.tier in tiers]
    return [rule for rule in all_rules() if rule in pool and rule not in unwanted]


def _found(asked: Iterable[str], origin: str) -> list[Rule]:
    """The rules of some comma-separated ids or names; RuleError, which begins with the file that
    they are from, for one that does not exist."""
    from vmxlint.registry import RuleError, find

    try:
        return [find(name.strip()) for names in asked for name in names.split(",")]
    except RuleError as error:
        raise RuleError(f"{origin}{error}") from None


def narrowed(report: Report, given: Settings) -> Report:
    """The report without what is too cheap to be shown, or ignored in its file, in the order
    asked for."""
    ignored = _ignored(report, given)
    kept = [one for one in report.findings if _is_dear(one, given.min_cycles)]
    narrow = report._replace(findings=tuple(one for one in kept if not ignored(one)))
    return ranked(narrow) if given.sort == "cost" else narrow


def _ignored(report: Report, given: Settings) -> Callable[[Finding], bool]:
    """Whether `--per-file-ignores` ignores a finding; RuleError for a rule that does not exist.

    A pattern is that of a path from the configuration's folder, or of the end of one, so that it
    holds whichever PATH is asked about.
    """
    origin = given.origin("per_file_ignores")
    pairs = [one.rpartition(":") for one in given.per_file_ignores]
    rows = [(pattern, {one.id for one in _found([ids], origin)}) for pattern, _, ids in pairs]

    def ignored(finding: Finding) -> bool:
        path = finding.location.path
        whole = os.path.relpath(os.path.realpath(report.prefixes.get(path, path)), base)
        parts = Path(whole).parts
        ends = ["/".join(parts[number:]) for number in range(len(parts))]
        return any(
            finding.rule in ids and any(fnmatchcase(end, pattern) for end in ends)
            for pattern, ids in rows
        )

    base = os.path.realpath(given.base)
    return ignored if rows else lambda _: False


def _is_dear(finding: Finding, least: float) -> bool:
    """Whether a finding costs so much, or nobody knows what it costs, or it is about a comment."""
    cost = finding.cost
    if finding.rule.startswith(OWN):
        return True
    figures = [one.typical for one in (cost.per_exit, cost.per_nested_round_trip) if one]
    return not figures or max(figures) >= least


def fails(report: Report, given: Settings) -> bool:
    """Whether the run ends with exit code 1."""
    counted = SEVERITIES[SEVERITIES.index(given.fail_on) :]
    found = any(one.suppressed is None and one.severity in counted for one in report.findings)
    return (found or bool(report.stale)) and not given.exit_zero
