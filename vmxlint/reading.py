"""Reads the files of a unit into Facts, a part of them in other processes.

The others start before this process has imported what it needs later, and what they are given is
plain: any executor will do.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from vmxlint.model import dialect as dialects
from vmxlint.model.dialect import Dialect
from vmxlint.source import Unit, read_unit

if TYPE_CHECKING:
    from vmxlint.facts import Facts
    from vmxlint.syntax import Reader

PARALLEL_FROM = 500_000  # bytes; below, starting a second process costs more than it saves
AHEAD = 150_000  # bytes that another process reads while this one still imports and links


class Reading:
    """The reading of one unit: under way in other processes if it is large."""

    def __init__(
        self, root: Path, dialect: Dialect, jobs: int, executor: Executor | None = None
    ) -> None:
        self.unit = read_unit(root, dialect)
        small = sum(len(one.data) for one in self.unit.files) < PARALLEL_FROM
        self._parts = shares(self.unit, 1 if small else jobs)
        others = range(1, len(self._parts))
        self._own: Executor | None = None
        if others and executor is None:
            fork = multiprocessing.get_context("fork")
            executor = self._own = ProcessPoolExecutor(len(others), fork)
        self._waiting: list[Future[list[Facts]]] = []
        if executor is not None:
            work = (str(root), dialect.id)
            self._waiting = [executor.submit(read_part, *work, self._parts[n]) for n in others]

    def facts(self) -> tuple[list[Facts], Reader]:
        """The Facts of all files, in the order of their paths; and the Reader of their bodies."""
        found, reader = _read(self.unit, self._parts[0])
        for future in self._waiting:
            found += future.result()
        if self._own:
            self._own.shutdown()
        by_path = {one.path: one for one in found}
        left = [one.path for one in self.unit.files if one.path not in by_path]
        if left:  # another process saw another state of the files
            by_path.update((one.path, one) for one in _read(self.unit, left)[0])
        return [by_path[one.path] for one in self.unit.files], reader


def read_facts(unit: Unit) -> tuple[list[Facts], Reader]:
    """The Facts of all files of a unit, by this process alone; and the Reader of their bodies."""
    return _read(unit, [one.path for one in unit.files])


def read_part(root: str, dialect: str, paths: Sequence[str]) -> list[Facts]:
    """The Facts of some files of the unit at `root`."""
    return _read(read_unit(Path(root), dialects.load(dialect)), paths)[0]


def _read(unit: Unit, paths: Sequence[str]) -> tuple[list[Facts], Reader]:
    from vmxlint import syntax

    texts = {one.path: syntax.without_comments(one.data) for one in unit.files}
    reader = syntax.Reader(syntax.unit_macros(texts.values()), texts)
    return [reader.read(path, texts[path]) for path in paths if path in texts], reader


def shares(unit: Unit, jobs: int) -> list[list[str]]:
    """Who reads what, the largest files first: this process begins later, so it reads less."""
    load = [AHEAD] + [0] * (jobs - 1)
    found: list[list[str]] = [[] for _ in range(jobs)]
    for one in sorted(unit.files, key=lambda one: (-len(one.data), one.path)):
        least = load.index(min(load))
        found[least].append(one.path)
        load[least] += len(one.data)
    return [found[0], *(share for share in found[1:] if share)]
