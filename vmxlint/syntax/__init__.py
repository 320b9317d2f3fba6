"""C source to Facts: clean up, parse, lower; macros that hide or make code from their text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vmxlint.facts import Expr, Facts, Function, Macro
from vmxlint.syntax import assembly, macros
from vmxlint.syntax.cleanup import Cleaned, clean
from vmxlint.syntax.draft import Draft, Spelling
from vmxlint.syntax.lower import lower
from vmxlint.syntax.mask import without_comments

__all__ = ["read", "unit_macros", "without_comments"]

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
        for macro in macros.defined(text):
            known = found.get(macro.name)
            code = macro.params is not None or _CALLS.search(macro.body)
            if code and (known is None or len(known.body) < len(macro.body)):
                found[macro.name] = macro
    return found


def read(path: str, text: bytes, known_macros: macros.Macros) -> Facts:
    """The Facts of a file without its comments; `known_macros` are those of its whole unit."""
    if path.endswith(".S"):
        return Facts(path, functions=assembly.file(text.decode("latin-1")))
    return _Reader(path, known_macros).read(text)


@dataclass
class _Reader:
    """Reads one file, and the text that its macros make, by the macros of its unit."""

    path: str
    known_macros: macros.Macros

    def __post_init__(self) -> None:
        known = self.known_macros.values()
        self._aliases = frozenset(one.name for one in known if one.params is None)
        self._pasting = {
            one.name: one for one in known if one.params is not None and "##" in one.body
        }

    def read(self, text: bytes) -> Facts:
        """The file's Facts."""
        cleaned = clean(text, self.known_macros)
        asms = tuple(
            assembly.inline(code, start, end, self._value) for code, start, end in cleaned.asms
        )
        numbers = {asm.start: number for number, asm in enumerate(asms)}
        draft = lower(Draft(self.path, cleaned.text, self._spelling(numbers)))
        return Facts(
            self.path,
            (*draft.functions, *self._generated(cleaned), *self._macro_functions(cleaned)),
            tuple(draft.structs),
            tuple(draft.tables),
            asms,
            tuple(cleaned.macros),
            (*draft.constants, *_values(draft), *_object_constants(cleaned.macros)),
            tuple(cleaned.includes),
            (*cleaned.gaps, *draft.gaps),
        )

    def _spelling(self, asm_numbers: dict[int, int] | None = None) -> Spelling:
        return Spelling(asm_numbers or {}, self._aliases, self._pasting.keys(), self._pasted)

    def _lowered(self, text: str, place: tuple[int, int], origin: str) -> list[Function]:
        encoded = _cleaned(text)
        return lower(Draft(self.path, encoded, self._spelling(), place, origin)).functions

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
        draft = lower(Draft(self.path, encoded, Spelling({}, self._aliases, (), None), place))
        body = draft.functions[0].body if draft.functions else ()
        return (body[0].expr if body else None) or _NOTHING._replace(text=text)

    def _generated(self, cleaned: Cleaned) -> Iterator[Function]:
        """The functions that file-level macro calls make, placed at the call."""
        for text, start, end in cleaned.generated:
            yield from self._lowered(text, (start, end), "generated")

    def _macro_functions(self, cleaned: Cleaned) -> Iterator[Function]:
        """Macros with code in them, as functions of the same name."""
        for macro in cleaned.macros:
            body = macro.body.strip()
            if "#" in body or len(body) > _LONGEST_MACRO or not _CALLS.search(body):
                continue
            code = body if _STATEMENT.search(body) else f"return {body}"
            names = (name.removesuffix("...").strip() for name in macro.params or ())
            params = ", ".join(f"int {name}" for name in names)
            origin = "alias" if macro.params is None else "macro"
            text = f"void {macro.name}({params}) {{ {code}; }}"
            yield from self._lowered(text, (macro.start, macro.start), origin)


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
