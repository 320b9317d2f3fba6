"""The units that a path means: one as a rule, several where hypervisors lie side by side.

A folder that holds a whole kernel names its unit at once. Below any other large folder the files
are looked through for the instructions that enter a guest, and what has none is passed over. Where
several folders of one project have some, as `src` and `include`, they are one unit with what lies
around them, unless that is too much.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from vmxlint.model.dialect import candidates
from vmxlint.reading.files import LARGEST, SUFFIXES, TOO_WIDE, has_c_files, walk
from vmxlint.reading.shelter import begin_worker
from vmxlint.reading.source import InputError, Target, target
from vmxlint.reading.whose import is_unit, known_unit

if TYPE_CHECKING:
    from vmxlint.model.dialect import Dialect

SMALL = 4_000_000  # bytes of C that are read as one unit without looking for what enters a guest
_JOINED = 3  # times as much is read to have the folders of one project in one unit
_PROJECT = ("README", "LICENSE", "LICENCE", "COPYING", ".git")  # begin a name in a project's root
_ENTRIES = (b"vmlaunch", b"vmresume", b"VMLAUNCH", b"VMRESUME")
_PARALLEL_FROM = 64_000_000  # bytes
_TOLD = 500  # files between two reports of how far the search is

Tell = Callable[[int], None]


def _silently(count: int) -> None:
    pass


@dataclass
class _Found:
    """What lies below a folder: known units, and the C files outside of them with their sizes."""

    units: list[Path] = field(default_factory=list)
    files: list[tuple[str, int]] = field(default_factory=list)


def targets(
    paths: Iterable[str], named: Dialect | None = None, jobs: int = 1, tell: Tell = _silently
) -> list[Target]:
    """The targets that paths from the command line mean, each with its unit, in an order that is
    not that of the paths. `named` is the dialect that all units are in, if one was named.

    `tell` hears now and then how many files were looked at. Raises InputError for a path that
    can't be analysed.
    """
    found = {one for path in paths for one in _targets(path, named, jobs, tell)}
    return sorted(found, key=lambda one: (one.path, one.unit, one.given))


def _targets(given: str, named: Dialect | None, jobs: int, tell: Tell) -> Iterator[Target]:
    one = target(given, named)
    if not one.path.is_dir() or one.path in TOO_WIDE or known_unit(one.path, candidates(named)):
        yield one
        return
    found = _below(one.path, list(candidates(named)), tell)
    if not found.units and sum(size for _, size in found.files) <= SMALL:
        yield one
        return
    seeds = _entering(found.files, jobs, tell)
    apart = _outermost(_unit_of(Path(seed), one.path) for seed in seeds)
    units = _with_code(_outermost([*found.units, *_joined(apart, one.path, found)]))
    if not units:
        count = len(found.files)
        raise InputError(f"no VMX code in {given!r}: none of its {count} C files enters a guest")
    for unit in units:
        yield one._replace(unit=unit)


def _below(root: Path, dialects: Sequence[Dialect], tell: Tell) -> _Found:
    found = _Found()
    todo = [str(root)]
    while todo:
        folder = todo.pop()
        known = [
            unit
            for dialect in dialects
            for name in dialect.folders
            if is_unit(unit := Path(folder, name), dialect)
        ]
        if known:
            found.units += known
            continue
        tell(len(found.files))
        for entry in _entries(folder):
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                todo.append(entry.path)
            elif entry.name.endswith(SUFFIXES) and entry.is_file(follow_symlinks=False):
                found.files.append((entry.path, entry.stat(follow_symlinks=False).st_size))
    found.files.sort()
    return found


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return []


def _entering(files: Sequence[tuple[str, int]], jobs: int, tell: Tell) -> list[str]:
    """Those of some files that hold an instruction that enters a guest, in order."""
    paths = [path for path, size in files if size <= LARGEST]
    if jobs < 2 or sum(size for _, size in files) < _PARALLEL_FROM:
        return [path for number, path in enumerate(paths) if _told(tell, number) and _enters(path)]
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    parts = [paths[start : start + _TOLD] for start in range(0, len(paths), _TOLD)]
    found: list[str] = []
    with ProcessPoolExecutor(jobs, get_context("fork"), begin_worker) as pool:
        for number, part in enumerate(pool.map(_entering_here, parts)):
            tell(number * _TOLD)
            found += part
    return found


def _entering_here(paths: Sequence[str]) -> list[str]:
    return [path for path in paths if _enters(path)]


def _told(tell: Tell, number: int) -> bool:
    if number % _TOLD == 0:
        tell(number)
    return True


def _enters(path: str) -> bool:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            data = os.read(handle, LARGEST)
        finally:
            os.close(handle)
    except OSError:
        return False
    return any(word in data for word in _ENTRIES)


def _unit_of(file: Path, root: Path) -> Path:
    """The highest folder up from a file that goes on holding C files, below `root` if it can be."""
    folder = file.parent
    while folder not in (root, folder.parent) and folder.parent != root:
        if not has_c_files(folder.parent):
            break
        folder = folder.parent
    return folder


def _joined(folders: Sequence[Path], root: Path, found: _Found) -> Iterator[Path]:
    """Of each project the folder around those of some folders that lie in it, if what it holds is
    not too much; else these folders."""
    projects: dict[Path, list[Path]] = {}
    for folder in folders:
        projects.setdefault(_project_of(folder, root), []).append(folder)
    for several in projects.values():
        around = Path(os.path.commonpath(several))
        is_apart = any(around in unit.parents for unit in found.units)
        if len(several) > 1 and not is_apart and _size(str(around), found.files) <= _JOINED * SMALL:
            yield around
        else:
            yield from several


def _size(folder: str, files: Sequence[tuple[str, int]]) -> int:
    """How many bytes the files below a folder have, of some that are in order."""
    first = bisect_left(files, (folder + os.sep, 0))
    below = takewhile(lambda one: one[0].startswith(folder + os.sep), islice(files, first, None))
    return sum(size for _, size in below)


def _project_of(folder: Path, root: Path) -> Path:
    """The nearest folder up from a folder, itself included, that is the root of a project, or
    `root` if that lies in one; if nothing says so, the one right below `root`."""
    for one in (folder, *folder.parents):
        if any(entry.name.startswith(_PROJECT) for entry in _entries(str(one))):
            return one if one.is_relative_to(root) else root
    return Path(root, *folder.relative_to(root).parts[:1])


def _with_code(units: Sequence[Path]) -> Sequence[Path]:
    """The units, but not mere headers beside others: these only speak of the instructions."""
    code = [one for one in units if any(path.suffix != ".h" for path, _ in walk(one, ()))]
    return code or units


def _outermost(folders: Iterable[Path]) -> list[Path]:
    """The folders in order, without those that lie in others of them."""
    found: list[Path] = []
    for folder in sorted(set(folders)):
        if not any(one in folder.parents for one in found):
            found.append(folder)
    return found
