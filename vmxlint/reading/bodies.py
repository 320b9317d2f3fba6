"""The bodies of a unit's functions: kept by an earlier run, or read when somebody asks for them.

A body follows from the function's own text, and from the macros of its unit. So it is kept under
the digest of that text, wherever it stood, and where the function stands elsewhere now, is moved.
Most bodies are never asked for. They are looked through all the same, for what is not understood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from functools import cached_property
from typing import NamedTuple

from vmxlint.cache import Store
from vmxlint.cache.packing import pack, unpack
from vmxlint.cache.shelf import Shelf
from vmxlint.digest import digest, encoded
from vmxlint.facts import ASM_WORD, INCLUDED_WORD, Body, Facts, Function, Gap
from vmxlint.reading.moving import moved

Gaps = tuple[Gap, ...]


class Placed(NamedTuple):
    """A body, and the offset in its file from which it was read."""

    at: int
    body: Body


class Bodies:
    """The bodies of a unit, which lie on a shelf of the store, and what is not understood in them
    as `index`, for each file under `name(path)`.

    `read` reads a body; `look` says what is not understood in all bodies of a file, given that of
    those that were read, by the places of the functions.
    """

    def __init__(
        self,
        store: Store,
        index: str,
        shelf: Callable[[], Shelf],
        name: Callable[[str], str],
        read: Callable[[Facts, Function], Body],
        look: Callable[[Facts, Mapping[int, Gaps]], Gaps],
    ) -> None:
        self._store = store
        self._index = index
        self._shelf_of_unit = shelf
        self._name = name
        self._read = read
        self._look = look
        self._sent: dict[str, bytes] = {}
        self._new: dict[str, Placed] = {}
        self._asked: set[str] = set()
        self._read_gaps: dict[str, dict[int, Gaps]] = {}
        self._gaps: dict[str, Gaps] = {}

    def body(self, facts: Facts, function: Function) -> Body:
        """The body of a function of a file, kept, sent or read now."""
        if function.body is not None:
            return function.body
        body = self._found(facts, function) if self._is_kept else self._read(facts, function)
        if function.place is None:
            self._read_gaps.setdefault(facts.path, {})[function.at] = body.gaps
        return body

    @property
    def _is_kept(self) -> bool:
        return self._store.is_open or bool(self._sent)

    def _found(self, facts: Facts, function: Function) -> Body:
        name, at = body_name(facts, function), _origin(function)
        self._asked.add(name)
        known = unpack(Placed, self._sent.get(name) or self._shelf.get(name))
        if known is None:
            known = self._new[name] = Placed(at, self._read(facts, function))
        return moved(known.body, at - known.at)

    def naming(self, words: Set[str], facts: Facts) -> Mapping[str, bytes]:
        """The packed bodies of the functions of a file that name one of some words."""
        return {
            body_name(facts, one): pack(Placed(_origin(one), self.body(facts, one)))
            for one in facts.functions
            if one.body is None and not words.isdisjoint(one.words)
        }

    def take(self, sent: Mapping[str, bytes]) -> None:
        """Take packed bodies from another process, to be kept so."""
        self._sent.update(sent)

    @cached_property
    def _shelf(self) -> Shelf:
        return self._shelf_of_unit()

    def gaps(self, files: Iterable[Facts]) -> Mapping[str, Gaps]:
        """What is not understood in the bodies of the functions of each file."""
        for one in files:
            if self.gaps_of(one.path) is None:
                self._gaps[one.path] = self._look(one, self._read_gaps.get(one.path, {}))
        return self._gaps

    def gaps_of(self, path: str) -> Gaps | None:
        """What is not understood in the bodies of a file's functions; None if nobody has looked."""
        if path not in self._gaps and self._kept_gaps:
            known = self._kept_gaps.get(self._name(path))
            if known is not None:
                self._gaps[path] = known
        return self._gaps.get(path)

    def take_gaps(self, found: Mapping[str, Gaps]) -> None:
        """Take what another process did not understand."""
        self._gaps.update(found)

    @cached_property
    def _kept_gaps(self) -> Mapping[str, Gaps]:
        """What an earlier run did not understand, by the names of the files' entries."""
        return unpack(dict[str, Gaps], self._store.get(self._index)) or {}

    def keep(self) -> None:
        """Keep for the next run what this one has read."""
        new = {name: pack(one) for name, one in self._new.items()}
        self._shelf.put(self._sent | new, self._asked)
        gaps = {self._name(path): one for path, one in self._gaps.items()}
        if gaps.keys() - self._kept_gaps.keys():
            self._store.put(self._index, pack(gaps))


def body_name(facts: Facts, function: Function) -> str:
    """What names all that a body follows from in its file: the text of its function, the numbers
    of assembly in it, and the files that are included in it."""
    text = function.text
    length = function.place and function.place[1] - function.place[0]
    asms = [one.start - function.at for one in facts.asms] if ASM_WORD in text else ()
    included = [
        (one.name, one.body)
        for one in (facts.macros if INCLUDED_WORD in text else ())
        if one.name.startswith(INCLUDED_WORD) and one.name in text
    ]
    return digest(encoded(text), encoded(repr((length, asms, included)))).hex()


def _origin(function: Function) -> int:
    """The offset in the file that the positions in a body move with."""
    return function.place[0] if function.place else function.at
