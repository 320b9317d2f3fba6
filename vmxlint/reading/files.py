"""The files and folders of somebody else's tree, looked at with care."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

SUFFIXES = (".c", ".h", ".S", ".s", ".asm")
LARGEST = 2_000_000  # bytes of a file
_LOOKED_AT_FOR_NUL = 8192

_TEMPORARY = Path(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108
TOO_WIDE = frozenset({Path("/"), Path.home(), _TEMPORARY.resolve()})


def is_real_folder(path: Path) -> bool:
    """Whether a folder is there, and no link leads to it: what is behind one is not in the tree."""
    return path.is_dir() and path.resolve() == path


def has_c_files(folder: Path) -> bool:
    """Whether a folder itself holds a C file."""
    try:
        with os.scandir(folder) as entries:
            return any(one.name.endswith(".c") and one.is_file() for one in entries)
    except OSError:
        return False


def walk(root: Path, excluded: Collection[str]) -> Iterator[tuple[Path, str]]:
    """Each C, header and assembly file below a folder, with the reason if it, or a folder in its
    place, can't be read; nothing of a name that is `excluded`. No link is followed."""
    errors: list[OSError] = []
    for folder, folders, names in os.walk(root, onerror=errors.append):
        here = Path(folder)
        folders[:] = sorted(n for n in folders if n not in excluded and not n.startswith("."))
        if here in TOO_WIDE:
            folders[:] = []
        for name in sorted(names):
            if name.endswith(SUFFIXES) and name not in excluded:
                yield here / name, ""
        while errors:
            error = errors.pop()
            yield Path(error.filename), f"can't be read: {reason(error)}"
    for error in errors:
        yield Path(error.filename), f"can't be read: {reason(error)}"


def read(path: Path) -> bytes | str:
    """The bytes of a file, or why they are not read."""
    try:
        state = path.lstat()
        if stat.S_ISLNK(state.st_mode):
            return "is a symbolic link, which is not followed"
        if not stat.S_ISREG(state.st_mode):
            return "is not a regular file"
        if state.st_size > LARGEST:
            return f"is larger than {LARGEST} bytes"
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        return f"can't be read: {reason(error)}"
    return "holds NUL bytes, so it is no C text" if b"\0" in data[:_LOOKED_AT_FOR_NUL] else data


def reason(error: Exception) -> str:
    """What the system says of an error, in lower case."""
    return (error.strerror if isinstance(error, OSError) and error.strerror else str(error)).lower()
