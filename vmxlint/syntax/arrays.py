"""Arrays with an initialiser: their rows and lengths, also where a file or macro lists them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from vmxlint.facts import Table, spelled
from vmxlint.syntax import included
from vmxlint.syntax.draft import Draft, Spelling
from vmxlint.syntax.lower import lower
from vmxlint.syntax.pieces import piece

_NUMBER = re.compile(r"[\w() |<+~-]{1,80}")
_BRACES = re.compile(r"\{[^{}]*\}")


def may_have_keys(code: str) -> bool:
    """Whether a sign of a designator stands in an initialiser's elements, outside their braces."""
    inner = 1
    while inner:
        code, inner = _BRACES.subn("", code)
    return "=" in code or ":" in code or "{" in code


def alone(elements: str, path: str, spelling: Spelling, place: tuple[int, int]) -> Draft:
    """What some elements of an initialiser say, alone in that of an array called `rows`."""
    return lower(Draft(path, piece(f"int rows[] = {{ {elements} }};"), spelling, place))


def tables(draft: Draft, parts: Mapping[str, Draft]) -> Iterable[Table]:
    """The tables of a file, with the rows of the files that are included in them."""
    rows = {name: part.tables[0].rows if part.tables else () for name, part in parts.items()}
    return included.with_rows(draft.tables, rows) if rows else draft.tables


def lengths(draft: Draft, parts: Mapping[str, Draft]) -> Iterator[tuple[str, int]]:
    """How many elements the arrays of a file are given, as far as none is placed by its number.

    Beside elements in braces, what has none is a check for the compiler.
    """
    inner = {name: dict(lengths(part, {})).get("rows", 0) for name, part in parts.items()}
    for _, name, value in draft.values:
        if value.kind == "list":
            structs = [one for one in value.kids if one.kind in ("list", "pair")]
            known = [included.length(one, inner) for one in structs or value.kids]
            if None not in known:
                yield name, sum(filter(None, known))


def values(draft: Draft) -> Iterator[tuple[str, str]]:
    """The variables of a file that hold a number, or another name, from the start."""
    for _, name, value in draft.values:
        if value.kind != "list" and _NUMBER.fullmatch(text := spelled(value)):
            yield name, text
