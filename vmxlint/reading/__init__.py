"""Reads the files of a unit into Facts, a part of them in other processes.

The others start before this process has imported what it needs later, and what they are given is
plain: any executor will do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from vmxlint.cache import NOWHERE, Store
from vmxlint.cache.packing import pack
from vmxlint.deadline import has_passed
from vmxlint.model import dialect as dialects
from vmxlint.model.dialect import Dialect
from vmxlint.reading import shelter
from vmxlint.reading.source import SourceFile, Unit, read_unit
from vmxlint.reading.workers import of_the_living, pool
from vmxlint.report import NotUnderstood

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future
    from multiprocessing.process import BaseProcess

    from vmxlint.facts import Facts
    from vmxlint.reading.bodies import Bodies, Gaps
    from vmxlint.reading.library import Library

T = TypeVar("T")

PARALLEL_FROM = 500_000  # bytes; below, starting a second process costs more than it saves
MORE = 200_000  # bytes of files that take as long as what a process reads beside its files


class Reading:
    """The reading of one unit; what the store keeps of it is not read again."""

    def __init__(
        self,
        root: Path,
        dialect: Dialect,
        jobs: int,
        executor: Executor | None = None,
        store: Store = NOWHERE,
    ) -> None:
        self.dialect = dialect
        self.unit = read_unit(root, dialect)
        self._store = store
        self._work = (str(root), dialect.id, self.unit.digest)
        self._jobs = jobs
        self._executor = executor
        self._own: Executor | None = None
        self._workers: list[BaseProcess] = []
        self._is_done = self._is_late = False
        self._here: list[str] = []
        self._macros: Future[Mapping[str, bytes]] | None = None
        self._waiting: list[Future[Part]] = []
        self._examining: Future[Examined] | None = None

    @cached_property
    def _library(self) -> Library:
        from vmxlint.reading.library import Library

        return Library(self.unit, self._work[0], self._store)

    def begin(self) -> None:
        """Start other processes, if the unit is large and was never read before."""
        if not shelter.falls() and self._library.is_new:
            self._share(self.unit.files, macros=True)

    def _share(self, files: Sequence[SourceFile], *, macros: bool = False) -> None:
        small = sum(len(one.data) for one in files) < PARALLEL_FROM
        self._here, *others = shares(files, 1 if small else self._jobs)
        executor = self._executor
        if others and executor is None:
            executor = self._own = pool(len(others))
        if executor is not None:
            from concurrent.futures.process import BrokenProcessPool
            from multiprocessing import active_children

            before = active_children()
            with shelter.uninterrupted(), suppress(BrokenProcessPool):
                if others and macros:
                    self._macros = executor.submit(read_macros, *self._work)
                for one in others:
                    self._waiting.append(executor.submit(read_part, *self._work, one))
            self._workers = [one for one in active_children() if one not in before]

    def _found(self, waiting: Sequence[Future[T]]) -> Iterator[T]:
        return of_the_living(waiting, self._workers)

    def facts(self, *, gaps: bool = False) -> tuple[list[Facts], Bodies]:
        """The Facts of all files, in the order of their paths; and the bodies of their functions.

        With `gaps`, another process begins to look for these.
        """
        if not self._is_done:
            self._read()
            self._is_done = True
        if gaps:
            self._examine_bodies()
        if self._own:
            self._own.shutdown(wait=False)
        return self._library.facts(), self._library.bodies

    def _examine_bodies(self) -> None:
        executor = self._executor or self._own
        if executor and not self._library.is_examined():
            from concurrent.futures.process import BrokenProcessPool

            with shelter.uninterrupted(), suppress(BrokenProcessPool):
                packed = self._library.packed()
                self._examining = executor.submit(examined, *self._work, packed)

    def gaps(self) -> Mapping[str, Gaps]:
        """What is not understood in the bodies of the functions of each file."""
        for other in self._found([self._examining] if self._examining else []):
            self._library.bodies.take_gaps(other.gaps)
            self._is_late = self._is_late or other.is_late
        return self._library.gaps()

    def _read(self) -> None:
        if shelter.falls():
            self._examine()
        library = self._library
        if not self._waiting:
            library.kept()
            self._share([one for one in self.unit.files if one.path in set(library.missing())])
        for macros in self._found([self._macros] if self._macros else []):
            library.take_macros(macros)
        library.add(library.read(self._here))
        for part in self._found(self._waiting):
            if part.unit == self.unit.digest:
                library.take(part.read)
                library.bodies.take(part.bodies)
            self._is_late = self._is_late or part.is_late
        library.add(library.read(library.missing()))  # seen in another state, or not to be packed

    def _examine(self) -> None:
        """Take out of the unit what kills the parser."""
        from vmxlint.reading.library import Library

        deadly = Library(self.unit, "", NOWHERE).deadly(bodies=shelter.falls() > 1)
        self.unit.files[:] = [one for one in self.unit.files if one.path not in deadly]
        self.unit.unread += [NotUnderstood(path, 1, "kills the parser") for path in deadly]

    def keep(self) -> None:
        """Keep for the next run what this one has read, if all of it was read in time."""
        if not self.is_late:
            self._library.keep()

    @property
    def is_late(self) -> bool:
        """Whether a step took too long, so that another run may find more."""
        return self._is_late or has_passed() or shelter.falls() > 0


def read_facts(unit: Unit) -> tuple[list[Facts], Bodies]:
    """The Facts of all files of a unit, read by this process alone; and their functions' bodies."""
    from vmxlint.reading.library import Library

    library = Library(unit, "", NOWHERE)
    library.add(library.read([one.path for one in unit.files]))
    return library.facts(), library.bodies


class Part(NamedTuple):
    """What another process has read, each file packed, and the bodies that any run asks for; the
    digest of the unit that it saw, and whether a step of it took too long."""

    unit: bytes
    read: list[bytes]
    bodies: Mapping[str, bytes]
    is_late: bool


def read_macros(root: str, dialect: str, digest: bytes) -> Mapping[str, bytes]:
    """The macros of the files of the unit at `root`; see Library.macros."""
    return _library(root, dialect, digest).macros


class Examined(NamedTuple):
    """What another process did not understand in the bodies of some files, and whether a step of it
    took too long."""

    gaps: Mapping[str, Gaps]
    is_late: bool


def examined(root: str, dialect: str, digest: bytes, packed: Iterable[bytes]) -> Examined:
    """The gaps in the bodies of files, which are given read and packed, of the unit at `root`; none
    at all if it is no longer what `digest` names."""
    library = _library(root, dialect, digest)
    if library.unit.digest != digest:
        return Examined({}, has_passed())
    library.take(packed)
    return Examined(library.gaps(), has_passed())


@lru_cache(maxsize=1)  # between the tasks of one process for one state of a unit
def _library(root: str, dialect: str, _: bytes) -> Library:
    from vmxlint.reading.library import Library

    return Library(read_unit(Path(root), dialects.load(dialect)), root, NOWHERE)


def read_part(root: str, dialect: str, digest: bytes, paths: Sequence[str]) -> Part:
    """The Facts of some files of the unit at `root`, which `digest` names as it should be, and the
    bodies in which an accessor of the VMCS is called or assembly stands."""
    from vmxlint.facts import ASM_WORD

    library = _library(root, dialect, digest)
    read = list(library.read(paths))
    words = {*dialects.load(dialect).accessors, ASM_WORD}
    bodies = {
        name: body for one in read for name, body in library.bodies.naming(words, one.facts).items()
    }
    return Part(library.unit.digest, [pack(one) for one in read], bodies, has_passed())


def shares(files: Sequence[SourceFile], jobs: int) -> list[list[str]]:
    """Who reads what, the largest files first: others also read macros and bodies."""
    load = [0] + [MORE] * (jobs - 1)
    found: list[list[str]] = [[] for _ in range(jobs)]
    for one in sorted(files, key=lambda one: (-len(one.data), one.path)):
        least = load.index(min(load))
        found[least].append(one.path)
        load[least] += len(one.data)
    return [found[0], *(share for share in found[1:] if share)]
