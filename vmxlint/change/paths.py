"""Paths in a tree: bytes from its top, with forward slashes; the top itself is b""."""

from __future__ import annotations

from collections.abc import Iterator


def above_of(path: bytes) -> bytes:
    """The folder that a path lies in."""
    return path.rpartition(b"/")[0]


def joined(folder: bytes, name: bytes) -> bytes:
    """A path in a folder."""
    return folder + b"/" + name if folder else name


def is_below(path: bytes, folder: bytes) -> bool:
    """Whether a path is that of a folder or leads into it."""
    return not folder or path == folder or path.startswith(folder + b"/")


def below(path: bytes, root: bytes) -> bytes | None:
    """A path from `root`, or from the folder of `root` if it is that file; None elsewhere."""
    if path == root:
        return path.rpartition(b"/")[2]
    return path.removeprefix(root).lstrip(b"/") if is_below(path, root) else None


def upwards(path: bytes) -> Iterator[bytes]:
    """A path and those that it lies in, up to the top."""
    while path:
        yield path
        path = above_of(path)
    yield b""
