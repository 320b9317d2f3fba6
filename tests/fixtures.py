"""The fixture trees and what they expect, as their comments say."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from vmxlint.cost import Pricing
from vmxlint.engine import Options, run
from vmxlint.model import dialect, load_model, profiles
from vmxlint.registry import rules
from vmxlint.report import Report

ROOT = Path(__file__).parent.parent
FIXTURES = ROOT / "fixtures"
TREES = (FIXTURES / "kvm_before", FIXTURES / "kvm_after")
FACTS = FIXTURES / "facts"
PLAIN = dialect.load(dialect.PLAIN)

_EXPECT = re.compile(r"/\* (expect|todo): (VMX\d{3}(?:,? VMX\d{3})*)")


def cases() -> list[Path]:
    """Each folder in the folder of a rule: one small unit."""
    folders = [one for one in FIXTURES.iterdir() if one.is_dir() and one not in (*TREES, FACTS)]
    return sorted(case for folder in folders for case in folder.iterdir())


def expected(tree: Path, word: str = "expect") -> set[tuple[str, int, str]]:
    """The (file, line, rule) that comments of the form `expect: VMX101` or `todo: ...` name."""
    return {
        (file.relative_to(tree).as_posix(), number, rule)
        for file in sorted(tree.rglob("*.[chS]"))
        for number, line in enumerate(file.read_text("utf-8").split("\n"), 1)
        for found in _EXPECT.finditer(line)
        if found[1] == word
        for rule in re.findall(r"VMX\d{3}", found[2])
    }


@cache
def options(*ids: str) -> Options:
    """All rules, or those of some ids, at the default prices."""
    chosen = [one for one in rules() if not ids or one.id in ids]
    pricing = Pricing(load_model(), profiles.load(profiles.DEFAULT), "skylake")
    return Options(chosen, None, pricing)


@cache
def analysed(tree: Path) -> Report:
    """The report on a tree."""
    return run([str(tree)], options())


def found(report: Report) -> set[tuple[str, int, str]]:
    """The (file, line, rule) of the findings that are not suppressed."""
    shown = [one for one in report.findings if one.suppressed is None]
    return {(one.location.path, one.location.line, one.rule) for one in shown}
