"""C source to Facts: clean up, parse, lower; macros that hide or make code from their text.

A file is read in outline first: its functions with their text, structs, tables, macros. The body of
a function is read when somebody asks for it; most are never asked for, and are only looked through
for what the parser does not understand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from types import MappingProxyType

from vmxlint.deadline import TooLong, within
from vmxlint.facts import Body, Facts, Function, Gap, Macro
from vmxlint.includes import resolved
from vmxlint.syntax import (
    arrays,
    assembly,
    attributes,
    calling,
    forms,
    included,
    macros,
    outline,
    subroutines,
)
from vmxlint.syntax.cleanup import Cleaned, Known, clean
from vmxlint.syntax.draft import Draft, Spelling
from vmxlint.syntax.lower import TOO_DEEP, is_understood, lower, lower_block
from vmxlint.syntax.mask import without_comments
from vmxlint.syntax.pieces import macro_functions, piece
from vmxlint.syntax.standing import StandsFor
from vmxlint.syntax.unit import macros_of, unit_macros

__all__ = ["Reader", "macros_of", "unit_macros", "without_comments"]

_PATIENCE = 10  # seconds a file; the largest of a kernel take half a second
_EMPTY: Mapping[str, bytes] = MappingProxyType({})


class Reader:
    """Reads the files of a unit, and later the bodies of their functions, by the unit's macros.

    `texts` are the files, by their paths, that may be included in the middle of others;
    `looked_up` are the names under which each file that was read may have included one.
    """

    def __init__(self, known_macros: macros.Macros, texts: Mapping[str, bytes] = _EMPTY) -> None:
        self._texts = texts
        self.looked_up: dict[str, list[str]] = {}
        words = attributes.of(known_macros)
        shapes, parts = forms.of(known_macros)
        own = frozenset(one.encode() for one in words)
        self._known = Known(known_macros, own, shapes, calling.of(known_macros))
        self._stands = StandsFor(known_macros, parts, words)

    def read(self, path: str, text: bytes) -> Facts:
        """The Facts of a file, given without its comments; if it takes too long, only that."""
        try:
            with within(_PATIENCE):
                return self._read(path, text)
        except TooLong:
            reason = f"not read: it takes longer than {_PATIENCE} seconds"
        except (RecursionError, MemoryError):
            reason = "not read: it is nested too deep"
        return Facts(path, gaps=(Gap(0, reason),))

    def _read(self, path: str, text: bytes) -> Facts:
        if path.endswith((".S", ".s", ".asm")):
            return subroutines.read(path, text.decode("latin-1"))
        if text.lstrip().startswith(b"{"):  # rows for a table of the file that includes this one
            return Facts(path)
        cleaned = clean(text, self._known, lambda name: self._included(path, name))
        asms = tuple(
            assembly.inline(code, start, end, self._stands.value)
            for code, start, end in cleaned.asms
        )
        spelling = self._stands.in_file(cleaned.text, asms, cleaned.included)
        plain = outline.plain_functions(cleaned.code)
        rest = list(outline.between(plain, len(cleaned.text)))
        draft = lower(Draft(path, cleaned.text, spelling, spans=rest))
        functions = [*(_function(one, cleaned.text, spelling) for one in plain), *draft.functions]
        parts = {
            one.name: arrays.alone(one.body, path, spelling, (one.start, one.start))
            for one in cleaned.included
        }
        return Facts(
            path,
            (
                *self._headed(path, sorted(functions, key=_place), cleaned, spelling),
                *self._generated(path, cleaned, spelling),
                *macro_functions(cleaned, spelling),
            ),
            tuple(draft.structs),
            tuple(arrays.tables(draft, parts)),
            asms,
            (*cleaned.macros, *cleaned.included),
            (*draft.constants, *arrays.values(draft), *_object_constants(cleaned.macros)),
            tuple(arrays.lengths(draft, parts)),
            tuple(cleaned.includes),
            (*cleaned.gaps, *draft.gaps),
        )

    def body(self, facts: Facts, function: Function) -> Body:
        """The body of a function of a file, that the Facts do not hold."""
        text = function.text.encode("utf-8", "surrogateescape")
        has_included = bool(included.NAMED.search(function.text))
        has_cases = has_included or self._stands.has_cases(function.text)
        spelling = self._stands.in_function(facts, function, has_included)
        draft = Draft(facts.path, text, spelling, function.place, base=function.at, whole=True)
        block = draft.after(text.find(b"{"))
        draft = block if lower_block(block) else lower(draft)
        body = draft.body or Body((), ())
        body = body._replace(gaps=tuple(draft.gaps))
        return body._replace(statements=included.with_cases(body)) if has_cases else body

    def gaps(self, facts: Facts, known: Mapping[int, tuple[Gap, ...]]) -> tuple[Gap, ...]:
        """What is not understood in the bodies of a file's functions; `known` by their places for
        those that were read."""
        try:
            with within(_PATIENCE):
                found = [self._gaps(facts, one, known) for one in facts.functions]
        except TooLong:
            return (Gap(0, f"not read whole: it takes longer than {_PATIENCE} seconds"),)
        return tuple(one for one in chain.from_iterable(found) if one.reason != TOO_DEEP)

    def _gaps(
        self, facts: Facts, function: Function, known: Mapping[int, tuple[Gap, ...]]
    ) -> tuple[Gap, ...]:
        if function.body or function.place:
            return ()
        if function.at in known:
            return known[function.at]
        understood = is_understood(function.text.encode("utf-8", "surrogateescape"))
        return () if understood else self.body(facts, function).gaps

    def _included(self, path: str, name: str) -> bytes | None:
        """The text of the file that another one includes under a name."""
        self.looked_up.setdefault(path, []).append(name)
        found = resolved(name, path, self._texts)
        return self._texts[found] if found else None

    def _generated(self, path: str, cleaned: Cleaned, spelling: Spelling) -> Iterator[Function]:
        """The functions that file-level macro calls make, placed at the call."""
        for text, start, end in cleaned.generated:
            draft = Draft(path, piece(text), spelling, (start, end), origin="generated")
            yield from lower(draft).functions

    def _headed(
        self, path: str, found: Iterable[Function], cleaned: Cleaned, spelling: Spelling
    ) -> Iterator[Function]:
        """The functions, with the names and parameters of those whose head a macro spells."""
        spelled = {start: (text, (start, end)) for text, start, end in cleaned.heads}
        for one in found:
            if one.at not in spelled:
                yield one
                continue
            text, place = spelled[one.at]
            heads = lower(Draft(path, piece(text + "{}"), spelling, place)).functions
            yield _with_head(one, heads[-1]) if heads else one


def _function(one: outline.Plain, text: bytes, spelling: Spelling) -> Function:
    own = text[one.at : one.end].decode("utf-8", "surrogateescape")
    kind, words = "function", spelling.words(own)
    return Function(
        *(one.name, one.params, one.start, one.end, one.static, kind, one.type, own, one.at),
        words=words,
    )


def _place(function: Function) -> int:
    return function.at


def _with_head(one: Function, head: Function) -> Function:
    return one._replace(name=head.name, params=head.params, static=head.static, type=head.type)


def _object_constants(defined: list[Macro]) -> Iterator[tuple[str, str]]:
    for macro in defined:
        if macro.params is None and macro.body.strip():
            yield macro.name, macro.body.strip()
