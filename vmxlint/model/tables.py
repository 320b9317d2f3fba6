"""Reads the model's TOML: each value is taken once, by its type; what nobody took is an error."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from vmxlint.interval import Interval

GRADES = "ABCDX"
HERE = "here"  # the grade of what a user has measured
_LARGEST = 1 << 20  # bytes of a user's file
_BEST_FIRST = ("A", HERE, *GRADES[1:])  # what is so by definition has grade A, too

T = TypeVar("T")


class ModelError(LookupError):
    """The model has no such row, or a row of its data is wrong; the message names file and row."""


def worst(*grades: str) -> str:
    """The grade of a figure that rests on all of these."""
    return max(grades, key=_BEST_FIRST.index)


class Table(NamedTuple):
    """One TOML table: `where` names its file and row, `left` holds what was not yet taken."""

    where: str
    left: dict[str, Any]

    def error(self, message: str) -> ModelError:
        """The error that says what is wrong here."""
        return ModelError(f"{self.where}: {message}")

    def take(self, key: str, kind: type[T]) -> T:
        """The value of `key`, which must be there and of this type."""
        value = self.left.pop(key, None)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.error(f"{key} should be of type {kind.__name__}, not {value!r}")
        return value

    def text(self, key: str) -> str:
        """A string with something in it."""
        text = self.take(key, str)
        if not text.strip():
            raise self.error(f"{key} is empty")
        return text

    def optional(self, key: str) -> str | None:
        """A string, or None where the key is not there."""
        return self.text(key) if key in self.left else None

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings, empty where the key is not there."""
        values = self.take(key, list) if key in self.left else []
        if not all(isinstance(value, str) for value in values):
            raise self.error(f"{key} should hold strings, not {values!r}")
        return tuple(values)

    def names(self, key: str) -> tuple[str, ...]:
        """One string, or a list of some."""
        if isinstance(self.left.get(key), list):
            return self.texts(key) or (self.text(key),)
        return (self.text(key),)

    def grade(self) -> str:
        """How well the row is founded, A to D or X."""
        grade = self.text("grade")
        if grade not in tuple(GRADES):
            raise self.error(f"grade should be one of {GRADES}, not {grade!r}")
        return grade

    def ends(self) -> Interval:
        """The interval in the keys low, typical and high."""
        return self.interval([self.left.pop(key, None) for key in ("low", "typical", "high")])

    def interval(self, ends: Sequence[object]) -> Interval:
        """The interval with these three ends."""
        numbers = [e for e in ends if isinstance(e, int | float) and not isinstance(e, bool)]
        if len(numbers) != len(ends) or len(ends) != 3:
            raise self.error(f"low, typical and high should be numbers, not {list(ends)!r}")
        try:
            return Interval(*map(float, numbers))
        except (ValueError, OverflowError) as error:
            raise self.error(str(error)) from None

    def section(self, key: str) -> Table:
        """The table under `key`, empty where the key is not there."""
        return Table(f"{self.where}, [{key}]", self.take(key, dict) if key in self.left else {})

    def numbers(self, key: str) -> dict[str, int]:
        """A table of NAME = number."""
        table = Table(f"{self.where}, [{key}]", self.take(key, dict))
        return {name: table.take(name, int) for name in list(table.left)}

    def rows(self, key: str, make: Callable[[Table], T]) -> tuple[T, ...]:
        """What `make` builds from each [[key]] row."""
        rows = self.take(key, list)
        if not all(isinstance(row, dict) for row in rows):
            raise self.error(f"{key} should hold tables, not {rows!r}")
        tables = (Table(f"{self.where}, {key} {at}", row) for at, row in enumerate(rows, 1))
        return tuple(table.all(make) for table in tables)

    def all(self, make: Callable[[Table], T]) -> T:
        """What `make` builds from this table; it must take every key."""
        made = make(self)
        if self.left:
            raise self.error(f"unknown keys: {', '.join(sorted(self.left))}")
        return made


def parse(file: str, text: str) -> Table:
    """The text of one TOML file."""
    try:
        return Table(file, tomllib.loads(text))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{file}: {error}") from None


FOLDER = Path(__file__).parent


def bundled(file: str) -> Table:
    """A TOML file that lies beside this module."""
    return parse(file, (FOLDER / file).read_text("utf-8"))


def names(folder: str) -> tuple[str, ...]:
    """The TOML files in a folder beside this module, without their suffix, in order."""
    return tuple(sorted(one.stem for one in (FOLDER / folder).glob("*.toml")))


def user_file(path: str) -> Table:
    """A user's TOML file; ModelError if it can't be read, is no UTF-8, or is too large."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST + 1)
        text = data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise ModelError(f"can't read {path!r}: {why}") from None
    if len(data) > _LARGEST:
        raise ModelError(f"{path}: larger than {_LARGEST} bytes")
    return parse(path, text)
