"""Applies patches with git itself, to a few files in a store that knows no other repository."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from vmxlint.change.naming import Naming, touched
from vmxlint.change.store import Store
from vmxlint.reading.files import SUFFIXES

_SUFFIXES = tuple(map(os.fsencode, SUFFIXES))
_INDEX = "applied"
_CONTEXT = re.compile(rb"^@@ .*\n(?:[-+\\].*\n)*(?: |\r?\n)", re.M)


class File(NamedTuple):
    """The content of a path, and git's mode of it: a file or a link."""

    mode: bytes
    data: bytes


def applied(
    store: Store,
    patch: bytes,
    naming: Naming,
    files: Callable[[Sequence[bytes]], Mapping[bytes, File]],
    wanted: Callable[[bytes], bool],
) -> dict[bytes, File | None]:
    """The files that a patch leaves otherwise than `files` gives them, None for what it deletes.

    What is not `wanted` is left out, and so are binary files: their content need not be in the
    patch. Raises GitError with git's reason if it doesn't apply.
    """
    every = touched(store, patch, naming)
    names = sorted(n for n, text in every.items() if wanted(n) and (text or n.endswith(_SUFFIXES)))
    if not names:
        return {}
    (store.folder / _INDEX).unlink(missing_ok=True)
    _fill(store, files(names))
    only = [b"--include=" + _literal(name) for name in names if len(names) < len(every)]
    only += [*naming.options, *_without_context(patch)]
    store.git("apply", "--cached", "--whitespace=nowarn", *only, "-", given=patch, index=_INDEX)
    found = {blob.path: blob for blob in store.staged(store.folder / _INDEX)}
    contents = store.contents([blob.id for blob in found.values()])
    return {
        name: File(found[name].mode, contents[found[name].id]) if name in found else None
        for name in {*names, *found}
    }


def _without_context(patch: bytes) -> list[bytes]:
    """What lets git take a patch of which no hunk has a line around it, as `git diff -U0` makes."""
    return [] if _CONTEXT.search(patch) else [b"--unidiff-zero"]


def _fill(store: Store, files: Mapping[bytes, File]) -> None:
    """Make the index hold some files."""
    for name in contents.iterdir() if (contents := store.folder / "contents").is_dir() else ():
        name.unlink()
    contents.mkdir(exist_ok=True)
    for number, file in enumerate(files.values()):
        (contents / str(number)).write_bytes(file.data)
    paths = "".join(f"contents/{number}\n" for number in range(len(files))).encode()
    ids = store.git("hash-object", "-w", "--no-filters", "--stdin-paths", given=paths).split()
    rows = [
        file.mode + b" " + content + b"\t" + path + b"\0"
        for content, (path, file) in zip(ids, files.items(), strict=True)
    ]
    store.git("update-index", "-z", "--index-info", given=b"".join(rows), index=_INDEX)


def difference(store: Store, old: Mapping[bytes, File], new: Mapping[bytes, File]) -> bytes:
    """The diff of two sets of files."""
    trees = []
    for files in (old, new):
        (store.folder / _INDEX).unlink(missing_ok=True)
        _fill(store, files)
        trees.append(store.git("write-tree", index=_INDEX).strip())
    off = ("--no-color", "--no-ext-diff", "--no-textconv", "--find-renames")
    return store.git("diff-tree", "-p", "-r", *off, *trees)


def _literal(path: bytes) -> bytes:
    """A path as a pattern that only it matches."""
    return re.sub(rb"([*?\[\\])", rb"\\\1", path)
