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
_RULES = (
    click.option("--select", multiple=True, metavar="RULES", help="Only these (ids or names)."),
    click.option("--ignore", multiple=True, metavar="RULES", help="Not these rules."),
    click.option("--audit", is_flag=True, help="Also rules whose findings may be contested."),
)
_FINDINGS = (
    click.option(
        "--min-cycles",
        type=click.FloatRange(0),
        default=0,
        metavar="N",
        help="Only findings that typically cost N cycles per VM-exit or nested round trip.",
    ),
    click.option(
        "--baseline", metavar="FILE", default=None, help="Not what this file knows already."
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
    from vmxlint.registry import find
    from vmxlint.registry import rules as all_rules

    wanted = [find(name) for names in given.select for name in names.split(",")]
    unwanted = [find(name) for names in given.ignore for name in names.split(",")]
    tiers = ("default", "audit") if given.audit else ("default",)
    pool = wanted or [rule for rule in all_rules() if rule.tier in tiers]
    return [rule for rule in all_rules() if rule in pool and rule not in unwanted]


def narrowed(report: Report, given: Settings) -> Report:
    """The report without what is too cheap to be shown."""
    kept = tuple(one for one in report.findings if _is_dear(one, given.min_cycles))
    return replace(report, findings=kept)


def _is_dear(finding: Finding, least: float) -> bool:
    """Whether a finding costs so much, or nobody knows what it costs, or it is about a comment."""
    from vmxlint.registry import OWN

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
