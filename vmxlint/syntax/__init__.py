"""C source to Facts: clean up, parse, lower; macros that hide or make code from their text.

A file is read in outline first: its functions with their text, structs, tables, macros. The body of
a function is read when somebody asks for it; most are never asked for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence

from vmxlint.facts import Asm, Body, Expr, Facts, Function, Macro, Variable
from vmxlint.syntax import assembly, cleanup, macros, words
from vmxlint.syntax.cleanup import Cleaned, clean
from vmxlint.syntax.conditionals import directives
from vmxlint.syntax.draft import Draft, Spelling
from vmxlint.syntax.lower import lower
from vmxlint.syntax.mask import without_comments

__all__ = ["Reader", "unit_macros", "without_comments"]

_CALLS = re.compile(r"\b[A-Za-z_]\w*\s*\(|->|\.\w")
_STATEMENT = re.compile(r"^\s*(?:do\b|\{|if\b|for\b|while\b|switch\b)|;")
_UNUSUAL = re.compile(r"__[a-z]|asm|[eE]ach|EACH|\.\.\.|noin|struct|^\s*#", re.MULTILINE)
_NUMBER = re.compile(r"[\w() |<+~-]{1,80}")
_LONGEST_MACRO = 8000
_NOTHING = Expr("opaque", "", (), 0, 0)


def unit_macros(texts: Iterable[bytes]) -> dict[str, Macro]:
    """All macros with code in them that texts without comments define; of one name, the longest."""
    found: dict[str, Macro] = {}
    for text in texts:
        for macro in macros.defined(directives(text)):
            known = found.get(macro.name)
            code = macro.params is not None or _CALLS.search(macro.body)
            if code and (known is None or len(known.body) < len(macro.body)):
                found[macro.name] = macro
    return found


class Reader:
    """Reads the files of a unit, and later the bodies of their functions, by the unit's macros."""

    def __init__(self, known_macros: macros.Macros) -> None:
        self._known = known_macros
        known = known_macros.values()
        attributes = cleanup.attributes(known_macros)
        self._attributes = frozenset(name.encode() for name in attributes)
        self._aliases = frozenset(one.name for one in known if one.params is None) - attributes
        self._pasting = {
            one.name: one for one in known if one.params is not None and "##" in one.body
        }

    def read(self, path: str, text: bytes) -> Facts:
        """The Facts of a file, given without its comments."""
        if path.endswith(".S"):
            return Facts(path, functions=assembly.file(text.decode("latin-1")))
        cleaned = clean(text, self._known, self._attributes)
        asms = tuple(
            assembly.inline(code, start, end, self._value) for code, start, end in cleaned.asms
        )
        spelling = self._spelling(asms, _present(self._aliases, cleaned.text))
        draft = lower(Draft(path, cleaned.text, spelling))
        return Facts(
            path,
            (
                *draft.functions,
                *self._generated(path, cleaned, spelling),
                *_macro_functions(cleaned, spelling),
            ),
            tuple(draft.structs),
            tuple(draft.tables),
            asms,
            tuple(cleaned.macros),
            (*draft.constants, *_values(draft), *_object_constants(cleaned.macros)),
            tuple(cleaned.includes),
            (*cleaned.gaps, *draft.gaps),
        )

    def body(self, facts: Facts, function: Function) -> Body:
        """The body of a function of a file."""
        if function.body is not None:
            return function.body
        text = function.text.encode("utf-8", "surrogateescape")
        spelling = self._spelling(facts.asms if function.place is None else ())
        draft = Draft(facts.path, text, spelling, function.place, base=function.at, whole=True)
        return lower(draft).body or Body((), ())

    def _spelling(self, asms: Sequence[Asm] = (), present: Collection[str] = ()) -> Spelling:
        numbers = {asm.start: number for number, asm in enumerate(asms)}
        return Spelling(
            numbers,
            self._aliases,
            self._pasting.keys(),
            self._pasted,
            lambda code: words.of(code, self._pasting, present),
        )

    def _value(self, text: str) -> Expr:
        """A piece of C, such as an operand of an asm statement, as an expression."""
        if text.isidentifier():
            return Expr("name", text, (), 0, 0)
        return self._pasted_text(text, (0, 0))

    def _pasted(self, call: str, place: tuple[int, int]) -> Expr | None:
        """What a call of a macro that pastes names stands for."""
        text = macros.expanded(call, self._pasting)
        return None if text == call else self._pasted_text(text, place)

    def _pasted_text(self, text: str, place: tuple[int, int]) -> Expr:
        code = f"({{ {text}; }})" if _STATEMENT.search(text) else text
        encoded = _cleaned(f"void f(void) {{ return {code}; }}")
        spelling = Spelling({}, self._aliases, (), None)
        body = lower(Draft("", encoded, spelling, place, whole=True)).body
        first = body.statements[0] if body and body.statements else None
        return (first.expr if first else None) or _NOTHING._replace(text=text)

    def _generated(self, path: str, cleaned: Cleaned, spelling: Spelling) -> Iterator[Function]:
        """The functions that file-level macro calls make, placed at the call."""
        for text, start, end in cleaned.generated:
            draft = Draft(path, _cleaned(text), spelling, (start, end), origin="generated")
            yield from lower(draft).functions


def _present(aliases: Collection[str], text: bytes) -> tuple[str, ...]:
    return tuple(name for name in sorted(aliases) if name.encode() in text)


def _macro_functions(cleaned: Cleaned, spelling: Spelling) -> Iterator[Function]:
    """Macros with code in them, as functions of the same name."""
    for macro in cleaned.macros:
        body = macro.body.strip()
        if "#" in body or len(body) > _LONGEST_MACRO or not _CALLS.search(body):
            continue
        code = body if _STATEMENT.search(body) else f"return {body}"
        place = (macro.start, macro.start)
        names = (name.removesuffix("...").strip() for name in macro.params or ())
        params = tuple(Variable(name, "int", 0, macro.start) for name in names)
        heading = ", ".join(f"int {one.name}" for one in params)
        text = _cleaned(f"void {macro.name}({heading}) {{ {code}; }}").decode("utf-8", "replace")
        yield Function(
            macro.name,
            params,
            macro.start,
            macro.start,
            False,
            "alias" if macro.params is None else "macro",
            "",
            text,
            0,
            place,
            spelling.words(text),
        )


def _cleaned(text: str) -> bytes:
    """What a macro makes, in the form that the grammar reads; most of it already is."""
    encoded = text.encode("utf-8", "replace")
    return clean(encoded, {}).text if _UNUSUAL.search(text) else encoded


def _values(draft: Draft) -> Iterator[tuple[str, str]]:
    """The variables of a file that hold a number, or another name, from the start."""
    for _, name, text in draft.values:
        if _NUMBER.fullmatch(text):
            yield name, text


def _object_constants(defined: list[Macro]) -> Iterator[tuple[str, str]]:
    for macro in defined:
        if macro.params is None and macro.body.strip():
            yield macro.name, macro.body.strip()
