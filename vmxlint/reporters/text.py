"""The default output: a gcc line that editors jump to, the source, the cost, the way there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from vmxlint.findings import Finding, Location
from vmxlint.model.dialect import PLAIN
from vmxlint.report import Report
from vmxlint.reporters.cycles import (
    chances_in_words,
    cut,
    in_words,
    load_in_words,
    rank_in_words,
)
from vmxlint.reporters.escape import escape
from vmxlint.reporters.frame import frame
from vmxlint.reporters.saved import short, times_in_words

_BOLD = "1"
_MOST_CONDITIONS = 5  # that a finding's text names
_SEVERITIES = {"error": "1;31", "warning": "1;35", "note": "1;36"}  # and their colors


def render(report: Report, color: bool, show_suppressed: bool = False) -> str:
    """All findings, a line end after each line; "" if there are none.

    `color` adds SGR codes to the place and the severity and changes nothing else. Suppressed
    findings are left out unless they are asked for.
    """
    shown = _shown(report, show_suppressed)
    lines = (line for finding in shown for line in _finding(finding, report.prefixes, color))
    return "".join(f"{line}\n" for line in lines)


def concise(report: Report, color: bool, show_suppressed: bool = False) -> str:
    """As `render`, with the first line of each finding alone: one line is one finding."""
    shown = _shown(report, show_suppressed)
    return "".join(f"{_first(finding, report.prefixes, color)}\n" for finding in shown)


def summary(report: Report) -> str:
    """One line without its end: `2 warnings in 45 files (14 places not understood)`."""
    counts = Counter(f.severity for f in report.findings if f.suppressed is None)
    found = [_counted(counts[severity], severity) for severity in _SEVERITIES if counts[severity]]
    others = {one.dialect for one in report.coverage.units} - {PLAIN}
    aside = [f"dialect {escape(one)}" for one in sorted(others)]
    if suppressed := sum(f.suppressed is not None for f in report.findings):
        aside.append(f"{suppressed} suppressed")
    if report.coverage.files and not report.coverage.operations:
        aside.append("no VMX operation found")
    if places := len(report.coverage.not_understood):
        aside.append(f"{_counted(places, 'place')} not understood")
    if report.change and report.change.note:
        aside.append(report.change.note)
    if rows := len(report.replaced):
        aside.append(f"{_counted(rows, 'row')} of the model from {escape(report.model_file or '')}")
    notes = f" ({', '.join(aside)})" if aside else ""
    files = _counted(report.coverage.files, "file")
    new = "new since " + report.change.base + "; " if report.change else ""
    return f"{new}{', '.join(found) or 'no findings'} in {files}{notes}"


def statistics(report: Report) -> str:
    """A line for each rule with findings that are not suppressed, the most frequent first."""
    counts = Counter((f.rule, f.name) for f in report.findings if f.suppressed is None)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return "".join(f"{count:6}  {rule}  {name}\n" for (rule, name), count in ordered)


def stale(report: Report) -> str:
    """A line for each entry of the baseline that matches nothing any more, and what to do."""
    lines = [f"stale in the baseline: {escape(one)}\n" for one in report.stale]
    return "".join(lines) + "remove them with: vmxlint baseline prune\n"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _shown(report: Report, show_suppressed: bool) -> Iterator[Finding]:
    return (one for one in report.findings if show_suppressed or one.suppressed is None)


def _first(finding: Finding, prefixes: Mapping[str, str], color: bool) -> str:
    """The line in gcc form that says where and what."""
    code = _SEVERITIES.get(finding.severity, _BOLD)
    severity = _painted(f"{finding.severity}:", code, color)
    place = _place(finding.location, prefixes, color)
    aside = "" if finding.suppressed is None else " (suppressed)"
    return f"{place} {severity} {escape(finding.message)} [{finding.rule}]{aside}"


def _finding(finding: Finding, prefixes: Mapping[str, str], color: bool) -> Iterator[str]:
    yield _first(finding, prefixes, color)
    yield from frame(finding.location, finding.label)
    margin = " " * len(f" {finding.location.line} ")
    for key, value in _notes(finding):
        yield f"{margin}= {key}: {escape(value)}"
    for related in finding.related:
        note = _painted("note:", _SEVERITIES["note"], color)
        place = _place(related.location, prefixes, color)
        yield f"{place} {note} {escape(related.message)} [{finding.rule}]"


def _place(location: Location, prefixes: Mapping[str, str], color: bool) -> str:
    """`file:line:column:` as compilers write it and editors read it."""
    path = escape(opened(location.path, prefixes))
    return _painted(f"{path}:{location.line}:{location.column}:", _BOLD, color)


def _notes(finding: Finding) -> Iterator[tuple[str, str]]:
    """The `= key: value` lines under the frame."""
    cost = finding.cost
    yield "cost", in_words(cost)
    if cost.load:
        yield "load", load_in_words(cost.load)
    if often := times_in_words(cost):
        yield "saves", often
    if not cost.is_none:
        yield "source", "; ".join((f"profile {cost.profile}", *short(cost.sources)))
    if finding.call_path:
        yield "path", " -> ".join(f"{name}()" for name in finding.call_path)
    if finding.conditions:
        yield "when", _conjunction(finding.conditions)
    if cost.is_guessed and (doubts := chances_in_words(finding.chances)):
        yield "chance", doubts
    if finding.rank:
        yield "rank", rank_in_words(finding.rank)
    if finding.help:
        yield "help", finding.help
    if finding.patch is not None:
        yield "brought by", finding.patch
    if finding.suppressed is not None:
        yield "suppressed", finding.suppressed


def _conjunction(conditions: tuple[str, ...]) -> str:
    """`conditions` joined by &&, in brackets where C would otherwise bind them differently; of many
    the first and those next to the code."""
    if len(conditions) == 1:
        return cut(conditions[0])
    shown = [f"({cut(c)})" if "||" in c or "?" in c else cut(c) for c in conditions]
    if (more := len(shown) - _MOST_CONDITIONS) > 0:
        shown[1 : 1 + more] = [f"... {more} more ..."]
    return " && ".join(shown)


def opened(path: str, prefixes: Mapping[str, str]) -> str:
    """The path that opens a reported file from where vmxlint was called, made so that it never
    starts a line as a `::` workflow command."""
    shown = prefixes.get(path, path)
    return f"./{shown}" if shown.lstrip().startswith("::") else shown


def _painted(text: str, code: str, color: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if color else text
