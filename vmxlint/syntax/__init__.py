"""C source to Facts: clean up, parse, lower; macros that hide or make code from their text.

A file is read in outline first: its functions with their text, structs, tables, macros. The body of
a function is read when somebody asks for it; most are never asked for, and are only looked through
for what the parser does not understand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce
from itertools import chain
from types import MappingProxyType

from vmxlint.deadline import TooLong, within
from vmxlint.facts import NO_PLACE, Asm, Body, Expr, Facts, Function, Gap, Macro, Row
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
from vmxlint.syntax.forms import is_part_of_its_caller, spells_cases
from vmxlint.syntax.lower import TOO_DEEP, is_understood, lower, lower_block
from vmxlint.syntax.mask import without_comments
from vmxlint.syntax.pieces import CALLS, STATEMENT, macro_functions, piece
from vmxlint.syntax.unit import macros_of, unit_macros
from vmxlint.syntax.words import Words, present_in

__all__ = ["Reader", "macros_of", "unit_macros", "without_comments"]

_PATIENCE = 10  # seconds a file; the largest of a kernel take half a second
_EMPTY: Mapping[str, bytes] = MappingProxyType({})
_PLAIN = Spelling({}, (), (), None)
_NOTHING = Expr("opaque", "", (), NO_PLACE, NO_PLACE)


class Reader:
    """Reads the files of a unit, and later the bodies of their functions, by the unit's macros.

    `texts` are the files, by their paths, that may be included in the middle of others;
    `looked_up` are the names under which each file that was read may have included one.
    """

    def __init__(self, known_macros: macros.Macros, texts: Mapping[str, bytes] = _EMPTY) -> None:
        self._texts = texts
        self.looked_up: dict[str, list[str]] = {}
        self._spellings: dict[tuple[str, bool], Spelling] = {}
        self._made_rows: dict[str, Sequence[Row]] = {}
        words = attributes.of(known_macros)
        shapes, parts = forms.of(known_macros)
        own = frozenset(one.encode() for one in words)
        self._known = Known(known_macros, own, shapes, calling.of(known_macros))
        self._aliases = frozenset(filter(self._is_alias, known_macros)) - words
        self._pasting = parts | {
            name: one for name, one in known_macros.items() if is_part_of_its_caller(one)
        }
        self._casing = [name for name, one in self._pasting.items() if spells_cases(one)]

    def _is_alias(self, name: str) -> bool:
        macro = self._known.macros[name]
        return macro.params is None and bool(CALLS.search(macro.body))

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
            assembly.inline(code, start, end, self._value) for code, start, end in cleaned.asms
        )
        present = present_in(cleaned.text.decode("latin-1"), self._aliases)
        spelling = self._spelling(asms, cleaned.included)
        pasting = self._pasting | {one.name: one for one in cleaned.included}
        spelling = spelling._replace(words=Words(pasting, present).of)
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
        has_cases = has_included or any(name in function.text for name in self._casing)
        spelling = self._spelling_in(facts, function, has_included)
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

    def _spelling_in(self, facts: Facts, function: Function, has_included: bool) -> Spelling:
        asms = facts.asms if function.place is None else ()
        if has_included:
            return self._spelling(asms, included.of(facts.macros))
        key = (facts.path, bool(asms))
        if key not in self._spellings:
            self._spellings[key] = self._spelling(asms)
        return self._spellings[key]

    def _included(self, path: str, name: str) -> bytes | None:
        """The text of the file that another one includes under a name."""
        self.looked_up.setdefault(path, []).append(name)
        found = resolved(name, path, self._texts)
        return self._texts[found] if found else None

    def _spelling(self, asms: Sequence[Asm] = (), included: Iterable[Macro] = ()) -> Spelling:
        numbers = {asm.start: number for number, asm in enumerate(asms)}
        pasting = self._pasting | {one.name: one for one in included}
        pasted = partial(self._pasted, pasting)
        return Spelling(numbers, self._aliases, pasting.keys(), pasted, rows=self._rows)

    def _rows(self, text: str, place: tuple[int, int]) -> Iterable[Row]:
        """The rows that an element of a table stands for, if that is a macro's."""
        macro = self._known.macros.get(text.partition("(")[0].strip())
        if macro is None:
            return ()
        code = macro.body if macro.params is None else text
        if code not in self._made_rows:
            self._made_rows[code] = self._rows_of(code)
        return [row._replace(start=place[0]) for row in self._made_rows[code]]

    def _rows_of(self, code: str) -> Sequence[Row]:
        code = macros.expanded(code, self._known.macros)
        if not arrays.may_have_keys(code):
            return ()
        made = arrays.alone(code, "", _PLAIN, (0, 0)).tables
        return [row for row in made[0].rows if row.key] if made else ()

    def _value(self, text: str) -> Expr:
        """A piece of C, such as an operand of an asm statement, as an expression."""
        if text.isidentifier():
            return Expr("name", text, (), 0, 0)
        if text.startswith("offsetof"):
            return Expr("number", text, (), 0, 0)
        return self._pasted_text(text, (0, 0))

    def _pasted(self, pasting: macros.Macros, call: str, place: tuple[int, int]) -> Expr | None:
        """What a call of a macro that pastes names stands for, if it is not too long."""
        if len(call) > macros.LONGEST_CALL:
            return None
        texts = {macros.expanded(call, one): None for one in _builds(call, pasting)}
        made = [self._pasted_text(text, place) for text in texts if text != call]
        if len(made) < 2:
            return made[0] if made else None
        return reduce(lambda a, b: Expr("ternary", "", (_NOTHING, a, b), *place), made)

    def _pasted_text(self, text: str, place: tuple[int, int]) -> Expr:
        code = f"({{ {text}; }})" if STATEMENT.search(text) else text
        encoded = piece(f"void f(void) {{ return {code}; }}")
        spelling = Spelling({}, self._aliases, (), None)
        body = lower(Draft("", encoded, spelling, place, whole=True)).body
        first = body.statements[0] if body and body.statements else None
        return (first.expr if first else None) or _NOTHING._replace(text=text)

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


def _builds(call: str, pasting: macros.Macros) -> Iterator[macros.Macros]:
    """The macros by which a call is expanded, for each build that gives its macro another text."""
    yield pasting
    macro = pasting.get(call.partition("(")[0].strip())
    for body in macro.rivals if macro else ():
        yield {**pasting, macro.name: replace(macro, body=body)} if macro else pasting


def _with_head(one: Function, head: Function) -> Function:
    return one._replace(name=head.name, params=head.params, static=head.static, type=head.type)


def _object_constants(defined: list[Macro]) -> Iterator[tuple[str, str]]:
    for macro in defined:
        if macro.params is None and macro.body.strip():
            yield macro.name, macro.body.strip()
