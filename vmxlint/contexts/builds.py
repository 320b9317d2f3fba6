"""Conditions that nothing decides but the build, the module's parameters and the CPU."""

from __future__ import annotations

import re

from vmxlint.calls.link import Linker
from vmxlint.contexts.gate import BUILD, NEVER
from vmxlint.facts import Expr, called, walk
from vmxlint.flow.routine import Routine
from vmxlint.interval import Interval
from vmxlint.operations.values import predicate

_DEEPEST = 3


class Builds:
    """The search for such conditions in a unit."""

    def __init__(self, linker: Linker) -> None:
        self._linker = linker
        self._off: dict[str, bool] = {}

    def chance(self, test: Expr, holds: bool, routine: Routine) -> Interval | None:
        """The probability that a test is `holds`; None if something else decides it.

        An option is mostly as the code has it that is seen; a module parameter, as by default.
        """
        if self._is_static_key(test, routine):
            return NEVER if holds else NEVER.complement()
        if not self._is_build(test, routine):
            return None
        off = test.kind == "name" and self._is_off(test.text)
        return BUILD.complement() if off and holds else BUILD

    def _is_static_key(self, test: Expr, routine: Routine, depth: int = 0) -> bool:
        """Whether a test asks a static key, itself or by a predicate that does nothing else."""
        if called(test) & self._linker.dialect.static_key:
            return True
        match test:
            case Expr("call", _, (Expr("name", name),)) if depth < _DEEPEST:
                body = predicate(name, [], routine, self._linker)
                return body is not None and self._is_static_key(*body, depth + 1)
        return False

    def _is_build(self, test: Expr, routine: Routine) -> bool:
        """Whether a condition depends on nothing but the build, module parameters and the CPU."""
        if test.kind == "number":
            return True
        if called(test) & self._linker.dialect.build:
            return True
        match test:
            case Expr("call", _, (Expr("name", name), *given)):
                body = predicate(name, given, routine, self._linker)
                return body is not None and not given and self._is_global(body[0], body[1])
        return self._is_global(test, routine)

    def _is_global(self, test: Expr, routine: Routine) -> bool:
        names = [one for one in walk(test) if one.kind == "name"]
        calls = any(one.kind in ("call", "asm", "assign", "block") for one in walk(test))
        return not calls and bool(names) and all(n.text not in routine.variables for n in names)

    def _is_off(self, variable: str) -> bool:
        """Whether a module parameter is off by default, and no code turns it on."""
        if variable not in self._off:
            default = self._linker.constants.get(variable)
            sets = re.compile(rf"\b{re.escape(variable)}\s*=[^=]")
            self._off[variable] = default == "0" and not any(
                sets.search(one.function.text) for one in self._linker.mentions.naming(variable)
            )
        return self._off[variable]
