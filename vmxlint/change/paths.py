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


def upwards(path: bytes) -> Iterator[bytes]:
    """A path and those that it lies in, up to the top."""
    while path:
        yield path
        path = above_of(path)
    yield b""
