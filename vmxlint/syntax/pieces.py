"""Pieces of C that macros make: cleaned up for the parser, and as functions of the macro's name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vmxlint.facts import Function, Variable
from vmxlint.syntax.cleanup import Cleaned, Known, clean
from vmxlint.syntax.draft import Spelling
from vmxlint.syntax.forms import is_part_of_its_caller

CALLS = re.compile(r"\b[A-Za-z_]\w*+\s*+\(|->|\.\w")
STATEMENT = re.compile(r"^\s*(?:do\b|\{|if\b|for\b|while\b|switch\b)|;")
_UNUSUAL = re.compile(r"__[a-z]|asm|[eE]ach|EACH|\.\.\.|noin|struct|^\s*#", re.MULTILINE)
_LONGEST_MACRO = 8000


def piece(text: str) -> bytes:
    """What a macro makes, in the form that the grammar reads; most of it already is."""
    encoded = text.encode("utf-8", "replace")
    return clean(encoded, Known({})).text if _UNUSUAL.search(text) else encoded


def macro_functions(cleaned: Cleaned, spelling: Spelling) -> Iterator[Function]:
    """Macros with code in them, as functions of the same name, but not those that are read where
    they are called."""
    for macro in cleaned.macros:
        body = macro.body.strip()
        if is_part_of_its_caller(macro) or len(body) > _LONGEST_MACRO or not CALLS.search(body):
            continue
        code = body if STATEMENT.search(body) else f"return {body}"
        place = (macro.start, macro.start)
        names = (name.removesuffix("...").strip() for name in macro.params or ())
        params = tuple(Variable(name, "int", 0, macro.start) for name in names)
        heading = ", ".join(f"int {one.name}" for one in params)
        text = piece(f"void {macro.name}({heading}) {{ {code}; }}").decode("utf-8", "replace")
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
