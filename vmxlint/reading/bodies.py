"""The bodies of a unit's functions: kept by an earlier run, or read when somebody asks for them.

Most are never asked for. They are looked through all the same, for what is not understood.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Set
from functools import cached_property

from vmxlint.cache import Store
from vmxlint.cache.packing import pack, unpack
from vmxlint.cache.shelf import Shelf
from vmxlint.facts import Body, Facts, Function, Gap

Gaps = tuple[Gap, ...]


class Bodies:
    """The bodies of a unit, which for each file lie under `name(path)` on a shelf of the store, and
    what is not understood in them as `index`.

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
        self._numbers: dict[str, dict[int, int]] = {}
        self._kept: dict[str, Mapping[int, bytes]] = {}
        self._sent: dict[str, Mapping[int, bytes]] = {}
        self._new: dict[str, dict[int, Body]] = {}
        self._read_gaps: dict[str, dict[int, Gaps]] = {}
        self._gaps: dict[str, Gaps] = {}

    def body(self, facts: Facts, function: Function) -> Body:
        """The body of a function of a file, kept, sent or read now."""
        if function.body is not None:
            return function.body
        body = self._known(facts, function)
        if body is None:
            body = self._read(facts, function)
            if self._store.is_open:
                self._new.setdefault(facts.path, {})[self._number(facts, function)] = body
        if function.place is None:
            self._read_gaps.setdefault(facts.path, {})[function.at] = body.gaps
        return body

    def _known(self, facts: Facts, function: Function) -> Body | None:
        sent = self._sent.get(facts.path, {})
        if not sent and not self._store.is_open:
            return None
        number = self._number(facts, function)
        packed = sent.get(number) or self._kept_of(facts.path).get(number)
        return unpack(Body, packed)

    def naming(self, words: Set[str], facts: Facts) -> Mapping[int, bytes]:
        """The packed bodies of the functions of a file that name one of some words, by number."""
        return {
            number: pack(self.body(facts, one))
            for number, one in enumerate(facts.functions)
            if one.body is None and not words.isdisjoint(one.words)
        }

    def take(self, sent: Mapping[str, Mapping[int, bytes]]) -> None:
        """Take packed bodies of files from another process, to be kept so."""
        self._sent.update(sent)

    def _number(self, facts: Facts, function: Function) -> int:
        numbers = self._numbers.get(facts.path)
        if numbers is None:
            numbers = {id(one): number for number, one in enumerate(facts.functions)}
            self._numbers[facts.path] = numbers
        return numbers[id(function)]

    @cached_property
    def _shelf(self) -> Shelf:
        return self._shelf_of_unit()

    def _kept_of(self, path: str) -> Mapping[int, bytes]:
        if path not in self._kept:
            data = self._shelf.get(self._name(path)) if self._store.is_open else None
            self._kept[path] = unpack(dict[int, bytes], data) or {}
        return self._kept[path]

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

    def keep(self, paths: Iterable[str]) -> None:
        """Keep for the next run what this one has read of the files of a unit."""
        packed: dict[str, bytes] = {}
        for path in self._new.keys() | self._sent.keys():
            new = {number: pack(body) for number, body in self._new.get(path, {}).items()}
            packed[self._name(path)] = pack(
                {**self._kept_of(path), **self._sent.get(path, {}), **new}
            )
        self._shelf.put(packed, map(self._name, paths))
        gaps = {self._name(path): one for path, one in self._gaps.items()}
        if gaps.keys() - self._kept_gaps.keys():
            self._store.put(self._index, pack(gaps))
