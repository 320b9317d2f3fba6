"""The same input gives the same bytes: for any order, process count, folder, locale, hash seed, and
with or without what an earlier run has kept."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest

from tests.test_cli import BEFORE, vmxlint
from vmxlint import reading

FORMS = ("text", "json", "sarif")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A unit that is large enough for several processes."""
    root = Path(shutil.copytree(BEFORE, tmp_path / "tree"))
    filler = "".join(f"static int filler_{n}(int a) {{ return a + {n}; }}\n" for n in range(400))
    filler += "/* nothing but size */\n" * 7500
    for name in ("one.c", "two.c", "three.c"):
        (root / name).write_text(filler)
    assert sum(one.stat().st_size for one in root.rglob("*.c")) > reading.PARALLEL_FROM
    return root


@pytest.mark.parametrize("form", FORMS)
def test_same_bytes(form: str, tree: Path, tmp_path: Path) -> None:
    cache = ("--cache-dir", tmp_path / "cache")
    expected = vmxlint("--no-cache", "--format", form, "-j1", tree).stdout
    assert expected
    for jobs, seed, locale in (("-j1", "0", "C"), ("-j2", "1", "C.UTF-8"), ("-j8", "43", "tr_TR")):
        for kept in ("--no-cache",), cache:
            args = (*kept, "--format", form, jobs, tree)
            assert vmxlint(*args, PYTHONHASHSEED=seed, LC_ALL=locale).stdout == expected
    given = vmxlint("--no-cache", "--format", form, ".", cwd=tree).stdout
    assert vmxlint(*cache, "--format", form, ".", cwd=tree).stdout == given
    assert vmxlint(*cache, "--format", form, ".", cwd=tree).stdout == given


def test_same_bytes_for_several_paths_in_any_order(tree: Path, tmp_path: Path) -> None:
    cache = ("--cache-dir", tmp_path / "cache", "--format", "json")
    paths = [tree / "vmx", tree / "x86.c", tree]
    shown = {vmxlint("--no-cache", "--format", "json", *paths).stdout}
    shown |= {vmxlint(*cache, *order).stdout for order in itertools.permutations(paths)}
    assert len(shown) == 1
    assert '"rule"' in shown.pop()


def test_other_spellings_of_a_path_find_the_same(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tree)
    cache = ("--cache-dir", tmp_path / "cache", "--format", "json")
    expected = vmxlint(*cache, tree).stdout
    for path in (tmp_path / "link", f"{tree}/", f"{tree}/vmx/.."):
        assert vmxlint(*cache, path).stdout == expected
