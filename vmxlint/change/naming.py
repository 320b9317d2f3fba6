"""How a patch names its files: how many folders stand in front, and from which folder on.

Most name them from the top, as `a/x.c` and `b/x.c`; those of `git diff --no-prefix`, of
`git diff --relative` and of a tree in another folder do not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator, Sequence
from typing import NamedTuple

from vmxlint.change.git import GitError
from vmxlint.change.paths import joined, upwards
from vmxlint.change.store import Store

_FROM = re.compile(rb"^(?:rename|copy) from (.+?)\r?$", re.M)
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)")
_ESCAPES = {
    b"a": b"\a",
    b"b": b"\b",
    b"t": b"\t",
    b"n": b"\n",
    b"v": b"\v",
    b"f": b"\f",
    b"r": b"\r",
}


class Naming(NamedTuple):
    """The names in a patch begin with so many folders too many, and go on from `folder`."""

    strip: int = 1
    folder: bytes = b""

    @property
    def options(self) -> tuple[bytes, ...]:
        """What tells `git apply` so."""
        directory = (b"--directory=" + self.folder,) if self.folder else ()
        return (b"-p%d" % self.strip, *directory)

    def path(self, name: bytes, bare: bool = False) -> bytes:
        """The path from the top that a name means; a `bare` one has no `a/` or `b/` in any case."""
        strip = max(0, self.strip - bare)
        return joined(self.folder, unquoted(name).split(b"/", strip)[-1])


USUAL = Naming()


def touched(store: Store, patch: bytes, naming: Naming) -> dict[bytes, bool]:
    """The paths that a patch reads or writes, and whether it is as text.

    Raises GitError for what is no patch, or can't be named so.
    """
    listed = store.git("apply", "--numstat", "-z", *naming.options, "-", given=patch)
    rows = (row.split(b"\t", 2) for row in listed.split(b"\0") if row.count(b"\t") >= 2)
    found = {name: added != b"-" for added, _, name in rows}
    return {**{naming.path(one[1], True): True for one in _FROM.finditer(patch)}, **found}


def named(
    store: Store,
    patch: bytes,
    there: Callable[[Sequence[bytes]], Container[bytes]],
    folders: Sequence[bytes],
) -> Naming:
    """How a patch names its files: so that one is `there`, from one of the folders or above it."""
    for naming in _namings(folders):
        try:
            names = list(touched(store, patch, naming))
        except GitError:
            continue
        found = there(names)
        if any(name in found for name in names):
            return naming
    return USUAL


def _namings(folders: Sequence[bytes]) -> Iterator[Naming]:
    """The usual way to name files first."""
    yield from (USUAL, Naming(0), Naming(2))
    for folder in dict.fromkeys(up for one in folders for up in upwards(one) if up):
        yield from (Naming(1, folder), Naming(0, folder))


def unquoted(name: bytes) -> bytes:
    """A name as git writes it in a patch, in quotes if there is anything odd in it."""
    if not (len(name) > 1 and name.startswith(b'"') and name.endswith(b'"')):
        return name
    return _ESCAPE.sub(_byte, name[1:-1])


def _byte(found: re.Match[bytes]) -> bytes:
    code = found[1]
    return bytes([int(code, 8) & 0xFF]) if len(code) == 3 else _ESCAPES.get(code, code)
