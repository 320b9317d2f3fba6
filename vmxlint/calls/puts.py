"""Functions that code puts into members of structs and into elements of arrays."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

from vmxlint.calls.handing import plain
from vmxlint.calls.mentions import Mentions
from vmxlint.calls.names import Names
from vmxlint.facts import Expr
from vmxlint.flow import Site
from vmxlint.flow.routine import Routine

# The member, if it is one, and the name that it is given, be it with a cast or an `&`.
_PUT = re.compile(r"(?:(?:->|\.)\s*(\w+)|[\])])\s*=\s*(?:\([^()]*\)\s*)?&?\s*(\w+)(?=\s*[;,}])")


class Target(NamedTuple):
    """A member of a struct of that type, or an element (`text` is its key)."""

    kind: str
    text: str
    type: str = ""


class Puts:
    """Those of a unit; of members those that something calls, by `is_called`."""

    def __init__(self, names: Names, mentions: Mentions, is_called: Callable[[str], bool]) -> None:
        self._names = names
        self._mentions = mentions
        self._is_called = is_called

    @cached_property
    def made(self) -> list[tuple[Routine, Target, str]]:
        """Each of them: where, the target, and the function's name."""
        naming = dict.fromkeys(
            routine
            for name, routines in self._mentions.starting_with("=")
            if self._names.is_function(name)
            for routine in routines
        )
        putting = filter(self._may_put, naming)
        return [(r, *put) for r in putting for site in r.flow.sites for put in _puts(r, site)]

    def _may_put(self, routine: Routine) -> bool:
        """Whether a routine puts a function into such a place, found without reading it."""
        return any(
            self._names.is_function(name) and (not member or self._is_called(member))
            for member, name in _PUT.findall(routine.function.text)
        )


def _puts(routine: Routine, site: Site) -> Iterator[tuple[Target, str]]:
    """The names that a site puts into members and elements."""
    match site.expr:
        case Expr("assign", _, (Expr("member", name, (base,)), Expr("name", value))):
            yield Target("member", name, routine.type_of(base)), value
        case Expr("assign", _, (Expr("index", _, (_, key)), Expr("name", value))):
            yield Target("index", key.text), value
        case Expr("list", _, pairs) if site.kind == "decl":
            variable = routine.variables.get(site.target)
            for pair in pairs:
                if pair.kind == "pair" and pair.kids and (value := plain(pair.kids[-1]).text):
                    name = pair.text.removeprefix(".").strip()
                    yield Target("member", name, variable.type if variable else ""), value
