"""The suppression comments that a change adds, which a reviewer should see."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator

from vmxlint.change.parts import Snapshot
from vmxlint.reading.source import SourceFile
from vmxlint.report import Silence
from vmxlint.suppress import Suppression, suppressions

Named = Callable[[bytes], str | None]


def added(old: Snapshot, new: Snapshot, named: Named) -> list[tuple[bytes, Silence]]:
    """The files of the second tree with the comments in them that the first has nowhere.

    `named` gives the name of a file in the report, None for one that is not asked for.
    """
    known = Counter(_kind(one) for _, one in _all(old))
    found = []
    for path, one in _all(new):
        known[_kind(one)] -= 1
        name = named(path)
        if known[_kind(one)] < 0 and name is not None:
            found.append((path, Silence(name, one.line, one.names, one.reason)))
    return found


def _all(tree: Snapshot) -> Iterator[tuple[bytes, Suppression]]:
    for path, data in sorted(tree.files.items()):
        for one in suppressions(SourceFile(os.fsdecode(path), data)):
            yield path, one


def _kind(one: Suppression) -> tuple[tuple[str, ...], str]:
    return one.names, one.reason
