"""The lines of a stranger's file, one at a time, and errors that name the line."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from vmxlint.model.tables import ModelError

STDIN = "-"
_LONGEST = 1 << 16
_LARGEST = 4 << 30
_NOT_TEXT = {
    b"PERFILE2": "the data of perf record; run perf kvm stat report --stdio on it",
    b"2ELIFREP": "the data of perf record; run perf kvm stat report --stdio on it",
    b"\x17\x08Dtracing": "the data of trace-cmd; run trace-cmd report on it",
    b"\x1f\x8b": "compressed",
    b"\x28\xb5\x2f\xfd": "compressed",
    b"\xfd7zXZ": "compressed",
    b"\xff\xfe": "UTF-16; UTF-8 is needed",
    b"\xfe\xff": "UTF-16; UTF-8 is needed",
}
_QUOTED = re.compile(r"^(?:>[ \t]?)+")
_TERMINAL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][0-9A-B]|\r")


class MixError(ModelError):
    """An exit mix that cannot be read; the message begins with file and line."""

    def __init__(self, path: str, line: int, what: str) -> None:
        super().__init__(f"{path}:{line}: {what}")


class Line(NamedTuple):
    """One line: its number from 1, and what it prints: no quoting of mails, no terminal codes."""

    number: int
    text: str


def lines(path: str, largest: int = _LARGEST) -> Iterator[Line]:
    """The lines of a text file or pipe, of standard input for "-".

    Raises MixError if it can't be opened, is larger than `largest` bytes, or holds what is no text.
    """
    try:
        with sys.stdin.buffer if path == STDIN else Path(path).open("rb") as file:
            yield from _lines(path, file, largest)
    except (OSError, ValueError) as error:
        raise ModelError(f"can't read {path!r}: {_said(error)}") from None


def _said(error: OSError | ValueError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _lines(path: str, file: IO[bytes], largest: int) -> Iterator[Line]:
    read = number = 0
    while raw := file.readline(_LONGEST):
        number += 1
        read += len(raw)
        if number == 1:
            _check_beginning(path, raw)
        if b"\0" in raw:
            raise MixError(path, number, "not text: a NUL byte")
        if len(raw) == _LONGEST and not raw.endswith(b"\n"):
            raise MixError(path, number, f"a line of more than {_LONGEST} bytes")
        if read > largest:
            raise MixError(path, number, f"larger than {largest} bytes")
        yield Line(number, _printed(raw.rstrip(b"\r\n"), number))


def _printed(raw: bytes, number: int) -> str:
    text = raw.decode("utf-8-sig" if number == 1 else "utf-8", "replace")
    if "\x1b" in text or "\r" in text:
        text = _TERMINAL.sub("", text)
    return _QUOTED.sub("", text) if text.startswith(">") else text


def _check_beginning(path: str, raw: bytes) -> None:
    for magic, what in _NOT_TEXT.items():
        if raw.startswith(magic):
            raise MixError(path, 1, f"not text: {what}")
