"""Prints a table for each PATH: cold, warm and after a change, beside the floor and the peers.

A change is a statement more in the largest file; what is changed is a copy. With several paths the
first column of each table shows how time grows.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench import floor
from tests.bench.peers import peers
from tests.bench.timing import Contender, Cost, measured, ratios, typical
from vmxlint.model import dialect
from vmxlint.reading.whose import known_unit

_LARGE = 100_000_000  # bytes; beyond, neither floor nor slow peers are run
_SLOW = ("Coccinelle", "Semgrep", "ast-grep")


def main() -> None:
    """Read the command line, and print a table for each path."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("paths", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--no-peers", action="store_true")
    given = parser.parse_args()
    for path in given.paths:
        with tempfile.TemporaryDirectory(prefix="vmxlint-bench-") as folder:
            _table(path.resolve(), Path(folder), given.rounds, not given.no_peers)


def _table(path: Path, folder: Path, rounds: int, with_peers: bool) -> None:
    size = sum(one.stat().st_size for one in _files(path))
    first = Contender("floor", [sys.executable, floor.__file__, path])
    contenders = [] if size > _LARGE else [first]
    contenders += _own(path, folder)
    if with_peers:
        every = peers(path, folder)
        contenders += [one for one in every if size <= _LARGE or not one.name.startswith(_SLOW)]
    found = measured(contenders, rounds)
    print(f"\n{path}: {len(_files(path))} files, {size / 1e6:.1f} MB, medians of {rounds}\n")
    print("| | seconds | times the first | processor seconds | times the first | MB |")
    print("|---|---|---|---|---|---|")
    for name, costs in found.items():
        print(_row(name, costs, found[contenders[0].name]))


def _row(name: str, costs: Sequence[Cost], first: Sequence[Cost]) -> str:
    wall, cpu, memory = typical(costs)
    slower, dearer = ratios(costs, first)
    return f"| {name} | {wall:.2f} | {slower:.1f} | {cpu:.2f} | {dearer:.1f} | {memory:.0f} |"


def _files(path: Path) -> list[Path]:
    return [one for one in path.rglob("*.[chS]") if one.is_file() and not one.is_symlink()]


def _own(path: Path, folder: Path) -> Iterator[Contender]:
    """vmxlint with an empty cache, with a full one, and after a change of one file."""
    cache, changing = folder / "cache", folder / "changing"
    command = [sys.executable, "-m", "vmxlint", "--isolated", "--cache-dir"]
    yield Contender(
        "vmxlint, cold", [*command, cache, path], lambda: shutil.rmtree(cache, ignore_errors=True)
    )
    yield Contender("vmxlint, warm", [*command, cache, path])
    copy, file = _copied(path, folder / "tree")
    changed = [*command, changing, copy]
    yield Contender("vmxlint, a comment more", changed, lambda: _more(file, b"", b"/* more */\n"))
    yield Contender(
        "vmxlint, a statement more", changed, lambda: _more(file, b"\n{\n", b"\tbarrier();\n")
    )


def _copied(path: Path, folder: Path) -> tuple[Path, Path]:
    """A copy of the unit around a path: what the path is in it, and its largest C file there."""
    unit = known_unit(path, dialect.candidates(None)) or path
    name = Path(*unit.parts[-3:])
    shutil.copytree(unit, folder / name, symlinks=True)
    copy = folder / name / path.relative_to(unit) if path.is_relative_to(unit) else folder / name
    return copy, max(copy.rglob("*.c"), key=lambda one: one.stat().st_size)


def _more(file: Path, behind: bytes, text: bytes) -> None:
    """Put some text behind the first place where something else stands, or at the end."""
    data = file.read_bytes()
    at = data.find(behind) + len(behind) if behind else len(data)
    file.write_bytes(data[:at] + text + data[at:])


if __name__ == "__main__":
    main()
