"""An anti-pattern that is put back into the clean demo tree is found; a harmless edit is not."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.fixtures import FIXTURES, analysed, options
from tests.mutants import HARMLESS, MUTANTS, Edit, Mutant
from vmxlint.engine import run
from vmxlint.registry import rules
from vmxlint.report import Report

CLEAN = FIXTURES / "kvm_after"
FEWEST_MUTANTS = 40
FEWEST_HARMLESS = 20


def edited(edits: list[Edit], folder: Path) -> Report:
    """The report on a copy of the clean tree with the edits in it."""
    tree = folder / "tree"
    shutil.copytree(CLEAN, tree)
    for name, old, new in edits:
        file = tree / name
        if old:
            text = file.read_text("utf-8")
            assert old in text, f"{name} has no {old!r}"
            assert old != new
            file.write_text(text.replace(old, new), "utf-8")
        else:
            assert not file.exists()
            file.write_text(new, "utf-8")
    return run([str(tree)], options())


def _mutants() -> list[object]:
    return [
        pytest.param(
            one,
            id=f"{one.rule}-{one.name}",
            marks=[pytest.mark.xfail(strict=True, reason=one.missed)] if one.missed else [],
        )
        for one in MUTANTS
    ]


def test_the_tree_is_clean_by_itself() -> None:
    assert not analysed(CLEAN).findings


@pytest.mark.parametrize("mutant", _mutants())
def test_a_mutant_is_caught_by_its_rule(mutant: Mutant, tmp_path: Path) -> None:
    report = edited(mutant.edits, tmp_path)
    places = {one.location.path for one in report.findings if one.rule == mutant.rule}
    files = {mutant.at} if mutant.at else {file for file, _, _ in mutant.edits}
    assert places & files, {
        (one.rule, one.location.path, one.location.line) for one in report.findings
    }
    assert not report.coverage.not_understood


@pytest.mark.parametrize("edits", [pytest.param(one, id=name) for name, one in HARMLESS])
def test_a_harmless_edit_stays_clean(edits: list[Edit], tmp_path: Path) -> None:
    report = edited(edits, tmp_path)
    assert not [(one.rule, one.location.path, one.location.line) for one in report.findings]
    assert not report.coverage.not_understood


def test_there_are_enough_of_both_and_each_rule_has_a_mutant() -> None:
    caught = [one for one in MUTANTS if not one.missed]
    assert len(caught) >= FEWEST_MUTANTS
    assert len(HARMLESS) >= FEWEST_HARMLESS
    assert {one.rule for one in caught} == {rule.id for rule in rules()}
    assert Counter((one.rule, one.name) for one in MUTANTS).most_common(1)[0][1] == 1
