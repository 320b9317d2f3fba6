"""Which vmxlint this is: what every kept value follows from beside its input."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from vmxlint import __version__
from vmxlint.digest import digest, encoded

_PARSERS = ("tree_sitter", "tree_sitter_c")
_SUFFIXES = (".py", ".toml", ".so", ".abi3.so")


@cache
def stamp() -> bytes:
    """A digest of the versions, and of what changes whenever a file of vmxlint or its parser does:
    names, sizes and times, by which Python itself knows its compiled modules."""
    package = Path(__file__).parent.parent
    folders = [str(package), str(package.parent / "rules")]
    for name in _PARSERS:
        spec = find_spec(name)
        folders += list(spec.submodule_search_locations or ()) if spec else []
    told = [__version__, sys.version, *(line for one in folders for line in _files(one))]
    return digest(*map(encoded, told))


def _files(folder: str) -> Iterator[str]:
    try:
        entries = sorted(os.scandir(folder), key=lambda one: one.name)
    except OSError:
        return
    for one in entries:
        if one.is_dir():
            yield from _files(one.path)
        elif one.name.endswith(_SUFFIXES):
            state = one.stat()
            yield f"{one.path} {state.st_size} {state.st_mtime_ns}"


def named(*parts: bytes) -> str:
    """The name of the entry that follows from `parts` and from this vmxlint."""
    return digest(stamp(), *parts).hex()
