"""What a change does besides its new findings, as text: what it mends, and the cycles per path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from vmxlint.findings import Finding
from vmxlint.interval import Interval
from vmxlint.report import Change, Delta, PatchEffect, PathChange, Report
from vmxlint.reporters.cycles import figures, two_digits
from vmxlint.reporters.escape import escape
from vmxlint.reporters.text import opened

_LEAST = 0.01  # cycles; what changes by less is rounded away


def render(report: Report) -> str:
    """Fixed findings, costlier ones, a table of paths; "" if there is nothing of it."""
    return "".join(f"{line}\n" for line in _lines(report.change, report)) if report.change else ""


def _lines(change: Change, report: Report) -> Iterator[str]:
    for one in change.fixed:
        yield f"fixed: {_told(one, report)}{_by(one)}"
    for old, new in change.costlier:
        prices = f"{figures(old.cost)} before, {figures(new.cost)} now"
        yield f"costlier: {_told(new, report)}: {prices} [{report.cpu}, modelled]"
    for silence in change.silences:
        names = escape(", ".join(silence.rules) or "nothing")
        reason = escape(silence.reason or "no reason")
        who = "the baseline ignores" if silence.by == "baseline" else "ignores"
        yield f"suppressed: {_at(silence.path, silence.line, report)} {who} {names}: {reason}"
    for effect in change.patches if change.by_patch else ():
        yield from _patch(effect, report)
    whole = "all patches: " if change.by_patch and len(change.patches) > 1 else ""
    yield from _cycles(change.paths, whole, report)


def _patch(effect: PatchEffect, report: Report) -> Iterator[str]:
    """One patch of a series: what it brings, mends, and has taken back by a later one."""
    name = f'patch {effect.number}/{effect.of} "{escape(effect.subject)}"'
    for word, findings in (("new", effect.new), ("fixed", effect.fixed)):
        for one in findings:
            later = " (taken back by a later patch)" if one in effect.lost else ""
            yield f"{name}: {word}: {_told(one, report)}{later}"
    yield from _cycles(effect.paths, f"{name}: ", report)


def _cycles(paths: Sequence[PathChange], head: str, report: Report) -> Iterator[str]:
    moved = [one for one in paths if any(abs(end) >= _LEAST for end in one.delta)]
    if moved:
        yield f"{head}modelled cycles per path [{report.cpu}, profile {report.profile}]:"
        yield from _table(moved)
    for told, group in _alike([one for one in paths if one.unpriced], _counts):
        yield f"{head}{_named(group)}: {told} expected in one pass, not priced"


def _told(finding: Finding, report: Report) -> str:
    """Where and what, on one line."""
    place = _at(finding.location.path, finding.location.line, report)
    return f"{place} {escape(finding.message)} [{finding.rule}]"


def _at(path: str, line: int, report: Report) -> str:
    return f"{escape(opened(path, report.prefixes))}:{line}:"


def _by(finding: Finding) -> str:
    return f", by {escape(finding.patch)}" if finding.patch else ""


def _table(paths: Sequence[PathChange]) -> Iterator[str]:
    """Rows in columns: the path, what it took before and takes now, by how much that is more."""
    head = ("path", "before", "after", "change")
    rows = [
        (_named(group), _span(group[0].before), _span(group[0].after), change)
        for change, group in _alike(paths, lambda one: _delta(one.delta))
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _alike(
    paths: Sequence[PathChange], said: Callable[[PathChange], str]
) -> Iterator[tuple[str, list[PathChange]]]:
    """What is said of some paths: of exit reasons for which it is the same, once."""
    groups: dict[tuple[str, str], list[PathChange]] = {}
    for one in paths:
        kind, _, reason = one.context.partition(":")
        groups.setdefault((kind if reason else one.context, said(one)), []).append(one)
    for (_, told), group in groups.items():
        yield told, group


def _counts(path: PathChange) -> str:
    return ", ".join(f"{kind.upper()} {more:+.1f}" for kind, more in path.unpriced)


def _named(group: Sequence[PathChange]) -> str:
    name = escape(group[0].context)
    return f"{name} and {len(group) - 1} more" if len(group) > 1 else name


def _span(cycles: Interval | None) -> str:
    if cycles is None:
        return "-"
    low, typical, high = map(two_digits, cycles)
    return f"~{typical} ({low}-{high})"


def _delta(delta: Delta) -> str:
    low, typical, high = (f"{'-' if end < 0 else '+'}{two_digits(abs(end))}" for end in delta)
    return f"{typical} ({low} to {high})"
