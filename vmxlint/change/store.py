"""A repository of our own in a temporary folder, which reads the objects of the user's.

It has its own configuration, so that nothing that stands in the user's `.git/config` is even read.
Nothing is written to it: git would renew the time of an object that the user's store has already.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from vmxlint.change.git import GitError, git
from vmxlint.reading.source import InputError

_OTHERS = "GIT_DIR GIT_WORK_TREE GIT_COMMON_DIR GIT_OBJECT_DIRECTORY GIT_INDEX_FILE".split()
_FILES = (b"100644", b"100755", b"100664", b"120000")
_SKIPPED = b"S"  # as `ls-files -t` tags what a sparse checkout leaves out
LINK = b"120000"


class Blob(NamedTuple):
    """A file of a tree: its path from the top, mode, the id of its content, the size in bytes."""

    path: bytes
    mode: bytes
    id: bytes
    size: int = 0


@dataclass(frozen=True)
class Store:
    """A bare repository at `folder`, which keeps in memory what was read of it."""

    folder: Path
    _known: dict[bytes, bytes] = field(default_factory=dict, repr=False)

    def git(self, *arguments: str | bytes | Path, given: bytes = b"", index: str = "") -> bytes:
        """What git says when called here, with an index of ours if one is named."""
        environment = {"GIT_DIR": str(self.folder), "GIT_CONFIG_GLOBAL": os.devnull}
        if index:
            environment["GIT_INDEX_FILE"] = str(self.folder / index)
        return git(
            *arguments, folder=self.folder, given=given, environment=environment, dropped=_OTHERS
        )

    def empty_tree(self) -> str:
        """The id of the tree without a file, which every store knows."""
        return self.git("hash-object", "-t", "tree", "--stdin").decode("ascii").strip()

    def entries(self, tree: str, folder: bytes) -> dict[bytes, bool]:
        """What lies right in a folder of the tree, by name, and whether it is a folder itself."""
        inside = [folder + b"/"] if folder else []
        rows = _rows(self.git("ls-tree", "-z", tree, "--", *inside))
        return {path.rpartition(b"/")[2]: head[1] == b"tree" for head, path in rows}

    def blobs(self, tree: str, below: Sequence[bytes]) -> list[Blob]:
        """The files and links of the tree at or below some paths, all of them for ""."""
        paths = [] if b"" in below else below
        rows = _rows(self.git("ls-tree", "-r", "-z", "--long", tree, "--", *paths))
        return [
            Blob(path, mode, content, int(size) if size.isdigit() else 0)
            for (mode, _, content, size), path in rows
            if mode in _FILES
        ]

    def contents(self, ids: Sequence[bytes]) -> dict[bytes, bytes]:
        """The bytes of some blobs, by id; InputError for one that is missing."""
        asked = sorted(set(ids) - self._known.keys())
        lines = b"".join(one + b"\n" for one in asked)
        answer = self.git("cat-file", "--batch", given=lines) if asked else b""
        at = 0
        for one in asked:
            end = answer.index(b"\n", at)
            head = answer[at:end].split()
            if len(head) != 3:
                raise InputError(f"the repository lacks the object {one.decode('ascii')}")
            start, at = end + 1, end + 1 + int(head[2]) + 1
            self._known[one] = answer[start : at - 1]
        return {one: self._known[one] for one in ids}

    def staged(self, index: Path) -> list[Blob]:
        """The files and links of another repository's index, of which a copy is read.

        Raises InputError if it can't be read or holds conflicts.
        """
        rows = self._entries_of(index)
        for (_, _, _, stage), path in rows:
            if stage != b"0":
                raise InputError(f"the index holds a conflict in {os.fsdecode(path)!r}")
        return [Blob(path, mode, content) for (_, mode, content, _), path in rows if mode in _FILES]

    def left_out(self, index: Path) -> list[Blob]:
        """As `staged`, those only that a sparse checkout keeps out of the work tree."""
        rows = self._entries_of(index)
        return [
            Blob(path, mode, content)
            for (tag, mode, content, _), path in rows
            if tag == _SKIPPED and mode in _FILES
        ]

    def _entries_of(self, index: Path) -> list[tuple[list[bytes], bytes]]:
        """Tag, mode, id and stage of each entry of an index, and its path."""
        try:
            for shared in index.parent.glob("sharedindex.*"):
                shutil.copyfile(shared, self.folder / shared.name)
            if index.exists():
                shutil.copyfile(index, self.folder / "staged")
            return list(_rows(self.git("ls-files", "-t", "--stage", "-z", index="staged")))
        except (OSError, GitError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError(f"can't read the index {str(index)!r}: {reason}") from None

    def commit(self, commit: str) -> bytes:
        """A commit as git keeps it: headers, an empty line, the message."""
        return self.git("cat-file", "commit", commit)


def store(folder: Path, objects: Path | None = None, form: str = "sha1") -> Store:
    """A new store in `folder`, which borrows from the object store of another, if one is given."""
    folder.mkdir()
    made = Store(folder)
    made.git("init", "--bare", "--quiet", "--template=", f"--object-format={form}", folder)
    if objects:
        (folder / "objects/info").mkdir(parents=True, exist_ok=True)
        (folder / "objects/info/alternates").write_bytes(_quoted(os.fsencode(objects)) + b"\n")
    return made


def _rows(listed: bytes) -> Iterator[tuple[list[bytes], bytes]]:
    """The rows of a listing with -z: what stands before the tab, in words, and the path."""
    for line in listed.split(b"\0"):
        head, _, path = line.partition(b"\t")
        if path:
            yield head.split(), path


def _quoted(path: bytes) -> bytes:
    """A path as a line of `alternates`, whatever is in it."""
    inner = path.replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
    return b'"' + inner + b'"'
