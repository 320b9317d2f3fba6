"""The trees of fixtures/facts: each folder is one unit, its comments say what the C means.

A comment `/* fact: ...; ... */` on a line of C (or of a `.S` file) says of that line:

    vmread GUEST_RIP                  this operation stands here: the instruction, and of a VMREAD
                                      or VMWRITE the field, `?` where the text does not give it
    vmwrite HOST_CR3 if a && !b       the same, and the conditions that must hold for it to run,
                                      inside its function first, then inside the helpers; none if
                                      there is no `if`
    vmread X if #if && n is 1 or 2    `#if` is any arm that the build chooses, `is` names the cases
                                      of a switch
    nothing                           no operation stands here
    calls f, b.c:g                    the calls from here lead to exactly these functions, or to
                                      `nothing`; with the file where several have the name
    function f, g                     exactly these functions start here, or `nothing`
    in entry, exit:CPUID              exactly these contexts reach the functions that start here
    runs entry 1, exit 0.05           so often in one pass through each of these contexts: the
                                      typical count, two digits of it
    cold                              no context reaches them

Operations are exact both ways in the whole tree: what stands there and is not expected fails too.
The other facts are asked for on their own line only, and a macro with code in it counts as called.
Contexts are known only of functions from which calls lead to an operation.

Loops count as run once, so their test is no condition. Where two ways meet, the conditions are
those that both have in common; at a label it is `goto label` then, if some ways end before it.

`todo:` instead of `fact:` is what the C means and the engine does not see yet.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

from tests.fixtures import FACTS, options
from vmxlint.contexts.gate import UNKNOWN, Gate
from vmxlint.flow import Conditions
from vmxlint.flow.routine import Routine
from vmxlint.hits import spot
from vmxlint.operations import Operation
from vmxlint.program import Program
from vmxlint.reading import read_facts
from vmxlint.reading.files import SUFFIXES
from vmxlint.reading.source import SourceFile, read_unit
from vmxlint.reading.whose import whose

KINDS = ("vmread", "vmwrite", "vmptrld", "vmclear", "invept", "invvpid", "rdmsr", "wrmsr")

_ABOUT = {"calls": "calls", "function": "functions", "in": "contexts", "runs": "counts"}
_COMMENT = re.compile(r"/\* (fact|todo):(?: (.*?) \*/)?")
_BUILD = dict.fromkeys(("2", "!(2)"), "#if")  # an `#if` is read as `if(2)`


class Place(NamedTuple):
    """A line, and what is asked of it: its "operations", "calls", "functions", "contexts" or
    "counts"."""

    path: str
    line: int
    about: str


Facts = dict[Place, str]


def trees() -> list[Path]:
    """Each folder of fixtures/facts: one unit."""
    return sorted(one for one in FACTS.iterdir() if one.is_dir())


@cache
def expected(tree: Path, word: str) -> Facts:
    """The facts that the comments of a tree name behind `word`; ValueError for one that is none."""
    facts: dict[Place, list[str]] = {}
    for file in sorted(one for one in tree.rglob("*") if one.suffix in SUFFIXES):
        path = file.relative_to(tree).as_posix()
        for number, line in enumerate(file.read_text("utf-8").split("\n"), 1):
            for text in _named(line, word):
                about, fact = _understood(text, f"{path}:{number}")
                facts.setdefault(Place(path, number, about), []).append(fact)
    return {place: _joined(many) for place, many in facts.items()}


def _named(line: str, word: str) -> list[str]:
    """The facts in the comments of a line."""
    found = [comment[2] or "" for comment in _COMMENT.finditer(line) if comment[1] == word]
    return [text.strip() for many in found for text in many.split(";")]


def _understood(text: str, where: str) -> tuple[str, str]:
    verb, _, rest = text.partition(" ")
    if rest and verb in _ABOUT:
        return _ABOUT[verb], _listed(verb, re.split(r",\s*", rest))
    if text == "cold":
        return "contexts", text
    if text == "nothing" or (verb in KINDS and _is_operation(verb, rest)):
        return "operations", text
    raise ValueError(f"{where}: {text!r} is no fact")


def _is_operation(kind: str, rest: str) -> bool:
    name = rest.partition("if ")[0].strip()
    if kind not in ("vmread", "vmwrite"):
        return not name
    fields = options().pricing.model.fields.fields
    return name == "?" or any(name == field.name for field in fields)


def _listed(verb: str, names: Iterable[str]) -> str:
    return f"{verb} {', '.join(sorted(set(names)))}"


def _joined(many: Iterable[str]) -> str:
    return "; ".join(sorted(many))


def found(tree: Path) -> Facts:
    """What the engine says: all operations of the tree, and whatever else its comments ask for."""
    unit = Analysed(tree)
    asked = expected(tree, "fact") | expected(tree, "todo")
    return {place: unit.fact(place) for place in asked} | unit.operations


class Analysed:
    """A tree, read and understood."""

    def __init__(self, tree: Path) -> None:
        dialect = whose(tree)
        unit = read_unit(tree, dialect)
        facts, reader = read_facts(unit)
        self._files: dict[str, SourceFile] = {one.path: one for one in unit.files}
        self.program = Program(facts, reader.body, dialect, options().pricing)
        self._names = Counter(one.name for one in self._functions())

    @cached_property
    def operations(self) -> Facts:
        """The operations of each line that has any."""
        facts: dict[Place, list[str]] = {}
        for one in self.program.operations:
            where = spot(one.routine, one.site.expr)
            line = self._files[where.path].line(where.start)
            facts.setdefault(Place(where.path, line, "operations"), []).append(_operation(one))
        return {place: _joined(many) for place, many in facts.items()}

    def fact(self, place: Place) -> str:
        """What is so on a line."""
        here = [one for one in self._functions() if self._starts(one) == place[:2]]
        match place.about:
            case "calls":
                return _listed("calls", list(self._called(place)) or ["nothing"])
            case "functions":
                return _listed("function", [one.name for one in here] or ["nothing"])
            case "contexts":
                reached = self.program.contexts.reached
                contexts = {name for one in here for name in reached.get(one, ())}
                return _listed("in", contexts) if contexts else "cold" if here else "no function"
            case "counts":
                return _listed("runs", [text for one in here for text in self._counts(one)])
        return self.operations.get(place, "nothing")

    def _counts(self, one: Routine) -> Iterator[str]:
        for name, reach in self.program.contexts.to(one).items():
            yield f"{name} {reach.expected.typical:.2g}"

    def _functions(self) -> Iterator[Routine]:
        """All but the macros."""
        origins = ("function", "generated", "assembly")
        return (one for one in self.program.linker.routines if one.function.origin in origins)

    def _starts(self, one: Routine) -> tuple[str, int]:
        return one.path, self._files[one.path].line(one.function.start)

    def _called(self, place: Place) -> Iterator[str]:
        for routine in self.program.linker.routines:
            for edge in self.program.linker.edges(routine) if routine.path == place.path else ():
                if self._files[place.path].line(edge.site.expr.start) == place.line:
                    name = edge.callee.name
                    yield f"{edge.callee.path}:{name}" if self._names[name] > 1 else name


def _operation(one: Operation) -> str:
    words = [one.kind]
    if one.kind in ("vmread", "vmwrite"):
        words.append(one.field.name if one.field else "?")
    if conditions := list(_spelled((*one.site.conditions, *one.conditions))):
        words += ["if", " && ".join(conditions)]
    return " ".join(words)


def _spelled(conditions: Conditions) -> Iterator[str]:
    for one in conditions:
        text = Gate("state", one, one.holds, UNKNOWN).spelled
        yield _BUILD.get(text, text)
