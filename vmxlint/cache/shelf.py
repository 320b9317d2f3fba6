"""Many small values of one unit in one entry of the store: to make a file takes as long as to write
a megabyte into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import accumulate

from vmxlint.cache.packing import pack, unpack
from vmxlint.cache.store import Store


class Shelf:
    """The values in the entry of the store that is called `name`."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name

    @cached_property
    def _values(self) -> dict[str, bytes]:
        """Those of earlier runs by their names, the ones kept last at the end."""
        return unpack(dict[str, bytes], self._store.get(self._name)) or {}

    def get(self, name: str) -> bytes | None:
        """A packed value, None if it is not there."""
        return self._values.get(name)

    def put(self, new: Mapping[str, bytes], asked: Iterable[str]) -> None:
        """Keep packed values, and those `asked` for in this run that are here; beside them the last
        ones of other runs, such as those on another branch, in half the room."""
        if new:
            held = {name: self._values[name] for name in asked if name in self._values} | dict(new)
            others = [name for name in reversed(self._values) if name not in held]
            ends = accumulate(len(self._values[name]) for name in others)
            room = sum(map(len, held.values())) // 2
            last = [name for name, end in zip(others, ends, strict=True) if end <= room][::-1]
            values = {name: self._values[name] for name in last} | held
            self._store.put(self._name, pack(values))
