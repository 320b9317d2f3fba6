"""The macros of a unit: those of its files that have code in them, put together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain

from vmxlint.facts import Macro
from vmxlint.syntax import macros
from vmxlint.syntax.conditionals import directives
from vmxlint.syntax.forms import shapes_code
from vmxlint.syntax.pieces import CALLS

MOST_RIVALS = 3


def macros_of(text: bytes) -> tuple[Macro, ...]:
    """The macros with code in them that a text without comments defines, wherever they stand."""
    return tuple(
        Macro(one.name, one.params, one.body, 0)
        for one in macros.defined(directives(text))
        if one.params is not None or CALLS.search(one.body) or shapes_code(one)
    )


def unit_macros(files: Iterable[Iterable[Macro]]) -> dict[str, Macro]:
    """The macros of all files of a unit; of one name, the longest, and beside it the others that
    paste names."""
    found: dict[str, Macro] = {}
    for macro in chain.from_iterable(files):
        known = found.get(macro.name)
        if known is None:
            found[macro.name] = macro
        elif known.body.strip() != macro.body.strip():
            longer, other = (known, macro) if len(known.body) >= len(macro.body) else (macro, known)
            found[macro.name] = _beside(longer, other)
    return found


def _beside(longer: Macro, other: Macro) -> Macro:
    pastes = "##" in longer.body and "##" in other.body and longer.params is not None
    bodies = (*longer.rivals, *other.rivals, *((other.body,) if pastes else ()))
    return replace(longer, rivals=bodies[:MOST_RIVALS])
