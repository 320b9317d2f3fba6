"""JSON, version 1: a contract to which fields are only ever added."""

from __future__ import annotations

from vmxlint import __version__
from vmxlint.findings import Finding, Location, Rank
from vmxlint.report import Change, Coverage, PatchEffect, PathChange, Report, Silence
from vmxlint.reporters import INFORMATION_URI, NAME
from vmxlint.reporters.cycles import as_data, ends
from vmxlint.reporters.document import dumped


def render(report: Report) -> str:
    """The whole report, suppressed findings too, as one ASCII document that ends in a line end."""
    document = {
        "version": 1,
        "tool": {"name": NAME, "version": __version__, "information_uri": INFORMATION_URI},
        "findings": [_finding(finding) for finding in report.findings],
        "coverage": _coverage(report.coverage),
        "stale_in_baseline": list(report.stale),
        "model": {"file": report.model_file, "replaced": list(report.replaced)},
    }
    if report.change:
        document["change"] = _change(report.change)
    return dumped(document, indent=2)


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "rule": finding.rule,
        "name": finding.name,
        "severity": finding.severity,
        "tier": finding.tier,
        **_place(finding.location),
        "function": finding.function,
        "message": finding.message,
        "call_path": list(finding.call_path),
        "contexts": list(finding.contexts),
        "cost": as_data(finding.cost),
        "related": [{**_place(r.location), "message": r.message} for r in finding.related],
        "fingerprint": finding.fingerprint,
        "suppressed": finding.suppressed,
        "suppressed_by": finding.suppressed_by,
        "conditions": [
            {
                "condition": one.condition,
                "probability": ends(one.probability, 6),
                "basis": one.basis,
            }
            for one in finding.chances
        ],
        "rank": _rank(finding.rank) if finding.rank else None,
        **({"patch": finding.patch} if finding.patch else {}),
    }


def _rank(rank: Rank) -> dict[str, object]:
    return {
        "place": rank.place,
        "among": rank.among,
        "ties_above": rank.ties_above,
        "ties_below": rank.ties_below,
    }


def _change(change: Change) -> dict[str, object]:
    return {
        "base": change.base,
        "new": [_finding(one) for one in change.new],
        "fixed": [_finding(one) for one in change.fixed],
        "costlier": [
            {"before": _finding(old), "after": _finding(new)} for old, new in change.costlier
        ],
        "paths": [_path(one) for one in change.paths],
        "patches": [_patch(one) for one in change.patches],
        "suppressions": [_silence(one) for one in change.silences],
    }


def _silence(one: Silence) -> dict[str, object]:
    return {
        "path": one.path,
        "line": one.line,
        "rules": list(one.rules),
        "reason": one.reason,
        "by": one.by,
    }


def _patch(effect: PatchEffect) -> dict[str, object]:
    return {
        "number": effect.number,
        "of": effect.of,
        "subject": effect.subject,
        "new": [_finding(one) for one in effect.new],
        "fixed": [_finding(one) for one in effect.fixed],
        "lost": [_finding(one) for one in effect.lost],
        "paths": [_path(one) for one in effect.paths],
    }


def _path(path: PathChange) -> dict[str, object]:
    return {
        "context": path.context,
        "before": ends(path.before),
        "after": ends(path.after),
        "delta": ends(path.delta),
        "not_priced": {kind: round(more, 6) for kind, more in path.unpriced},
    }


def _place(location: Location) -> dict[str, object]:
    return {
        "path": location.path,
        "line": location.line,
        "column": location.column,
        "end_line": location.end_line,
        "end_column": location.end_column,
    }


def _coverage(coverage: Coverage) -> dict[str, object]:
    return {
        "files": coverage.files,
        "functions": coverage.functions,
        "operations": coverage.operations,
        "not_understood": [
            {"path": place.path, "line": place.line, "reason": place.reason}
            for place in coverage.not_understood
        ],
        "units": [{"path": one.path, "dialect": one.dialect} for one in coverage.units],
    }
