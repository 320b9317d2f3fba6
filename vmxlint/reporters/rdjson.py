"""rdjson, which reviewdog posts as comments on a change: its messages are read as Markdown."""

from __future__ import annotations

from vmxlint.findings import Finding, Location
from vmxlint.report import Report
from vmxlint.reporters import INFORMATION_URI, NAME
from vmxlint.reporters.cycles import in_words
from vmxlint.reporters.document import dumped
from vmxlint.reporters.escape import escape
from vmxlint.reporters.text import opened

_SEVERITIES = {"error": "ERROR", "warning": "WARNING", "note": "INFO"}
_MARKUP = {"\\": "\\\\", "`": "\\`", "*": "\\*", "<": "&lt;", "&": "&amp;", "@": "@ "}


def render(report: Report) -> str:
    """One DiagnosticResult with the findings that are not suppressed; columns count bytes."""
    document = {
        "source": {"name": NAME, "url": INFORMATION_URI},
        "diagnostics": [_diagnostic(f, report) for f in report.findings if f.suppressed is None],
    }
    return dumped(document, indent=2)


def _diagnostic(finding: Finding, report: Report) -> dict[str, object]:
    return {
        "message": markdown(f"{finding.message}. Cost: {in_words(finding.cost)}."),
        "location": _location(finding.location, report),
        "severity": _SEVERITIES[finding.severity],
        "code": {"value": finding.rule},
        "related_locations": [
            {"message": markdown(related.message), "location": _location(related.location, report)}
            for related in finding.related
        ],
    }


def _location(where: Location, report: Report) -> dict[str, object]:
    return {
        "path": opened(where.path, report.prefixes),
        "range": {
            "start": {"line": where.line, "column": where.column},
            "end": {"line": where.end_line, "column": where.end_column},
        },
    }


def markdown(text: str) -> str:
    """`text` as Markdown that shows it: no link, image, tag, code, emphasis, or name called."""
    marked = "".join(_MARKUP.get(character, character) for character in escape(text))
    return marked.replace("[", "\\[").replace("](", "] (")
