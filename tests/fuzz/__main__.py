"""Runs the command on mutated trees for some seconds; each fault is kept, and is the exit code 1.

The same seed gives the same inputs in the same order. `--more DIR` takes C files from elsewhere,
too, of which nothing may be committed; what is committed is made smaller and written anew.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.fixtures import FIXTURES
from tests.fuzz import forked
from tests.fuzz.mutation import mutated
from tests.fuzz.oracle import FORMATS, faults

Tree = dict[str, bytes]


def loaded(root: Path) -> Tree:
    """The C files below a folder, by their paths."""
    files = sorted(one for one in root.rglob("*.[chS]") if one.is_file())
    return {one.relative_to(root).as_posix(): one.read_bytes() for one in files}


def trees(more: list[Path]) -> list[Tree]:
    """What is mutated: the fixtures, each a tree, and more."""
    roots = [FIXTURES / "kvm_before", FIXTURES / "kvm_after", *sorted(FIXTURES.glob("*/*/"))]
    return [tree for root in (*roots, *more) if (tree := loaded(root))]


def inputs(seed: int, sources: list[Tree]) -> Iterator[tuple[str, Tree]]:
    """Mutated trees, each with the form in which to ask about it, without end."""
    random = Random(seed)  # noqa: S311
    pool = [data for tree in sources for data in tree.values()]
    while True:
        tree = dict(random.choice(sources))
        for name in random.sample(sorted(tree), min(len(tree), random.choice((1, 1, 2, 5)))):
            tree[name] = mutated(tree[name], pool, random)
        yield random.choice((*FORMATS, "json", "json", "why", "budget")), tree


def written(tree: Tree, folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    for name, data in tree.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--more", type=Path, action="append", default=[], metavar="DIR")
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "vmxlint-fuzz")
    given = parser.parse_args()
    begun, number, bad = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        for number, (form, tree) in enumerate(inputs(given.seed, trees(given.more)), 1):
            root = written(tree, Path(scratch) / "unit")
            for fault in faults(form, root, forked.run):
                bad += 1
                kept = written(tree, given.keep / f"{given.seed}-{number}")
                print(f"{kept}: {fault}", flush=True)
            if time.monotonic() - begun > given.seconds:
                break
    seconds = time.monotonic() - begun
    print(f"{number} inputs in {seconds:.0f} seconds, seed {given.seed}: {bad} faults")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
