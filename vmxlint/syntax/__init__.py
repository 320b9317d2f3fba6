"""C source to Facts: clean up, parse, lower; macros that hide or make code are lowered from text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from vmxlint.facts import Asm, Facts, Function, Macro
from vmxlint.syntax import assembly, macros, mask
from vmxlint.syntax.cleanup import Cleaned, clean
from vmxlint.syntax.lower import Lowering, parse

_CALLS = re.compile(r"\b[A-Za-z_]\w*\s*\(|->|\.\w")
_STATEMENT = re.compile(r"^\s*(?:do\b|\{|if\b|for\b|while\b|switch\b)|;")
_LONGEST_MACRO = 8000


def unit_macros(sources: Iterable[bytes]) -> dict[str, Macro]:
    """All the macros with code in them that a unit defines; of several with one name, the longest."""
    found: dict[str, Macro] = {}
    for source in sources:
        for macro in macros.defined(mask.without_comments(source)):
            known = found.get(macro.name)
            code = macro.params is not None or _CALLS.search(macro.body)
            if code and (known is None or len(known.body) < len(macro.body)):
                found[macro.name] = macro
    return found


def read_assembly(path: str, source: bytes) -> Facts:
    """The Facts of a `.S` file: its functions with their calls into C."""
    text = mask.without_comments(source).decode("latin-1")
    return Facts(path, functions=assembly.file(text))


def read_c(path: str, source: bytes, known_macros: macros.Macros) -> Facts:
    """The Facts of a C file or header; `known_macros` are those of its whole unit."""
    cleaned = clean(source, known_macros)
    numbers = {asm.start: number for number, asm in enumerate(cleaned.asms)}
    aliases = frozenset(m.name for m in known_macros.values() if m.params is None)
    low = Lowering(path, cleaned.text, numbers, aliases)
    low.run(parse(cleaned.text))
    made = list(_generated(path, cleaned)) + list(_macro_functions(path, cleaned))
    return Facts(
        path,
        (*low.functions, *made),
        tuple(low.structs),
        tuple(low.tables),
        _asms(cleaned),
        tuple(cleaned.macros),
        (*low.constants, *_object_constants(cleaned.macros)),
        tuple(cleaned.includes),
        (*cleaned.gaps, *low.gaps),
    )


def _asms(cleaned: Cleaned) -> tuple[Asm, ...]:
    return tuple(cleaned.asms)


def _object_constants(defined: list[Macro]) -> Iterator[tuple[str, str]]:
    for macro in defined:
        if macro.params is None and macro.body.strip():
            yield macro.name, macro.body.strip()


def _generated(path: str, cleaned: Cleaned) -> Iterator[Function]:
    """The functions that file-level macro calls make, placed at the call."""
    for text, start, end in cleaned.generated:
        yield from _lowered(path, text, (start, end), "generated")


def _macro_functions(path: str, cleaned: Cleaned) -> Iterator[Function]:
    """Macros with code in them, as functions of the same name."""
    for macro in cleaned.macros:
        body = macro.body.strip()
        if "#" in body or len(body) > _LONGEST_MACRO or not _CALLS.search(body):
            continue
        code = body if _STATEMENT.search(body) else f"return {body}"
        params = ", ".join(f"int {name.removesuffix('...').strip()}" for name in macro.params or ())
        text = f"void {macro.name}({params}) {{ {code}; }}"
        origin = "alias" if macro.params is None else "macro"
        yield from _lowered(path, text, (macro.start, macro.start), origin)


def _lowered(path: str, text: str, place: tuple[int, int], origin: str) -> Iterator[Function]:
    encoded = clean(text.encode("utf-8", "replace"), {}).text
    low = Lowering(path, encoded, {}, frozenset(), place, origin)
    low.run(parse(encoded))
    yield from low.functions
