"""Every tree of fixtures/facts means exactly what its comments say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.facts import expected, found, trees
from tests.fixtures import PLAIN
from vmxlint.reading import read_facts
from vmxlint.reading.source import read_unit

# The trees that are about what can't be kept or read, and how many such places there are.
GAPS = {
    "build_else": 1,
    "build_expression": 1,
    "build_heads": 1,
    "odd_statements": 1,
    "unreadable": 2,
}


@pytest.mark.parametrize("tree", trees(), ids=lambda tree: tree.name)
def test_facts_are_the_expected_ones(tree: Path) -> None:
    missed = expected(tree, "todo")
    seen = {place: fact for place, fact in found(tree).items() if place not in missed}
    assert seen == expected(tree, "fact")


@pytest.mark.parametrize("tree", trees(), ids=lambda tree: tree.name)
def test_known_misses_are_still_missed(tree: Path) -> None:
    seen = found(tree)
    missed = expected(tree, "todo")
    assert [place for place, fact in missed.items() if seen[place] == fact] == []


@pytest.mark.parametrize("tree", trees(), ids=lambda tree: tree.name)
def test_no_line_is_both_known_and_missed(tree: Path) -> None:
    assert expected(tree, "fact")
    assert not expected(tree, "fact").keys() & expected(tree, "todo").keys()


@pytest.mark.parametrize("tree", trees(), ids=lambda tree: tree.name)
def test_all_else_is_understood(tree: Path) -> None:
    files, bodies = read_facts(read_unit(tree, PLAIN))
    gaps = [gap for one in files for gap in (*one.gaps, *bodies.gaps(files)[one.path])]
    assert len(gaps) == GAPS.get(tree.name, 0), gaps
