"""What the macros of a unit stand for where code names or calls them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial, reduce

from vmxlint.facts import NO_PLACE, Asm, Expr, Facts, Function, Macro, Row
from vmxlint.syntax import arrays, included, macros
from vmxlint.syntax.draft import Draft, Spelling
from vmxlint.syntax.forms import is_part_of_its_caller, spells_cases
from vmxlint.syntax.lower import lower
from vmxlint.syntax.pieces import CALLS, STATEMENT, piece
from vmxlint.syntax.words import Words, present_in

_PLAIN = Spelling({}, (), (), None)
_NOTHING = Expr("opaque", "", (), NO_PLACE, NO_PLACE)


class StandsFor:
    """Of a unit's macros, `parts` of which shape the code around them and `words` are attributes,
    what the names and calls stand for."""

    def __init__(
        self, known_macros: macros.Macros, parts: macros.Macros, words: Collection[str]
    ) -> None:
        self._known = known_macros
        self._spellings: dict[tuple[str, bool], Spelling] = {}
        self._made_rows: dict[str, Sequence[Row]] = {}
        self._aliases = frozenset(filter(self._is_alias, known_macros)) - frozenset(words)
        self._pasting = {**parts} | {
            name: one for name, one in known_macros.items() if is_part_of_its_caller(one)
        }
        self._casing = [name for name, one in self._pasting.items() if spells_cases(one)]

    def _is_alias(self, name: str) -> bool:
        macro = self._known[name]
        return macro.params is None and bool(CALLS.search(macro.body))

    def has_cases(self, text: str) -> bool:
        """Whether some code names a macro that spells cases of a switch."""
        return any(name in text for name in self._casing)

    def in_file(self, text: bytes, asms: Sequence[Asm], inside: Sequence[Macro]) -> Spelling:
        """What they stand for in the outline of a file, with what is included `inside` its code."""
        present = present_in(text.decode("latin-1"), self._aliases)
        pasting = self._pasting | {one.name: one for one in inside}
        return self._spelling(asms, inside)._replace(words=Words(pasting, present).of)

    def in_function(self, facts: Facts, function: Function, has_included: bool) -> Spelling:
        """What they stand for in the body of a function of a file."""
        asms = facts.asms if function.place is None else ()
        if has_included:
            return self._spelling(asms, included.of(facts.macros))
        key = (facts.path, bool(asms))
        if key not in self._spellings:
            self._spellings[key] = self._spelling(asms)
        return self._spellings[key]

    def _spelling(self, asms: Sequence[Asm] = (), inside: Iterable[Macro] = ()) -> Spelling:
        numbers = {asm.start: number for number, asm in enumerate(asms)}
        pasting = self._pasting | {one.name: one for one in inside}
        pasted = partial(self._pasted, pasting)
        return Spelling(numbers, self._aliases, pasting.keys(), pasted, rows=self._rows)

    def _rows(self, text: str, place: tuple[int, int]) -> Iterable[Row]:
        """The rows that an element of a table stands for, if that is a macro's."""
        macro = self._known.get(text.partition("(")[0].strip())
        if macro is None:
            return ()
        code = macro.body if macro.params is None else text
        if code not in self._made_rows:
            self._made_rows[code] = self._rows_of(code)
        return [row._replace(start=place[0]) for row in self._made_rows[code]]

    def _rows_of(self, code: str) -> Sequence[Row]:
        code = macros.expanded(code, self._known)
        if not arrays.may_have_keys(code):
            return ()
        made = arrays.alone(code, "", _PLAIN, (0, 0)).tables
        return [row for row in made[0].rows if row.key] if made else ()

    def value(self, text: str) -> Expr:
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


def _builds(call: str, pasting: macros.Macros) -> Iterator[macros.Macros]:
    """The macros by which a call is expanded, for each build that gives its macro another text."""
    yield pasting
    macro = pasting.get(call.partition("(")[0].strip())
    for body in macro.rivals if macro else ():
        yield {**pasting, macro.name: replace(macro, body=body)} if macro else pasting
