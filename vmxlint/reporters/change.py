"""What a change does besides its new findings, as text: what it mends, and the cycles per path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vmxlint.findings import Change, Delta, Finding, PathChange, Report
from vmxlint.interval import Interval
from vmxlint.reporters.cycles import figures, two_digits
from vmxlint.reporters.escape import escape
from vmxlint.reporters.text import opened


def render(report: Report) -> str:
    """Fixed findings, costlier ones, a table of paths; "" if there is nothing of it."""
    return "".join(f"{line}\n" for line in _lines(report.change, report)) if report.change else ""


def _lines(change: Change, report: Report) -> Iterator[str]:
    for one in change.fixed:
        yield f"fixed: {_told(one, report)}{_by(one)}"
    for old, new in change.costlier:
        prices = f"{figures(old.cost)} before, {figures(new.cost)} now"
        yield f"costlier: {_told(new, report)}: {prices} [{report.cpu}, modelled]"
    moved = [one for one in change.paths if any(one.delta)]
    if moved:
        yield f"modelled cycles per path [{report.cpu}, profile {report.profile}]:"
        yield from _table(moved)


def _told(finding: Finding, report: Report) -> str:
    """Where and what, on one line."""
    path = escape(opened(finding.location.path, report.prefixes))
    return f"{path}:{finding.location.line}: {escape(finding.message)} [{finding.rule}]"


def _by(finding: Finding) -> str:
    return f", by {escape(finding.patch)}" if finding.patch else ""


def _table(paths: Sequence[PathChange]) -> Iterator[str]:
    """Rows in columns: the path, what it took before and takes now, by how much that is more."""
    head = ("path", "before", "after", "change")
    rows = [(one.context, _span(one.before), _span(one.after), _delta(one.delta)) for one in paths]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = (escape(cell).ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _span(cycles: Interval | None) -> str:
    if cycles is None:
        return "-"
    low, typical, high = map(two_digits, cycles)
    return f"~{typical} ({low}-{high})"


def _delta(delta: Delta) -> str:
    low, typical, high = (f"{'-' if end < 0 else '+'}{two_digits(abs(end))}" for end in delta)
    return f"{typical} ({low} to {high})"
