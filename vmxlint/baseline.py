"""The baseline: findings that are known and accepted, each kind with a count and a reason.

An entry stands for a rule, a file (relative to the baseline's folder), a function and a
fingerprint, for no line; a file that was renamed is found again by the other three.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from vmxlint.findings import Finding

VERSION = 1
LARGEST = 50_000_000  # bytes


class BaselineError(Exception):
    """A baseline that can't be used; the message names the file, and the entry that is wrong."""


@dataclass(frozen=True)
class Entry:
    """So many findings of one kind in one function."""

    rule: str
    file: str
    function: str | None
    fingerprint: str
    count: int
    reason: str

    @property
    def kind(self) -> tuple[str, str, str | None, str]:
        """What sets an entry apart from all others."""
        return self.rule, self.file, self.function, self.fingerprint

    @property
    def moved(self) -> tuple[str, str | None, str]:
        """What stays when the file is renamed."""
        return self.rule, self.function, self.fingerprint

    def __str__(self) -> str:
        place = f"{self.function}() in {self.file}" if self.function else self.file
        times = f", {self.count} times" if self.count > 1 else ""
        return f"{self.rule} in {place}{times}: {self.reason}"


@dataclass(frozen=True)
class Matched:
    """Findings held against a baseline: all of them, those it knows with its reason; and what is
    left of it, counts of findings that are no longer there."""

    findings: tuple[Finding, ...]
    left: tuple[Entry, ...]


def load(path: str) -> list[Entry]:
    """The entries of a baseline file; BaselineError if it isn't one."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123 the name is used as given
            data = file.read(LARGEST + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise BaselineError(f"can't read baseline {path!r}: {reason}") from None
    if len(data) > LARGEST:
        raise BaselineError(f"baseline {path!r} is larger than {LARGEST} bytes")
    entries: dict[tuple[str, str, str | None, str], Entry] = {}
    for number, row in enumerate(_rows(path, data), 1):
        entry = _entry(path, number, row)
        if entry.kind in entries:
            raise BaselineError(f"baseline {path!r}, entry {number}: stands there twice")
        entries[entry.kind] = entry
    return list(entries.values())


def _rows(path: str, data: bytes) -> list[object]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BaselineError(f"baseline {path!r} is no JSON: {error}") from None
    rows = document.get("entries") if isinstance(document, dict) else None
    if not isinstance(rows, list) or document.get("version") != VERSION:
        raise BaselineError(f"{path!r} is no vmxlint baseline of version {VERSION}")
    return rows


def _entry(path: str, number: int, row: object) -> Entry:
    def wrong(what: str) -> BaselineError:
        return BaselineError(f"baseline {path!r}, entry {number}: {what}")

    if not isinstance(row, dict):
        raise wrong("is not an object")
    for key in ("rule", "file", "fingerprint", "reason"):
        if not isinstance(row.get(key), str) or not row[key].strip():
            raise wrong(f"{key!r} must be text")
    if not isinstance(row.get("function"), str | None):
        raise wrong("'function' must be text or null")
    count = row.get("count")
    if type(count) is not int or count < 1:
        raise wrong("'count' must be a whole number from 1")
    known = ("rule", "file", "function", "fingerprint", "count", "reason")
    if strange := sorted(set(row) - set(known)):
        raise wrong(f"no field {strange[0]!r}")
    return Entry(*(row.get(key) for key in known))  # type: ignore[arg-type]


def as_json(entries: Iterable[Entry]) -> str:
    """The text of a baseline file: the same entries give the same bytes."""
    rows = [asdict(one) for one in sorted(entries, key=_order)]
    return json.dumps({"version": VERSION, "entries": rows}, indent=2) + "\n"


def _order(one: Entry) -> tuple[str, str, str, str]:
    return one.file, one.rule, one.function or "", one.fingerprint


def entries_of(
    findings: Iterable[Finding], name: Callable[[Finding], str], reason: str
) -> list[Entry]:
    """Entries for the findings that nothing suppresses; `name` gives the file of one."""
    shown = [one for one in findings if one.suppressed is None]
    counts = Counter((one.rule, name(one), one.function, one.fingerprint) for one in shown)
    return [Entry(*kind, count, reason) for kind, count in counts.items()]


def matched(
    findings: Sequence[Finding],
    entries: Sequence[Entry],
    name: Callable[[Finding], str],
    may_move: Callable[[Entry], bool],
) -> Matched:
    """Hold findings against entries: first those of the same file, then those of a file that may
    have been renamed. Findings that are suppressed already use up nothing."""
    left = {one: one.count for one in entries}
    same = {one.kind: [one] for one in entries}
    moved: dict[tuple[str, str | None, str], list[Entry]] = {}
    for entry in filter(may_move, entries):
        moved.setdefault(entry.moved, []).append(entry)
    done = list(findings)
    for renamed in (False, True):
        for number, one in enumerate(done):
            if one.suppressed is not None:
                continue
            if renamed:
                fitting = moved.get((one.rule, one.function, one.fingerprint), [])
            else:
                fitting = same.get((one.rule, name(one), one.function, one.fingerprint), [])
            if known := next((entry for entry in fitting if left[entry]), None):
                left[known] -= 1
                done[number] = one._replace(suppressed=known.reason, suppressed_by="baseline")
    unused = (replace(entry, count=count) for entry, count in left.items() if count)
    return Matched(tuple(done), tuple(unused))


def relative(path: str, folder: Path) -> str:
    """The name of a file in a baseline that lies in `folder`, with forward slashes."""
    return Path(os.path.relpath(Path(path).resolve(), folder)).as_posix()
