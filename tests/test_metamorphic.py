"""A change of the text that means nothing leaves the findings, their costs and contexts."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import transform
from tests.fixtures import FIXTURES, TREES, analysed, cases, expected, found, options
from tests.transform import Renames, Tree
from vmxlint.engine import run
from vmxlint.reading.files import SUFFIXES
from vmxlint.registry import rules
from vmxlint.report import Report

# Not those that ask where code stands: a change of place changes what they say.
OF_RULES = {rule.name.replace("-", "_") for rule in rules() if not rule.id.startswith("VMX5")}
ALL = (*TREES, *(case for case in cases() if case.parent.name in OF_RULES))
CHANGES: dict[str, Callable[[Tree], tuple[Tree, Renames]]] = {
    "rename-variables": transform.rename_variables,
    "rename-functions": transform.rename_functions,
    "rename-members": transform.rename_members,
    "reverse-functions": lambda tree: transform.reorder(tree, lambda found: found[::-1]),
    "if-around-bodies": lambda tree: transform.wrap_bodies(tree, "if"),
    "do-around-bodies": lambda tree: transform.wrap_bodies(tree, "do"),
    "if-around-statements": lambda tree: transform.wrap_statements(tree, "if"),
    "do-around-statements": lambda tree: transform.wrap_statements(tree, "do"),
    "if-around-guards": lambda tree: transform.wrap_guards(tree, "if"),
    "do-around-guards": lambda tree: transform.wrap_guards(tree, "do"),
    "extra-parentheses": transform.extra_parentheses,
    "braces-apart": transform.braces_apart,
    "braces-together": transform.braces_together,
    "long-lines": transform.long_lines,
    "comments-between": transform.comments_between,
    "spaces": transform.spaces,
    "crlf": transform.crlf,
}
FEWEST_CHANGED = 20
# Line ends last: the transformations themselves read those of Unix only.
MIXED = sorted(CHANGES.keys() - {"crlf"})
EXAMPLES = settings(
    derandomize=True,
    deadline=None,
    max_examples=60,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def name_of(tree: Path) -> str:
    return tree.relative_to(FIXTURES).as_posix()


@cache
def load(tree: Path) -> Tree:
    return {
        file.relative_to(tree).as_posix(): file.read_text("utf-8")
        for file in sorted(tree.rglob("*"))
        if file.name.endswith(SUFFIXES)
    }


# Rules that ask in which file code stands.
LAYOUT = ("header_cycle", "evmcs_misplaced", "vmcs12_misplaced", "vmcs_definition_misplaced")


@cache
def helpers() -> dict[Path, list[tuple[str, str]]]:
    found = {tree: transform.movable(load(tree)) for tree in ALL if tree.parent.name not in LAYOUT}
    return {tree: places for tree, places in found.items() if places}


def written(tree: Tree, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    for path, text in tree.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode())
    return folder


def said(report: Report, renames: Renames) -> Counter[object]:
    """The findings without what a change may change."""
    return Counter(
        (
            one.rule,
            renames.get(one.function or "", one.function),
            one.cost,
            one.contexts,
            tuple(renames.get(name, name) for name in one.call_path),
        )
        for one in report.findings
    )


def check(original: Path, changed: Tree, renames: Renames, folder: Path) -> None:
    root = written(changed, folder / "tree")
    report = run([str(root)], options())
    assert found(report) == expected(root)
    assert said(report, {}) == said(analysed(original), renames)
    gaps = analysed(original).coverage.not_understood
    assert len(report.coverage.not_understood) == len(gaps)


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_changes_no_finding(name: str, tmp_path: Path) -> None:
    faults: dict[str, str] = {}
    trees = {tree: CHANGES[name](load(tree)) for tree in ALL}
    different = {tree: new for tree, new in trees.items() if new[0] != load(tree)}
    assert len(different) >= FEWEST_CHANGED
    for tree, (changed, renames) in different.items():
        try:
            check(tree, changed, renames, tmp_path)
        except AssertionError as fault:
            faults[name_of(tree)] = str(fault)
    assert not faults


@EXAMPLES
@given(st.data())
def test_a_helper_may_stand_in_another_file(tmp_path: Path, data: st.DataObject) -> None:
    tree = data.draw(st.sampled_from(list(helpers())))
    path, name = data.draw(st.sampled_from(helpers()[tree]))
    changed, renames = transform.move(load(tree), path, name)
    assert changed.keys() > load(tree).keys()
    check(tree, changed, renames, tmp_path)


@EXAMPLES
@given(st.sampled_from(ALL), st.randoms(use_true_random=False))
def test_functions_may_stand_in_any_order(tmp_path: Path, tree: Path, random: Random) -> None:
    changed, renames = transform.reorder(load(tree), lambda run: random.sample(run, len(run)))
    check(tree, changed, renames, tmp_path)


@EXAMPLES
@given(st.sampled_from(ALL), st.randoms(use_true_random=False))
def test_any_statement_may_stand_in_a_block(tmp_path: Path, tree: Path, random: Random) -> None:
    changed, renames = transform.wrap_statements(load(tree), "do", lambda: random.random() < 0.3)
    check(tree, changed, renames, tmp_path)


@EXAMPLES
@given(st.sampled_from(ALL), st.lists(st.sampled_from(MIXED), min_size=2, max_size=5, unique=True))
def test_changes_may_come_together(tmp_path: Path, tree: Path, names: list[str]) -> None:
    changed, renames = load(tree), dict[str, str]()
    for name in names:
        changed, new = CHANGES[name](changed)
        renames = renames | new
    check(tree, changed, renames, tmp_path)
