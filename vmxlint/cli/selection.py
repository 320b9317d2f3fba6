"""Which rules look, and which of their findings are reported and counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from vmxlint.cli.settings import Settings
    from vmxlint.findings import Finding, Report
    from vmxlint.registry import Rule

SEVERITIES = ("note", "warning", "error")
_OPTIONS = (
    click.option("--select", multiple=True, metavar="RULES", help="Only these (ids or names)."),
    click.option("--ignore", multiple=True, metavar="RULES", help="Not these rules."),
    click.option("--audit", is_flag=True, help="Also rules whose findings may be contested."),
    click.option(
        "--min-cycles",
        type=click.FloatRange(0),
        default=0,
        metavar="N",
        help="Only findings that typically cost N cycles per VM-exit or nested round trip.",
    ),
    click.option("--exit-zero", is_flag=True, help="Exit 0 also with findings."),
    click.option(
        "--fail-on",
        type=click.Choice(SEVERITIES),
        default="note",
        show_default=True,
        help="Exit 1 only for findings of this severity or above.",
    ),
)


def options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that choose rules and findings."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def chosen(given: Settings) -> list[Rule]:
    """The rules that look; RuleError for one that does not exist."""
    from vmxlint.registry import find, rules

    wanted = [find(name) for names in given.select for name in names.split(",")]
    unwanted = [find(name) for names in given.ignore for name in names.split(",")]
    tiers = ("default", "audit") if given.audit else ("default",)
    pool = wanted or [rule for rule in rules() if rule.tier in tiers]
    return [rule for rule in rules() if rule in pool and rule not in unwanted]


def narrowed(report: Report, given: Settings) -> Report:
    """The report without what is too cheap to be shown."""
    kept = tuple(one for one in report.findings if _is_dear(one, given.min_cycles))
    return replace(report, findings=kept)


def _is_dear(finding: Finding, least: float) -> bool:
    """Whether a finding costs so much, or nobody knows what it costs."""
    cost = finding.cost
    figures = [one.typical for one in (cost.per_exit, cost.per_nested_round_trip) if one]
    return not figures or max(figures) >= least


def fails(report: Report, given: Settings) -> bool:
    """Whether the run ends with exit code 1."""
    counted = SEVERITIES[SEVERITIES.index(given.fail_on) :]
    found = any(one.suppressed is None and one.severity in counted for one in report.findings)
    return found and not given.exit_zero
