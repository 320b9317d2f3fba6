"""Kernel C made readable for tree-sitter-c without moving a byte.

What the grammar does not know is blanked or overwritten in place: attribute macros, GNU case
ranges, iterator macros, macro calls at file level, inline assembly (noted first). See
`conditionals` for `#if`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from vmxlint.facts import ASM_WORD, Gap, Macro
from vmxlint.syntax import (
    attributes,
    bitfields,
    calling,
    conditionals,
    heads,
    included,
    literals,
    macros,
    mask,
    types,
)
from vmxlint.syntax.brackets import last_byte
from vmxlint.syntax.forms import Forms
from vmxlint.syntax.included import Find
from vmxlint.syntax.macros import Macros

ASM_CALL = ASM_WORD.encode()
HEAD = b"int f()"

_ASM = re.compile(
    rb"asm(?:(?<!\wasm)|(?<=__asm)(?<!\w__asm))(?:__|_goto_output|_volatile_goto|_inline)?\b"
    rb"(?:\s+(?:volatile|__volatile__|__volatile|goto|inline|__inline))*\s*\("
)
_NEAR = 80
_CASE_RANGE = re.compile(rb"case\b[^:;{}]*")
_INCLUDED = re.compile(rb'[ \t]*[<"]([^>"\n]+)[>"]')
_FILE_CALL = re.compile(rb"\n(?:static[ \t]+(?=[A-Z\d_]+[ \t]*\())?([A-Za-z_]\w*)[ \t]*\(")
_KEYWORDS = frozenset(b"if while for switch return sizeof do else case defined".split())


@dataclass
class Cleaned:
    """What is left to parse, the same with its strings masked, and what was taken out of it."""

    text: bytes
    code: bytes = b""
    asms: list[tuple[str, int, int]] = field(default_factory=list)
    macros: list[Macro] = field(default_factory=list)
    generated: list[tuple[str, int, int]] = field(default_factory=list)
    heads: list[tuple[str, int, int]] = field(default_factory=list)
    includes: list[tuple[str, int]] = field(default_factory=list)
    included: list[Macro] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


class Known(NamedTuple):
    """A unit's own macros, and which of them are attributes, shape the code around them, or call
    their first argument."""

    macros: Macros
    attributes: Collection[bytes] = ()
    forms: Forms = MappingProxyType({})
    calling: Collection[bytes] = ()


def clean(bare: bytes, known: Known, find: Find = lambda name: None) -> Cleaned:
    """Text without comments in the form that the grammar reads, by the macros of its whole unit.

    `asms` holds the text and span of each asm statement, `generated` the expansion and span of each
    file-level macro call that makes functions, `heads` the same of each that is the head of one.
    `find` gives the text of a file that is included under a name, if the unit has it.
    """
    done = Cleaned(b"")
    masked = mask.code_only(bare)
    lines = list(conditionals.directives(bare))
    living = list(conditionals.living(lines))
    done.macros = list(macros.defined(living))
    done.includes = list(_includes(living))
    text, masked, done.gaps = conditionals.resolve(bare, masked, lines)
    buffer, code = bytearray(text), bytearray(masked)
    for found in included.take(buffer, code, lines, find, known.macros):
        if isinstance(found, Gap):
            done.gaps.append(found)
        else:
            done.included.append(found)
    _blank_gas_macros(buffer, code)
    _take_asm(buffer, code, known.macros, done)
    calling.spell(buffer, code, known.calling)
    attributes.blank(buffer, code, known.attributes)
    _spell_case_ranges(buffer, code)
    _take_file_calls(buffer, code, known, done)
    heads.spell(buffer, code, known.forms)
    types.spell(buffer, code)
    literals.spell(buffer, code)
    bitfields.blank(buffer, code)
    done.text, done.code = bytes(buffer), bytes(code)
    return done


def _includes(lines: Iterable[re.Match[bytes]]) -> Iterator[tuple[str, int]]:
    for line in lines:
        if line["word"] == b"include" and (found := _INCLUDED.match(line["rest"])):
            yield found[1].decode("utf-8", "replace"), line.start("rest") + found.start(1)


def _blank_gas_macros(buffer: bytearray, code: bytearray) -> None:
    """Blank the macros of assembly that stand beside C."""
    snapshot, behind = bytes(code), 0
    for start in mask.occurrences(b".macro", snapshot):
        before = snapshot[max(0, start - _NEAR) : start].rstrip(b" \t")
        if start < behind or before[-1:] not in (b"", b"\n"):
            continue
        end = snapshot.find(b".endm", start)
        if end < 0:
            return
        behind = end + len(b".endm")
        mask.overwrite(buffer, code, start, behind)


def _take_asm(buffer: bytearray, code: bytearray, unit_macros: Macros, done: Cleaned) -> None:
    """Note each asm statement, also one that a macro spells, and put a call in its place."""
    snapshot = bytes(code)
    for start, opening, spelled in sorted(_asm_calls(snapshot, unit_macros)):
        if code[start : start + 1].isspace():  # inside another
            continue
        end = mask.closing(snapshot, opening)
        if end < 0 or end - start < len(ASM_CALL) + 2:
            continue
        text = buffer[start:end].decode("utf-8", "replace")
        if spelled:
            text = macros.expanded(text, unit_macros)
            inner = _ASM.search(text.encode())
            text = text[inner.start() :] if inner else text
            text = text[: macros.call_arguments(text, text.find("("))[0]]
        done.asms.append((text, start, end))
        mask.overwrite(buffer, code, start, end, ASM_CALL + b"()")


def _asm_calls(code: bytes, unit_macros: Macros) -> Iterator[tuple[int, int, bool]]:
    """Where assembly and its parenthesis start, and whether a macro spells it."""
    for match in _ASM.finditer(code):
        underscored = code.startswith(b"__", match.start() - 2)
        yield match.start() - 2 * underscored, match.end() - 1, False
    for name in [one.name.encode() for one in unit_macros.values() if one.spells_asm]:
        for start in mask.occurrences(name, code):
            if opened := mask.OPENED.match(code, start + len(name)):
                yield start, opened.end() - 1, True


def _spell_case_ranges(buffer: bytearray, code: bytearray) -> None:
    """`case A ... B:` becomes `case A  ^  B:`, which nobody writes; lowering knows it."""
    dots = code.find(b"...")
    while dots >= 0:
        start = code.rfind(b"case", 0, dots)
        if start >= 0 and _CASE_RANGE.fullmatch(code, start, dots):
            mask.overwrite(buffer, code, dots, dots + 3, b" ^ ")
        dots = code.find(b"...", dots + 3)


def _take_file_calls(buffer: bytearray, code: bytearray, known: Known, done: Cleaned) -> None:
    """Blank macro calls at file level; keep the expansion of one that makes functions."""
    snapshot = bytes(code)
    braces = _Braces(snapshot)
    for match in _FILE_CALL.finditer(snapshot):
        start, end = match.start() + 1, mask.closing(snapshot, match.end() - 1)
        following = snapshot[end : end + 40].lstrip()[:1]
        if braces.are_open(start) or end < 0 or match[1] in _KEYWORDS:
            continue
        if last_byte(snapshot, start) not in (b"", b";", b"}", b")"):
            continue
        name = match[1].decode()
        macro = known.macros.get(name)
        if following == b"{":
            _take_head(buffer, code, (match.start(1), end), known, done)
            continue
        if macro is not None and macro.params is not None and "{" in macro.body:
            done.generated.append((_expanded(buffer, start, end, known), start, end))
        elif macro is None and following not in (b";", b"") and not name.isupper():
            continue
        semicolon = snapshot.find(b";", end, end + 40) if following == b";" else end - 1
        mask.overwrite(buffer, code, start, semicolon + 1)


class _Braces:
    """Which places of a text stand in braces, asked for in order."""

    def __init__(self, code: bytes) -> None:
        self._code = code
        self._match = code.count(b"{") == code.count(b"}")
        self._at = 0
        self._depth = 0

    def are_open(self, position: int) -> bool:
        """Whether a brace is open at `position`; where not every brace is closed, counted from the
        last one closed in column 0."""
        closed = -1 if self._match else self._code.rfind(b"\n}", self._at, position)
        if closed >= 0:
            self._at, self._depth = closed + 2, 0
        self._depth += self._code.count(b"{", self._at, position)
        self._depth -= self._code.count(b"}", self._at, position)
        self._at = position
        return self._depth > 0


def _expanded(buffer: bytearray, start: int, end: int, known: Known) -> str:
    return macros.expanded(buffer[start:end].decode("utf-8", "replace"), known.macros)


def _take_head(
    buffer: bytearray, code: bytearray, span: tuple[int, int], known: Known, done: Cleaned
) -> None:
    """Note a macro call that is the head of a function, and put a plain head in its place; one from
    outside of the unit lends its own name."""
    name = bytes(code[span[0] : span[1]].partition(b"(")[0].rstrip())
    form = known.forms.get(name)
    is_foreign = name.isupper() and name.decode() not in known.macros
    is_head = is_foreign or (form is not None and form.kind == "function")
    if is_head and span[1] - span[0] >= len(HEAD):
        head = f"void {name.decode()}()" if is_foreign else _expanded(buffer, *span, known)
        done.heads.append((head, *span))
        mask.overwrite(buffer, code, *span, HEAD)
