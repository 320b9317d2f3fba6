"""What a name means where: the functions and constants of a unit, and their other names."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from vmxlint.facts import Facts
from vmxlint.flow.routine import Routine
from vmxlint.numbers import evaluate

_ORIGINS = ("function", "generated", "assembly", "macro", "alias")


class Names:
    """The names of a unit's routines and constants."""

    def __init__(self, files: Sequence[Facts], routines: Sequence[Routine]) -> None:
        self.constants = {name: text for one in files for name, text in one.constants}
        self.routines: dict[str, list[Routine]] = {}
        for routine in sorted(routines, key=lambda r: _ORIGINS.index(r.function.origin)):
            self.routines.setdefault(routine.name, []).append(routine)
        self._resolved: dict[tuple[str, str], Routine | None] = {}
        self._numbers: dict[str, int | None] = {}
        self._meant: dict[tuple[str, str], Sequence[Routine]] = {}
        self._macros = [(macro.name, macro.body) for one in files for macro in one.macros]
        self._aliases = _aliases(self.constants)

    def resolve(self, name: str, path: str) -> Routine | None:
        """The routine that `name` means in the file `path`: real functions before macros."""
        key = (name, path)
        if key not in self._resolved:
            self._resolved[key] = None  # until it is found, for names that stand for each other
            self._resolved[key] = self._resolve(name, path)
        return self._resolved[key]

    def meant(self, name: str, path: str) -> Sequence[Routine]:
        """The routines that a call of `name` can mean: by the build also the stub in a header."""
        key = (name, path)
        if key not in self._meant:
            self._meant[key] = tuple(self._able(name, path))
        return self._meant[key]

    def _able(self, name: str, path: str) -> Iterator[Routine]:
        found = self.resolve(name, path)
        if found is None:
            return
        yield found
        if not found.path.endswith(".h") and found.path != path:
            for stub in self.routines.get(name, ()):
                if stub.path.endswith(".h") and stub.function.origin == "function":
                    yield stub

    def _resolve(self, name: str, path: str) -> Routine | None:
        candidates = self.routines.get(name)
        if not candidates:
            alias = self.constants.get(name, "")
            return self.resolve(alias, path) if alias.isidentifier() and alias != name else None
        able = [one for one in candidates if not _is_hidden(one, path)]
        return able[0] if len(able) == 1 else min(able, key=partial(_distance, path), default=None)

    def number(self, text: str) -> int | None:
        """The value of a constant expression, None for anything else."""
        if text not in self._numbers:
            self._numbers[text] = evaluate(text, self.constants)
        return self._numbers[text]

    def macros_with(self, word: str) -> set[str]:
        """The macros in whose text a word stands, or one of these macros."""
        found: set[str] = set()
        todo = [word]
        while todo:
            word = todo.pop()
            more = {name for name, body in self._macros if word in body} - found
            found |= more
            todo += more
        return found

    def is_function(self, name: str) -> bool:
        """Whether a name, or what it stands for, is that of a routine."""
        return name in self.routines or self.constants.get(name) in self.routines

    def of(self, name: str) -> set[str]:
        """A name and all others that stand for it alone."""
        todo, names = [name], {name}
        while todo:
            more = [one for one in self._aliases.get(todo.pop(), ()) if one not in names]
            names.update(more)
            todo += more
        return names


def _is_hidden(one: Routine, path: str) -> bool:
    """Whether a routine is static in another C file."""
    return one.function.static and one.path != path and not one.path.endswith(".h")


def _distance(path: str, one: Routine) -> tuple[bool, bool, bool]:
    folders = {posixpath.dirname(one.path), posixpath.dirname(path)}
    return one.path != path, len(folders) > 1, one.path.endswith(".h")


def _aliases(constants: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, text in constants.items():
        if text.isidentifier() and text != name:
            found.setdefault(text, []).append(name)
    return found
