"""The cache folder: private, bounded, and read as if somebody else had written it.

Every entry is a file of its own, named by a digest of all that its value follows from, and begins
with a checksum of its name and its bytes. So a damaged entry, or one that was put under another
name, is a miss; two runs at once write the same bytes; and what a killed run left is not an entry.
Nothing that goes wrong here is an error: without a cache, a run takes longer.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from vmxlint.digest import SIZE, digest

LARGEST = 256 * 1024 * 1024  # bytes of all entries together
_FOLDER = "vmxlint-1"
_TO_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_TO_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_STALE = 3600.0  # seconds; a half-written entry of that age has no writer any more
_DAY = 86400.0


class Store:
    """The entries in a folder, which is open as `handle`; None keeps and finds nothing."""

    def __init__(self, handle: int | None) -> None:
        self._handle = handle
        self._written = 0

    @property
    def is_open(self) -> bool:
        """Whether there is a folder."""
        return self._handle is not None

    def get(self, name: str) -> bytes | None:
        """The bytes of an entry, None if there is none that is whole."""
        if self._handle is None:
            return None
        try:
            with os.fdopen(os.open(name, _TO_READ, dir_fd=self._handle), "rb") as file:
                state = os.fstat(file.fileno())
                whole = file.read() if stat.S_ISREG(state.st_mode) else b""
            if time.time() - state.st_mtime > _DAY:
                os.utime(name, dir_fd=self._handle, follow_symlinks=False)  # it is still of use
        except OSError:
            return None
        data = whole[SIZE:]
        return data if whole[:SIZE] == digest(name.encode(), data) else None

    def put(self, name: str, data: bytes) -> None:
        """Keep an entry, if there is something in it and it can be done: all of it or nothing."""
        if self._handle is None or not data:
            return
        passing = f"{name}.{os.getpid()}.tmp"
        try:
            handle = os.open(passing, _TO_WRITE, 0o600, dir_fd=self._handle)
            with os.fdopen(handle, "wb") as file:
                file.write(digest(name.encode(), data) + data)
            os.replace(passing, name, src_dir_fd=self._handle, dst_dir_fd=self._handle)
            self._written += 1
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(passing, dir_fd=self._handle)

    def prune(self, largest: int = LARGEST) -> None:
        """After writing: drop what was used longest ago until no more than `largest` bytes are
        left, and what a killed run left."""
        if self._handle is None or not self._written:
            return
        found = sorted(_entries(self._handle), reverse=True)
        total, now = 0, time.time()
        for used, size, name in found:
            total += size
            if total > largest or (name.endswith(".tmp") and now - used > _STALE):
                with contextlib.suppress(OSError):
                    os.unlink(name, dir_fd=self._handle)


NOWHERE = Store(None)


def opened(given: str | None = None) -> Store:
    """The cache in a folder of the user's choice, or where the platform keeps such; one without a
    folder if it can't be made, or if others than the user can get into it."""
    try:
        folder = _place(given)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Store(_private(folder))
    except (OSError, RuntimeError, ValueError):
        return NOWHERE


def clean(given: str | None = None) -> int:
    """Remove all entries; how many there were."""
    count = 0
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        handle = _private(_place(given))
        for _, _, name in list(_entries(handle)):
            os.unlink(name, dir_fd=handle)
            count += 1
    return count


def _private(folder: Path) -> int:
    """The folder, open; PermissionError if it is not the user's alone."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    state = os.fstat(handle)
    if state.st_uid != os.geteuid() or state.st_mode & 0o077:
        os.close(handle)
        raise PermissionError
    return handle


def _place(given: str | None) -> Path:
    if given is not None:
        return Path(given).absolute() / _FOLDER
    named, home = Path(os.environ.get("XDG_CACHE_HOME", "")), Path.home()
    if named.is_absolute():
        return named / _FOLDER
    if not home.is_absolute():
        raise ValueError
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / _FOLDER


def _entries(handle: int) -> Iterator[tuple[float, int, str]]:
    """When each entry was used last, its size, its name."""
    with contextlib.suppress(OSError), os.scandir(handle) as found:
        for one in found:
            with contextlib.suppress(OSError):
                state = one.stat(follow_symlinks=False)
                if stat.S_ISREG(state.st_mode):
                    yield state.st_mtime, state.st_size, one.name
