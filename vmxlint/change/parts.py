"""The part of a tree that matters for a path, and its C files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from vmxlint.change.apply import File
from vmxlint.change.paths import above_of, is_below, joined, upwards
from vmxlint.change.store import LINK
from vmxlint.change.trees import Tree
from vmxlint.model.dialect import Dialect
from vmxlint.reading.files import SUFFIXES
from vmxlint.reading.source import InputError

_SUFFIXES = tuple(map(os.fsencode, SUFFIXES))


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The C files of the part of interest: their contents by path."""

    files: Mapping[bytes, bytes]

    @cached_property
    def digest(self) -> str:
        """The same for the same files."""
        state = hashlib.sha256()
        for path, data in sorted(self.files.items()):
            state.update(b"%d %d " % (len(path), len(data)) + path + data)
        return state.hexdigest()

    def as_files(self) -> dict[bytes, File]:
        """The files as git keeps them."""
        return {path: File(b"100644", data) for path, data in self.files.items()}

    def write(self, folder: Path) -> None:
        """Put the files below a folder, which is new and ours alone."""
        for path, data in self.files.items():
            file = folder / os.fsdecode(path)
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("xb") as opened:
                    opened.write(data)
            except OSError as error:
                where = os.fsdecode(path)
                raise InputError(f"can't unpack {where!r}: {error.strerror}") from None


def snapshot(tree: Tree, below: Sequence[bytes]) -> Snapshot:
    """The C files of a tree at or below some paths; links are left out."""
    found = tree.files(below, is_code)
    return Snapshot({path: file.data for path, file in found.items() if file.mode != LINK})


def is_code(path: bytes) -> bool:
    """Whether a path is that of a C file, and leads nowhere else than down."""
    return path.endswith(_SUFFIXES) and not {b"", b".", b".."} & set(path.split(b"/"))


def part(tree: Tree, path: bytes, dialects: Iterable[Dialect]) -> bytes | None:
    """The folder of a tree that is to be read for `path`, None if there is no such path.

    It is the hypervisor's, one that a dialect knows below a source tree's root, that `path` lies in
    or that lies in `path`; else the highest folder up from it that goes on holding C files.
    """
    is_folder = _is_folder(tree, path)
    if is_folder is None:
        return None
    for dialect in dialects:
        for above in upwards(path):
            for unit in (joined(above, os.fsencode(known)) for known in dialect.folders):
                if (is_below(unit, path) or is_below(path, unit)) and _is_unit(tree, unit, dialect):
                    return unit
    folder = path if is_folder else above_of(path)
    while folder and any(name.endswith(b".c") for name in tree.entries(above_of(folder))):
        folder = above_of(folder)
    return folder


def _is_unit(tree: Tree, folder: bytes, dialect: Dialect) -> bool:
    """As `whose.is_unit` has it, of a folder of the tree."""
    if not _is_folder(tree, folder):
        return False
    return not dialect.words or any(
        dialect.is_in(one.data) for one in tree.files([folder], is_code).values()
    )


def _is_folder(tree: Tree, path: bytes) -> bool | None:
    """Whether a path of the tree is a folder, None if it is not there."""
    return tree.entries(above_of(path)).get(path.rpartition(b"/")[2]) if path else True
