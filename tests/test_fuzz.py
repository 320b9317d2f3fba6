"""Every input that once was a fault is none any more, and some new ones are none either."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.command import forked
from tests.fuzz.__main__ import inputs, trees, written
from tests.fuzz.oracle import faults

CORPUS = Path(__file__).parent / "fuzz" / "corpus"
KEPT = sorted(one for one in CORPUS.iterdir() if one.is_dir())
SEED, MANY = 7, 25


def run(arguments: Sequence[str], longest: float) -> CompletedProcess[bytes]:
    return forked(*arguments, longest=longest)


@pytest.mark.parametrize("form", ["text", "json", "sarif", "why", "budget"])
@pytest.mark.parametrize("root", KEPT, ids=lambda root: root.name)
def test_what_was_a_fault_is_none(root: Path, form: str) -> None:
    assert list(faults(form, root, run)) == []


def test_new_inputs_are_no_faults(tmp_path: Path) -> None:
    for form, tree in islice(inputs(SEED, trees([])), MANY):
        assert list(faults(form, written(tree, tmp_path / "unit"), run)) == []


def test_the_same_seed_gives_the_same_inputs() -> None:
    once, again = (list(islice(inputs(SEED, trees([])), MANY)) for _ in range(2))
    assert once == again
    assert len({form for form, _ in once}) > 2


def test_a_fault_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sitecustomize.py").write_text("import json\njson.dumps = lambda *a, **k: 1 / 0\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert any("ZeroDivisionError" in fault for fault in faults("json", KEPT[0]))
