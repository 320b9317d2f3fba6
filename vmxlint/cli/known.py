"""Holds the report of a run against a baseline file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmxlint.baseline import Entry, Matched
    from vmxlint.cli.settings import Settings
    from vmxlint.findings import Finding
    from vmxlint.registry import Rule
    from vmxlint.report import Report


def held(report: Report, given: Settings, rules: Iterable[Rule]) -> Report:
    """The report with its known findings suppressed, and with the entries of the baseline that
    nothing below the paths matches any more. BaselineError for a file that can't be used."""
    done = matched(report, given, rules)
    return report._replace(findings=done.findings, stale=tuple(sorted(map(str, done.left))))


def matched(report: Report, given: Settings, rules: Iterable[Rule]) -> Matched:
    """The findings held against the baseline; left are entries that this run would have matched."""
    from vmxlint import baseline

    file = given.baseline
    assert file is not None
    looked = _within(given.paths, rules, folder(file))
    done = baseline.matched(
        report.findings,
        baseline.load(file),
        namer(report, file),
        lambda entry: looked(entry) or not os.path.exists(folder(file) / entry.file),  # noqa: PTH110
    )
    return replace(done, left=tuple(filter(looked, done.left)))


def _within(paths: Sequence[str], rules: Iterable[Rule], base: Path) -> Callable[[Entry], bool]:
    """Whether a run over `paths` with these rules would have seen what an entry stands for."""
    below = [Path(path).resolve() for path in paths]
    ids = {rule.id for rule in rules}

    def looked(entry: Entry) -> bool:
        place = Path(os.path.normpath(base / entry.file))
        return entry.rule in ids and any(place.is_relative_to(path) for path in below)

    return looked


def folder(file: str) -> Path:
    """The folder of a baseline, to which its file names are relative."""
    return Path(file).resolve().parent


def namer(report: Report, file: str) -> Callable[[Finding], str]:
    """How a baseline in `file` calls the file of a finding of the report."""
    from vmxlint.baseline import relative

    names: dict[str, str] = {}

    def name(finding: Finding) -> str:
        path = finding.location.path
        if path not in names:
            names[path] = relative(report.prefixes.get(path, path), folder(file))
        return names[path]

    return name
