"""The Facts of a unit's files: kept by an earlier run, or read now and kept for the next one.

What a file says follows from its bytes, from the macros of its whole unit, and from the files that
it includes in the middle of code. So a file's Facts are kept under the digests of its bytes and of
all macros, and with the digests of the files it looked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple

from vmxlint.cache import Store
from vmxlint.cache.packing import pack, unpack
from vmxlint.cache.shelf import Shelf
from vmxlint.cache.stamp import named
from vmxlint.digest import encoded
from vmxlint.facts import Facts, Macro
from vmxlint.includes import resolved
from vmxlint.reading.bodies import Bodies, Gaps
from vmxlint.reading.shelter import survives
from vmxlint.reading.source import SourceFile, Unit

if TYPE_CHECKING:
    from vmxlint.syntax import Reader


class Read(NamedTuple):
    """What one file says, and the names of files that it may include in the middle of code, each
    with the digest of what was found."""

    facts: Facts
    needs: tuple[tuple[str, str], ...]


class Library:
    """What is known of the files of a unit, which is called `name`."""

    def __init__(self, unit: Unit, name: str, store: Store) -> None:
        self.unit = unit
        self._store = store
        self._files = {one.path: one for one in unit.files}
        self._index = named(b"macros", encoded(name))
        self.bodies = Bodies(
            store,
            named(b"gaps", encoded(name)),
            self._bodies_shelf,
            self._gaps_name,
            lambda facts, function: self._reader.body(facts, function),
            lambda facts, known: self._reader.gaps(facts, known),
        )
        self._found_macros: Mapping[str, bytes] = {}
        self._read: dict[str, Read] = {}
        self._new: dict[str, bytes] = {}

    @cached_property
    def _kept_macros(self) -> Mapping[str, bytes]:
        return unpack(dict[str, bytes], self._store.get(self._index)) or {}

    def take_macros(self, found: Mapping[str, bytes]) -> None:
        """Take the macros that another process has found."""
        self._found_macros = found

    @property
    def is_new(self) -> bool:
        """Whether no earlier run has kept anything of this unit."""
        return not self._kept_macros

    @cached_property
    def macros(self) -> Mapping[str, bytes]:
        """The packed macros of each file, by the file's digest, in the order of the files."""
        found: dict[str, bytes] = {}
        for one in self.unit.files:
            digest = one.digest.hex()
            known = self._kept_macros.get(digest) or self._found_macros.get(digest)
            found[digest] = known or self._packed_macros(one.path)
        return found

    def _packed_macros(self, path: str) -> bytes:
        from vmxlint import syntax

        return pack(syntax.macros_of(self._texts[path]))

    @cached_property
    def _texts(self) -> Mapping[str, bytes]:
        return _Texts(self._files)

    @cached_property
    def _reader(self) -> Reader:
        """Reads files of the unit by the macros of all of them."""
        from vmxlint import syntax

        packed = (self.macros[one.digest.hex()] for one in self.unit.files)
        files = [unpack(tuple[Macro, ...], one) or () for one in packed]
        return syntax.Reader(syntax.unit_macros(files), self._texts)

    @cached_property
    def _common(self) -> bytes:
        """What all files of the unit follow from beside their own bytes."""
        return named(b"unit", *self.macros.values()).encode()

    def _name(self, kind: bytes, path: str, *more: bytes) -> str:
        return named(kind, encoded(path), self._files[path].digest, self._common, *more)

    @cached_property
    def _shelf(self) -> Shelf:
        return Shelf(self._store, named(b"facts of", self._common))

    def _bodies_shelf(self) -> Shelf:
        return Shelf(self._store, named(b"bodies of", self._common))

    def kept(self) -> dict[str, Facts]:
        """The Facts that an earlier run kept and that still are true, by path."""
        for path in self._files if self._store.is_open else ():
            one = unpack(Read, self._shelf.get(self._name(b"facts", path)))
            if one and all(self._digest_of(path, name) == digest for name, digest in one.needs):
                self._read[path] = one
        return {path: one.facts for path, one in self._read.items()}

    def _digest_of(self, path: str, name: str) -> str:
        target = resolved(name, path, self._files)
        return self._files[target].digest.hex() if target else ""

    def read(self, paths: Collection[str]) -> Iterator[Read]:
        """Read some files of the unit now."""
        for path in paths:
            if path in self._files:
                facts = self._reader.read(path, self._texts[path])
                names = dict.fromkeys(self._reader.looked_up.get(path, ()))
                yield Read(facts, tuple((name, self._digest_of(path, name)) for name in names))

    def deadly(self, *, bodies: bool) -> list[str]:
        """The files that kill the parser: each is read by a process of its own, or with `bodies`
        read whole."""
        reader = self._reader

        def read(path: str) -> None:
            facts = reader.read(path, self._texts[path])
            for function in facts.functions if bodies else ():
                reader.body(facts, function)

        return [path for path in self._files if not survives(partial(read, path))]

    def add(self, read: Iterable[Read]) -> None:
        """Take what was read here, to be kept."""
        for one in read:
            self._read[one.facts.path] = one
            self._new[one.facts.path] = b""

    def packed(self) -> list[bytes]:
        """What was read in this run, as other processes take it."""
        for path, data in self._new.items():
            self._new[path] = data or pack(self._read[path])
        return [data for data in self._new.values() if data]

    def take(self, packed: Iterable[bytes]) -> None:
        """Take what another process has read and packed, to be kept so."""
        for data in packed:
            if one := unpack(Read, data):
                self._read[one.facts.path] = one
                self._new[one.facts.path] = data

    def facts(self) -> list[Facts]:
        """All Facts, in the order of the files."""
        return [self._read[path].facts for path in self._files]

    def missing(self) -> list[str]:
        """The files whose Facts are not known yet."""
        return [path for path in self._files if path not in self._read]

    def gaps(self) -> Mapping[str, Gaps]:
        """What is not understood in the bodies of the functions of each file."""
        return self.bodies.gaps([one.facts for one in self._read.values()])

    def is_examined(self) -> bool:
        """Whether that is known already."""
        return all(self.bodies.gaps_of(path) is not None for path in self._read)

    def _gaps_name(self, path: str) -> str:
        return self._name(b"gaps", path, repr(self._read[path].needs).encode())

    def keep(self) -> None:
        """Keep for the next run what this one has read."""
        if not self._store.is_open:
            return
        self.packed()
        names = {path: self._name(b"facts", path) for path in self._read}
        new = {names[path]: data for path, data in self._new.items() if data}
        self._shelf.put(new, names.values())
        self.bodies.keep()
        if self.macros.keys() != self._kept_macros.keys():
            self._store.put(self._index, pack(self.macros))


class _Texts(Mapping[str, bytes]):
    """Files without their comments, by path: each is stripped when it is asked for."""

    def __init__(self, files: Mapping[str, SourceFile]) -> None:
        self._files = files
        self._stripped: dict[str, bytes] = {}

    def __getitem__(self, path: str) -> bytes:
        if path not in self._stripped:
            from vmxlint import syntax

            self._stripped[path] = syntax.without_comments(self._files[path].data)
        return self._stripped[path]

    def __contains__(self, path: object) -> bool:
        return path in self._files

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)
