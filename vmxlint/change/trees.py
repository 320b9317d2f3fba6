"""The trees that a change lies between, as git or the disk holds them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from vmxlint.change.apply import File
from vmxlint.change.paths import is_below, joined
from vmxlint.change.store import Blob, Store
from vmxlint.reading.files import LARGEST
from vmxlint.reading.source import InputError

Wanted = Callable[[bytes], bool]
TOO_LARGE = bytes(LARGEST + 1)  # stands for content that the engine would refuse by its size


class Tree(Protocol):
    """One state of the files."""

    def entries(self, folder: bytes) -> Mapping[bytes, bool]:
        """What lies right in a folder, by name, and whether it is a folder itself."""

    def files(self, below: Sequence[bytes], wanted: Wanted) -> Mapping[bytes, File]:
        """The files at or below some paths whose path is `wanted`."""


@dataclass(frozen=True)
class GitTree:
    """A tree in an object store."""

    store: Store
    id: str

    def entries(self, folder: bytes) -> Mapping[bytes, bool]:
        """As a Tree has it."""
        return self.store.entries(self.id, folder)

    def files(self, below: Sequence[bytes], wanted: Wanted) -> Mapping[bytes, File]:
        """As a Tree has it."""
        return _read(self.store, self.store.blobs(self.id, below), wanted)


@dataclass(frozen=True)
class IndexTree:
    """What an index holds."""

    store: Store
    blobs: Sequence[Blob]

    def entries(self, folder: bytes) -> Mapping[bytes, bool]:
        """As a Tree has it."""
        return _right_in(folder, (one.path for one in self.blobs))

    def files(self, below: Sequence[bytes], wanted: Wanted) -> Mapping[bytes, File]:
        """As a Tree has it."""
        inside = [one for one in self.blobs if any(is_below(one.path, up) for up in below)]
        return _read(self.store, inside, wanted)


@dataclass(frozen=True)
class DiskTree:
    """Files as they lie on the disk; `listed` gives the paths of those at or below some paths."""

    top: Path
    listed: Callable[[Sequence[bytes]], Iterable[bytes]]

    def entries(self, folder: bytes) -> Mapping[bytes, bool]:
        """As a Tree has it."""
        try:
            with os.scandir(self.top / os.fsdecode(folder)) as found:
                return {os.fsencode(one.name): one.is_dir(follow_symlinks=False) for one in found}
        except OSError:
            return {}

    def files(self, below: Sequence[bytes], wanted: Wanted) -> Mapping[bytes, File]:
        """As a Tree has it; no symbolic link is followed."""
        found = {}
        real: dict[Path, bool] = {}
        for path in filter(wanted, self.listed(below)):
            file = self.top / os.fsdecode(path)
            if file.parent not in real:
                real[file.parent] = Path(os.path.realpath(file.parent)) == file.parent
            if real[file.parent] and (data := _regular(file)) is not None:
                found[path] = File(b"100644", data)
        return found


@dataclass(frozen=True)
class SparseTree:
    """The files of a sparse checkout: what it leaves out is as the index has it."""

    disk: DiskTree
    left_out: IndexTree

    def entries(self, folder: bytes) -> Mapping[bytes, bool]:
        """As a Tree has it."""
        return {**self.left_out.entries(folder), **self.disk.entries(folder)}

    def files(self, below: Sequence[bytes], wanted: Wanted) -> Mapping[bytes, File]:
        """As a Tree has it."""
        return {**self.left_out.files(below, wanted), **self.disk.files(below, wanted)}


@dataclass(frozen=True)
class PatchedTree:
    """A tree with other files in it; None stands for one that is deleted."""

    base: Tree
    changed: Mapping[bytes, File | None]

    def entries(self, folder: bytes) -> Mapping[bytes, bool]:
        """As a Tree has it."""
        made = (path for path, file in self.changed.items() if file)
        gone = {path for path, file in self.changed.items() if not file}
        found = {**self.base.entries(folder), **_right_in(folder, made)}
        return {name: kind for name, kind in found.items() if joined(folder, name) not in gone}

    def files(self, below: Sequence[bytes], wanted: Wanted) -> Mapping[bytes, File]:
        """As a Tree has it."""
        found = {**self.base.files(below, wanted)}
        for path, file in self.changed.items():
            if any(is_below(path, up) for up in below) and wanted(path):
                found.pop(path, None)
                if file:
                    found[path] = file
        return found


def _read(store: Store, blobs: Sequence[Blob], wanted: Wanted) -> dict[bytes, File]:
    blobs = [one for one in blobs if wanted(one.path)]
    contents = store.contents([one.id for one in blobs if one.size <= LARGEST])
    return {one.path: File(one.mode, contents.get(one.id, TOO_LARGE)) for one in blobs}


def _right_in(folder: bytes, paths: Iterable[bytes]) -> dict[bytes, bool]:
    """The names right in a folder on the way to some paths, and whether they are folders."""
    inside = folder + b"/" if folder else b""
    below = (path[len(inside) :].partition(b"/") for path in paths if path.startswith(inside))
    return {name: bool(rest) for name, rest, _ in below}


def plain_tree(top: Path) -> DiskTree:
    """The files below a folder that no git knows of."""

    def listed(below: Sequence[bytes]) -> Iterable[bytes]:
        for path in below:
            if (top / os.fsdecode(path)).is_file():
                yield path
            for here, _, names in os.walk(top / os.fsdecode(path)):
                inside = os.fsencode(os.path.relpath(here, top))
                yield from (joined(inside.removeprefix(b"."), os.fsencode(n)) for n in names)

    return DiskTree(top, listed)


def _regular(file: Path) -> bytes | None:
    """The bytes of a regular file, None for anything else and for what is gone."""
    try:
        if file.is_symlink() or not file.is_file():
            return None
        if file.stat().st_size > LARGEST:
            return TOO_LARGE
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as opened:
            return opened.read(LARGEST + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"can't read {str(file)!r}: {error.strerror}") from None
