"""Writes files so that each is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path


def write_all(files: Mapping[str, bytes]) -> None:
    """Write each file beside its place and then move it there, none before all are written.

    A pipe or device is written as it is; through a symbolic link the file behind it is replaced.
    Raises OSError, whose `filename` is the path as given.
    """
    waiting: dict[Path, Path] = {}
    name = ""
    try:
        for name, data in files.items():
            if _is_special(Path(name)):
                Path(name).write_bytes(data)
                continue
            place = Path(os.path.realpath(name))
            beside = place.with_name(f".vmxlint-{os.getpid()}-{len(waiting)}.tmp")
            waiting[beside] = place
            _write(beside, data, place)
        for beside, place in waiting.items():
            beside.replace(place)
    except OSError as error:
        raise OSError(error.errno, error.strerror, name) from None
    finally:
        for beside in waiting:
            with contextlib.suppress(OSError):
                beside.unlink()


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
