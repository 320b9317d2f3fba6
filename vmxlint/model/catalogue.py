"""All rows of the model, and how one is found: by name, alias or source."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Sequence

from vmxlint.model import Model, profiles, rows
from vmxlint.model.profiles import Profile
from vmxlint.model.rows import GRADES, Row
from vmxlint.model.tables import ModelError

TABLES = (
    "operations",
    "fields",
    "controls",
    "toggles",
    "exits",
    "frequencies",
    "profiles",
    "probabilities",
    "clocks",
    "grades",
    "sources",
)
_SHORTEST_PART = 4  # characters of a source that may be looked up


def catalogue(model: Model, chosen: Profile | None = None) -> tuple[Row, ...]:
    """All rows: those of the model, of the profiles, bundled or chosen, and of the dialects."""
    bundled = map(profiles.load, profiles.names())
    return (
        *rows.operations(model),
        *rows.fields(model),
        *rows.controls(model),
        *rows.toggles(model),
        *rows.exits(model),
        *rows.frequencies(model),
        *rows.profiles(dict.fromkeys([*bundled, *([chosen] if chosen else [])])),
        *rows.guesses(),
        *rows.known(),
        *rows.clocks(model),
        *rows.grades(),
    )


def find(among: Sequence[Row], wanted: str) -> tuple[Row, ...]:
    """The rows of that name, alias or source, in any case, else those whose source has these words.

    `table:name` asks for one table only. ModelError with the nearest names if there are none.
    """
    folded = wanted.strip().casefold()
    table, _, name = folded.partition(":")
    if found := _called(among, folded):
        return found
    if found := _called([row for row in among if row.table == table], name):
        return found
    if len(folded) >= _SHORTEST_PART:
        words = re.compile(rf"(?<!\w){re.escape(folded)}(?!\w)")
        if found := tuple(row for row in among if words.search(row.source.casefold())):
            return found
    known = {word.casefold(): word for row in among for word in (row.name, *row.aliases)}
    near = difflib.get_close_matches(folded, known, 3, 0.6)
    hint = f"; did you mean {' or '.join(known[one] for one in near)}?" if near else ""
    raise ModelError(f"nothing in the model is called {wanted!r}{hint}")


def _called(among: Iterable[Row], folded: str) -> tuple[Row, ...]:
    return tuple(row for row in among if folded in map(str.casefold, _words(row)))


def _words(row: Row) -> Iterator[str]:
    yield from (row.name, *row.aliases, row.source)
    yield from row.source.split("; ")


def of_sources(among: Iterable[Row]) -> tuple[Row, ...]:
    """A row for each source, which says what rests on it."""
    resting: dict[str, list[Row]] = {}
    for row in among:
        resting.setdefault(row.source, []).append(row)
    return tuple(
        Row("sources", source, "", _counted(found), _worst(found), source)
        for source, found in sorted(resting.items())
    )


def _counted(some: Sequence[Row]) -> str:
    first = ", ".join(f"{row.table}:{row.name}" for row in some[:3])
    return first if len(some) <= 3 else f"{first} and {len(some) - 3} more"


def _worst(some: Sequence[Row]) -> str | None:
    grades = [row.grade for row in some if row.grade]
    return max(grades, key=list(GRADES).index) if grades else None
