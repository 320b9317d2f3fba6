"""Configuration files: `vmxlint.toml`, or `[tool.vmxlint]` in `pyproject.toml`. Data only.

The nearest one counts, alone, from what is analysed up to the root of its git repository; without
one, up to the folder below the user's home or the temporary folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from vmxlint.reading.files import TOO_WIDE

OWN, SHARED = "vmxlint.toml", "pyproject.toml"
LARGEST = 1_000_000  # bytes


_NOTHING: Mapping[str, Any] = MappingProxyType({})


class ConfigError(Exception):
    """A configuration that can't be used; the message names the file and what is wrong in it."""


class Config(NamedTuple):
    """What a file sets, by the names of the options without their dashes; `path` is the file."""

    path: Path | None = None
    values: Mapping[str, Any] = _NOTHING


def nearest(start: Path) -> Config:
    """The configuration for a folder (or the folder of a file), empty if there is none."""
    for folder in _upwards(start if start.is_dir() else start.parent):
        for name in (OWN, SHARED):
            if (folder / name).is_file():
                found = load(folder / name)
                if name == OWN or found.path:
                    return found
    return Config()


def _upwards(folder: Path) -> list[Path]:
    """The folder and those above it in which a configuration is looked for."""
    above = [folder, *folder.parents]
    for number, one in enumerate(above):
        if (one / ".git").exists():
            return above[: number + 1]
    ends = (number for number, one in enumerate(above) if one in TOO_WIDE)
    return above[: next(ends, len(above))]


def load(path: Path) -> Config:
    """The configuration in a file; of a `pyproject.toml` without our table, an empty one."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(f"can't read {str(path)!r}: {reason}") from None
    return parsed(data, path)


def parsed(data: bytes, path: Path) -> Config:
    """The configuration in the bytes of a file of that name."""
    if path.name == SHARED and b"vmxlint" not in data:
        return Config()
    if len(data) > LARGEST:
        raise ConfigError(f"{str(path)!r} is larger than {LARGEST} bytes")
    import tomllib

    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{str(path)!r} is no TOML: {error}") from None
    if path.name != SHARED:
        return Config(path, document)
    tool = document.get("tool")
    table = tool.get("vmxlint") if isinstance(tool, dict) else None
    if table is None:
        return Config()
    if not isinstance(table, dict):
        raise ConfigError(f"{str(path)!r}: [tool.vmxlint] is no table")
    return Config(path, table)
