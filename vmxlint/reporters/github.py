"""Workflow commands that GitHub Actions turns into annotations, as many as it shows of a step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vmxlint.findings import Finding
from vmxlint.report import Report
from vmxlint.reporters.cycles import dearest, in_words
from vmxlint.reporters.escape import escape
from vmxlint.reporters.text import opened

MOST = 10  # annotations of one severity that GitHub shows for a step
_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}
_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}


def render(report: Report) -> str:
    """A command for each of the dearest findings that are not suppressed, then a plain line that
    counts the others; "" if there are none."""
    shown = [finding for finding in report.findings if finding.suppressed is None]
    kept = [one for severity in _COMMANDS for one in _kept(shown, severity)]
    lines = [_annotation(finding, report) for finding in shown if finding in kept]
    if left := len(shown) - len(lines):
        lines.append(f"{left} more: GitHub shows {MOST} annotations of a kind; see another format")
    return "".join(f"{line}\n" for line in lines)


def _kept(findings: Sequence[Finding], severity: str) -> list[Finding]:
    return dearest([one for one in findings if one.severity == severity], MOST)


def _annotation(finding: Finding, report: Report) -> str:
    properties = ",".join(f"{key}={_property(value)}" for key, value in _place(finding, report))
    message = f"{escape(finding.message)}\ncost: {escape(in_words(finding.cost))}"
    return f"::{_COMMANDS[finding.severity]} {properties}::{_data(message)}"


def _place(finding: Finding, report: Report) -> Iterator[tuple[str, str]]:
    """Where, in bytes; GitHub refuses columns of a span of several lines."""
    where = finding.location
    yield "file", escape(opened(where.path, report.prefixes))
    yield "line", str(where.line)
    yield "endLine", str(where.end_line)
    if where.end_line == where.line:
        yield "col", str(where.column)
        yield "endColumn", str(where.end_column)
    yield "title", f"{finding.rule} {finding.name}"


def _data(text: str) -> str:
    return "".join(_DATA.get(character, character) for character in text)


def _property(text: str) -> str:
    return "".join(_PROPERTY.get(character, character) for character in text)
