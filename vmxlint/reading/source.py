"""Finds and reads source: the unit around a path, its files as bytes, and places in them."""

from __future__ import annotations

import os
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vmxlint.digest import digest, encoded
from vmxlint.findings import Location
from vmxlint.model.dialect import candidates
from vmxlint.reading.files import SUFFIXES, TOO_WIDE, has_c_files, read, reason, walk
from vmxlint.reading.linehash import LineHashes
from vmxlint.reading.whose import known_unit
from vmxlint.report import NotUnderstood

if TYPE_CHECKING:
    from vmxlint.model.dialect import Dialect

BOM = b"\xef\xbb\xbf"


class InputError(Exception):
    """A path that can't be analysed; the message names it."""


@dataclass(frozen=True, eq=False)
class SourceFile:
    """One file: its path from the unit's root, with forward slashes, and its bytes."""

    path: str
    data: bytes

    @cached_property
    def digest(self) -> bytes:
        """What names these bytes, wherever they lie."""
        return digest(self.data)

    @cached_property
    def _starts(self) -> list[int]:
        starts = [len(BOM) if self.data.startswith(BOM) else 0]
        position = self.data.find(b"\n")
        while position >= 0:
            starts.append(position + 1)
            position = self.data.find(b"\n", position + 1)
        return starts

    def line(self, offset: int) -> int:
        """The number of the line in which a byte stands, from 1; a byte order mark is in none."""
        return bisect_right(self._starts, offset) or 1

    def line_hash(self, line: int) -> str | None:
        """What GitHub knows a line by, None in a file with other line ends than C has."""
        return self._hashes.of(line)

    @cached_property
    def _hashes(self) -> LineHashes:
        return LineHashes(self.data)

    def text(self, line: int) -> bytes:
        """A line without its end."""
        start = self._starts[line - 1]
        end = self.data.find(b"\n", start)
        return self.data[start : len(self.data) if end < 0 else end].removesuffix(b"\r")

    def location(self, start: int, end: int, path: str) -> Location:
        """The span of some bytes, under the name that the report gives the file."""
        first, last = self.line(start), self.line(max(start, end - 1))
        return Location(
            path,
            first,
            max(start - self._starts[first - 1], 0) + 1,
            last,
            max(start + 1, end) - self._starts[last - 1] + 1,
            self.text(first),
        )


class Target(NamedTuple):
    """A path from the command line: what it is relative to, the unit around it, what to report.

    `unit` is always analysed whole; a finding is reported if its file is `path` or below it, and
    named relative to `root`.
    """

    path: Path
    root: Path
    unit: Path
    given: str

    def name(self, file: str) -> str | None:
        """The name in the report of a file of the unit, None if it is not asked for."""
        whole = self.unit / file
        if whole != self.path and self.path not in whole.parents:
            return None
        return whole.relative_to(self.root).as_posix()

    def opened_as(self, name: str) -> str:
        """The path that opens a reported file from where vmxlint was called."""
        base = self.given if self.path.is_dir() else os.path.dirname(self.given)  # noqa: PTH120
        return os.path.normpath(os.path.join(base, name))  # noqa: PTH118


@dataclass
class Unit:
    """The files of a unit that is read in a dialect, in order of their paths, and those that could
    not be read."""

    files: list[SourceFile] = field(default_factory=list)
    unread: list[NotUnderstood] = field(default_factory=list)
    dialect: str = ""

    @cached_property
    def digest(self) -> bytes:
        """What names all of it, once it is read: the same for the same files of the same bytes in
        the same dialect."""
        files = [digest(encoded(one.path), one.digest) for one in self.files]
        unread = [digest(encoded(one.path), encoded(one.reason)) for one in self.unread]
        return digest(self.dialect.encode(), b"".join(files), b"".join(unread))


def target(given: str, named: Dialect | None) -> Target:
    """The target that a path from the command line means, in the dialect that was `named` if one
    was; InputError if there is none."""
    if not given:
        raise InputError("no such file or folder: ''")
    try:
        path = Path(given).resolve(strict=True)
        is_folder = path.is_dir()
    except FileNotFoundError:
        raise InputError(f"no such file or folder: {given!r}") from None
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(f"can't read {given!r}: {reason(error)}") from None
    if not is_folder and (path.suffix not in SUFFIXES or not path.is_file()):
        raise InputError(f"not a C file or folder: {given!r}")
    root = path if is_folder else path.parent
    if not is_folder:
        try:
            path.open("rb").close()
        except OSError as error:
            raise InputError(f"can't read {given!r}: {reason(error)}") from None
    return Target(path, root, _unit_around(path, root, named), given)


def _unit_around(path: Path, folder: Path, named: Dialect | None) -> Path:
    """The hypervisor's folder, else the highest folder up that goes on holding C files."""
    if unit := known_unit(path, candidates(named)):
        return unit
    while folder.parent not in TOO_WIDE and has_c_files(folder.parent):
        folder = folder.parent
    return folder


def read_unit(root: Path, dialect: Dialect) -> Unit:
    """All C, header and assembly files of a unit. Symbolic links are not followed."""
    unit = Unit(dialect=dialect.id)
    for path, error in sorted(walk(root, dialect.exclude), key=lambda found: found[0]):
        name = path.relative_to(root).as_posix()
        data = error or read(path)
        if isinstance(data, str):
            unit.unread.append(NotUnderstood(name, 1, data))
        else:
            unit.files.append(SourceFile(name, data))
    return unit
