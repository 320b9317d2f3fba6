"""What holds for any two trees: no change is nothing, a difference is a difference."""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import transform
from tests.fixtures import TREES, options
from tests.mutants import HARMLESS, MUTANTS, Edit
from tests.test_metamorphic import CHANGES, load
from tests.transform import Tree
from vmxlint.cache import NOWHERE
from vmxlint.change.compare import Difference, difference
from vmxlint.change.look import Looked, Looking, look
from vmxlint.change.parts import Snapshot

BEFORE, AFTER = TREES
EDITS: list[list[Edit]] = [[], *(one.edits for one in MUTANTS), *(edits for _, edits in HARMLESS)]
PAIRS = st.tuples(*[st.lists(st.integers(0, len(EDITS) - 1), max_size=2, unique=True)] * 2)
EXAMPLES = settings(derandomize=True, deadline=None, max_examples=60, database=None)


def snapshot(tree: Tree) -> Snapshot:
    return Snapshot({path.encode(): text.encode() for path, text in tree.items()})


@cache
def looked(digest: str) -> Looked:
    with TemporaryDirectory() as folder:
        looking = Looking([b""], options(), ".", Path(folder), NOWHERE, b"")
        return look([KNOWN[digest]], looking)[0]


KNOWN: dict[str, Snapshot] = {}


def compared(old: Tree, new: Tree) -> tuple[Looked, Looked, Difference]:
    trees = snapshot(old), snapshot(new)
    KNOWN.update((one.digest, one) for one in trees)
    before, after = (looked(one.digest) for one in trees)
    return before, after, difference(before, after, *trees)


def edited(edits: list[int]) -> Tree | None:
    """The clean tree with some of the edits in it, None if they don't go together."""
    tree = dict(load(AFTER))
    for name, old, new in (edit for number in edits for edit in EDITS[number]):
        if old and old not in tree[name]:
            return None
        tree[name] = tree[name].replace(old, new) if old else new
    return tree


def fingerprints(looks: Looked) -> Counter[str]:
    return Counter(one.finding.fingerprint for one in looks.seen)


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)
def test_the_same_tree_has_no_difference(tree: Path) -> None:
    _, _, found = compared(load(tree), dict(reversed(load(tree).items())))
    assert (found.new, found.fixed) == ((), ())


@pytest.mark.parametrize("change", sorted(CHANGES))
@pytest.mark.parametrize("tree", TREES, ids=lambda tree: tree.name)
def test_what_is_moved_renamed_or_laid_out_anew_is_nothing(tree: Path, change: str) -> None:
    changed, _ = CHANGES[change](load(tree))
    before, after, found = compared(load(tree), changed)
    assert len(before.seen) == len(after.seen)
    told = [(one.finding.rule, one.statement) for one in (*found.new, *found.fixed)]
    assert not told


def test_files_may_be_renamed_and_functions_moved_to_others() -> None:
    tree = load(BEFORE)
    renamed = {path.replace("vmx/exits.c", "vmx/leaving.c"): text for path, text in tree.items()}
    _, _, found = compared(tree, renamed)
    assert (found.new, found.fixed) == ((), ())
    shuffle = Random(1)  # noqa: S311
    shuffled = transform.reorder(tree, lambda order: shuffle.sample(order, len(order)))[0]
    _, _, found = compared(tree, shuffled)
    assert (found.new, found.fixed) == ((), ())


@EXAMPLES
@given(PAIRS)
def test_the_new_are_those_of_the_new_tree_less_those_of_the_old(
    pair: tuple[list[int], list[int]],
) -> None:
    old, new = map(edited, pair)
    if old is None or new is None:
        return
    before, after, found = compared(old, new)
    came = Counter(one.finding.fingerprint for one in found.new)
    went = Counter(one.finding.fingerprint for one in found.fixed)
    moved = [(a, b) for a, b in found.same if a.finding.fingerprint != b.finding.fingerprint]
    left = Counter(a.finding.fingerprint for a, _ in moved)
    arrived = Counter(b.finding.fingerprint for _, b in moved)
    # of two statements that say the same, the upper one may be the new one
    kept = (went + left) & (came + arrived)
    assert came + arrived - kept == fingerprints(after) - fingerprints(before)
    assert went + left - kept == fingerprints(before) - fingerprints(after)
    assert kept <= left
    for one, other in moved:
        assert one.finding.rule == other.finding.rule
        assert set(one.finding.contexts) == set(other.finding.contexts)
    assert len(after.seen) - len(before.seen) == len(found.new) - len(found.fixed)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: f"{one.rule}-{one.name}")
def test_a_mutant_is_new_and_its_way_back_is_fixed(mutant: object) -> None:
    edits = next(number for number, one in enumerate(EDITS) if one is mutant.edits)  # type: ignore[attr-defined]
    tree = edited([edits])
    assert tree is not None
    _, after, found = compared(load(AFTER), tree)
    assert found.new == after.seen
    assert not found.fixed
    _, _, back = compared(tree, load(AFTER))
    assert back.fixed == after.seen
    assert not back.new
