"""Writes files so that each is there whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path


def write_all(files: Mapping[str, bytes]) -> None:
    """Write each file beside its place and then move it there, none before all are written.

    A pipe or device is written as it is; through a symbolic link the file behind it is replaced.
    Raises OSError, whose `filename` is the path as given.
    """
    waiting: dict[str, tuple[Path, Path]] = {}
    try:
        for name, data in files.items():
            place = Path(os.path.realpath(name))
            beside = place.with_name(f".{place.name[:200]}.{os.getpid()}.tmp")
            if _is_special(place):
                place.write_bytes(data)
            else:
                waiting[name] = beside, place
                _write(beside, data, place)
    except OSError as error:
        for beside, _ in waiting.values():
            beside.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, name) from None
    for beside, place in waiting.values():
        beside.replace(place)


def _is_special(place: Path) -> bool:
    return place.exists() and not place.is_file() and not place.is_dir()


def _write(beside: Path, data: bytes, place: Path) -> None:
    """A new file, with the permissions of the one whose place it will take."""
    if place.is_dir():
        raise IsADirectoryError(21, "is a directory", str(place))
    with beside.open("xb") as file:
        file.write(data)
    if place.exists():
        beside.chmod(stat.S_IMODE(place.stat().st_mode))
