"""Whose code it is: the dialect in which a unit is read, and the unit that a dialect knows.

Some folders have a name that no other hypervisor's has. Else words tell, wherever they stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

from vmxlint.model.dialect import Dialect, candidates
from vmxlint.reading.files import is_real_folder, read, walk

MOST = 5000  # files that are looked at for the words of a dialect


def whose(unit: Path, named: Dialect | None = None) -> Dialect:
    """The dialect of a unit: the one that was `named`; the plain one if the unit's folder says so,
    without a look into it; one whose words stand in its files; else the plain one."""
    if named:
        return named
    plain = next(candidates(None))
    if known_unit(unit, [plain]) == unit:
        return plain
    others = [one for one in candidates(None) if one.words]
    return speaking(unit, others) or plain


def known_unit(path: Path, dialects: Iterable[Dialect]) -> Path | None:
    """The hypervisor's folder that `path` lies in or that lies in `path`, if there is one."""
    for dialect in dialects:
        for above in (path, *path.parents):
            for unit in (above / known for known in dialect.folders):
                if unit == path or unit in path.parents or path in unit.parents:
                    if is_unit(unit, dialect):
                        return unit
    return None


def is_unit(folder: Path, dialect: Dialect) -> bool:
    """Whether a folder with a dialect's name for it is there, and if the dialect has words that
    tell its files, holds one of them."""
    if not is_real_folder(folder):
        return False
    return not dialect.words or speaking(folder, [dialect]) is not None


def speaking(folder: Path, dialects: Sequence[Dialect]) -> Dialect | None:
    """The dialect of which a word stands in the first file below a folder that has one of any; only
    so many files are looked at."""
    for path, error in islice(walk(folder, ()), MOST):
        data = error or read(path)
        if isinstance(data, bytes):
            if one := next((one for one in dialects if one.is_in(data)), None):
                return one
    return None
