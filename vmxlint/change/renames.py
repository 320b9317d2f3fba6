"""Whether two statements are the same but for names that a change has given to things."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from vmxlint.change.look import Seen
from vmxlint.change.parts import Snapshot
from vmxlint.change.words import is_name, names


@dataclass(frozen=True, eq=False)
class Renames:
    """What has been renamed from one tree to the next, told by the names that come and go."""

    old: Snapshot
    new: Snapshot

    @cached_property
    def gone(self) -> set[bytes]:
        """The names that only the old tree has."""
        return _names(self.old) - _names(self.new)

    @cached_property
    def fresh(self) -> set[bytes]:
        """The names that only the new tree has."""
        return _names(self.new) - _names(self.old)

    def same(self, old: Seen, new: Seen) -> bool:
        """Whether one statement becomes the other by renaming, each name to one other.

        A name was renamed if the whole tree has only the new one now; or, for a variable, if the
        function has.
        """
        before, after = old.statement.split(), new.statement.split()
        changed = [pair for pair in zip(before, after, strict=False) if pair[0] != pair[1]]
        there, back = dict(changed), {b: a for a, b in changed}
        if len(before) != len(after) or any(there[a] != b or back[b] != a for a, b in changed):
            return False
        if set(there) & (set(before) & set(after)):
            return False
        local_before, local_after = _variables(before), _variables(after)
        around = (_around(old, self.old), _around(new, self.new))
        return all(
            (a in self.gone and b in self.fresh)
            or (a in local_before - around[1] and b in local_after - around[0])
            for a, b in changed
        )

    def function(self, old: str | None, new: str | None) -> bool:
        """Whether a function is the same, or has a new name."""
        if old == new:
            return True
        return (
            bool(old and new) and str(old).encode() in self.gone and str(new).encode() in self.fresh
        )


def _names(snapshot: Snapshot) -> set[bytes]:
    return {name for data in snapshot.files.values() for name in names(data)}


def _variables(tokens: list[bytes]) -> set[bytes]:
    """The names that may be variables by how they stand: not called, no member, no constant."""
    return {
        name
        for name, after in pairwise([*tokens, b""])
        if is_name(name) and after != b"(" and name != name.upper()
    }


def _around(seen: Seen, tree: Snapshot) -> set[bytes]:
    """The names in the function around a finding, which ends where a line begins with a brace."""
    lines = tree.files[seen.file].splitlines()
    at = seen.finding.location.line - 1
    inside = [*_until_brace(reversed(lines[:at])), *_until_brace(iter(lines[at:]))]
    return names(b"\n".join(inside))


def _until_brace(lines: Iterator[bytes]) -> Iterator[bytes]:
    for line in lines:
        if line.startswith(b"}"):
            return
        yield line
