"""The answer of a whole run, kept for the next run that asks the same of the same files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from vmxlint.cache import NOWHERE, Store
from vmxlint.cache.packing import pack, unpack
from vmxlint.cache.stamp import named
from vmxlint.digest import digest, encoded
from vmxlint.reading.source import Target, Unit
from vmxlint.report import Report


class Answer:
    """What the store holds for one question.

    The question is all that its Report follows from: the name and options of the command, the
    files that the options name, the targets as they were given, and every file of their units.
    """

    def __init__(
        self,
        store: Store,
        command: str,
        options: Mapping[str, object],
        targets: Sequence[Target],
        units: Iterable[Unit],
    ) -> None:
        self._store = store if all(map(_is_steady, _named_files(options))) else NOWHERE
        self._name = ""
        if self._store.is_open:
            paths = repr([(t.given, str(t.path), str(t.root), str(t.unit)) for t in targets])
            self._name = named(
                command.encode(),
                question(options),
                encoded(paths),
                *(unit.digest for unit in units),
            )

    def known(self) -> Report | None:
        """The Report, if an earlier run kept it."""
        return unpack(Report, self._store.get(self._name))

    def keep(self, report: Report) -> None:
        """Keep the Report for the next run."""
        if self._store.is_open:
            self._store.put(self._name, pack(report))


def question(options: Mapping[str, object]) -> bytes:
    """What an answer follows from, of the options: their values, and the files that they name."""
    asked = repr(sorted(options.items()))
    return digest(encoded(asked), *(_digest(path) for path in _named_files(options)))


def _named_files(options: Mapping[str, object]) -> Iterator[str]:
    """The values of options that are, or may become, the names of files."""
    for value in options.values():
        for one in value if isinstance(value, list | tuple) else [value]:
            if isinstance(one, str | Path):
                yield os.fspath(one)


def _is_steady(path: str) -> bool:
    """Whether the next run finds the same at a path if nobody changes it: not so with a pipe."""
    if path == "-":
        return False
    try:
        mode = Path(path).stat().st_mode
    except (OSError, ValueError):
        return True
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _digest(path: str) -> bytes:
    """What names the bytes of a file; the same for all that is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            if stat.S_ISREG(os.fstat(handle).st_mode):
                return digest(file.read())
    except (OSError, ValueError):
        pass
    return b""
