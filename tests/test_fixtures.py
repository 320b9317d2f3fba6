"""Every fixture reports exactly what its comments expect: surplus and absence both fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures import FACTS, FIXTURES, TREES, analysed, cases, expected, found
from vmxlint.registry import Rule, rules


@pytest.mark.parametrize(
    "tree", [*TREES, *cases()], ids=lambda p: p.relative_to(FIXTURES).as_posix()
)
def test_findings_are_the_expected_ones(tree: Path) -> None:
    report = analysed(tree)
    assert found(report) == expected(tree)
    assert not report.coverage.not_understood


@pytest.mark.parametrize("tree", cases(), ids=lambda p: p.relative_to(FIXTURES).as_posix())
def test_known_misses_are_still_missed(tree: Path) -> None:
    assert not found(analysed(tree)) & expected(tree, "todo")


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.id)
def test_each_rule_has_three_hits_and_three_near_misses(rule: Rule) -> None:
    folder = FIXTURES / rule.name.replace("-", "_")
    names = [one.name for one in folder.iterdir()]
    hits = [name for name in names if name.startswith("hit_")]
    misses = [name for name in names if name.startswith("miss_")]
    assert len(hits) >= 3
    assert len(misses) >= 3
    assert sorted(hits + misses) == sorted(names)
    own = {name: [one for one in expected(folder / name) if one[2] == rule.id] for name in names}
    assert all(own[name] for name in hits)
    assert not any(own[name] for name in misses)


def test_each_fixture_folder_belongs_to_a_rule() -> None:
    stems = {rule.name.replace("-", "_") for rule in rules()}
    folders = {one.name for one in FIXTURES.iterdir() if one not in (*TREES, FACTS)}
    assert folders == stems


def test_no_note_says_that_the_other_build_writes_too() -> None:
    either = analysed(FIXTURES / "host_state_rewritten" / "hit_either_build")
    assert not any(one.related for one in either.findings)


def test_findings_on_the_demo_tree_are_complete() -> None:
    for finding in analysed(FIXTURES / "kvm_before").findings:
        assert finding.call_path[0] in ("vcpu_enter_guest", "demo_vcpu_run")
        assert len(finding.call_sites) == len(finding.call_path) - 1
        assert finding.contexts
        assert finding.cost.per_exit is not None
        assert finding.cost.per_nested_round_trip is not None
        assert finding.cost.per_nested_round_trip.typical > 0
        assert finding.cost.grade == "B"
        assert finding.cost.sources
