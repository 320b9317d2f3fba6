"""Kernel C made readable for tree-sitter-c without moving a byte.

What the grammar does not know is blanked or overwritten in place: attribute macros, GNU case
ranges, iterator macros, macro calls at file level, inline assembly (noted first). See
`conditionals` for `#if`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from vmxlint.facts import Gap, Macro
from vmxlint.syntax import conditionals, macros, mask
from vmxlint.syntax.macros import Macros

ASM_CALL = b"__A"

_ASM = re.compile(
    rb"(?<!\w)(?:asm|__asm__|__asm|asm_goto_output|asm_volatile_goto|asm_inline)\b"
    rb"(?:\s+(?:volatile|__volatile__|__volatile|goto|inline|__inline))*\s*\("
)
_CASE_RANGE = re.compile(rb"case\b[^:;{}]*")
_NAME_BYTE = re.compile(rb"\w")
_INCLUDED = re.compile(rb'[ \t]*[<"]([^>"\n]+)[>"]')
_ITERATOR = re.compile(rb"(?:for_each|foreach|FOR_EACH|FOREACH)\w*[ \t]*\(")
_OPENED_LINE = re.compile(rb"\{[ \t]*$", re.MULTILINE)
_CALL_ON_LINE = re.compile(
    rb"[ \t]+(?!(?:if|for|while|switch|else|do|return|sizeof|case)\b)(\w{5,})[ \t]*(?=\()"
)
_FILE_CALL = re.compile(rb"\n([A-Za-z_]\w*)[ \t]*\(")
_TYPE_ARGUMENT = re.compile(rb"(,\s*)(struct|union|enum)(?=\s+\w+\s*\**\s*[,)])")
_KEYWORDS = frozenset(b"if while for switch return sizeof do else case defined".split())
_PLAIN = frozenset(b"noinline_for_stack noinline noinstr notrace asmlinkage fastcall".split())
_UNDERSCORED = re.compile(rb"__[a-z]\w*")
_ATTRIBUTES = frozenset(
    b"__visible __init __exit __initdata __user __iomem __percpu __rcu __force __always_inline"
    b" __must_check __maybe_unused __read_mostly __ro_after_init __packed __weak __cold __used"
    b" __noreturn __pure __noclone __flatten __no_kcsan __no_sanitize_address".split()
)
_WITH_ARGUMENTS = frozenset(
    b"__aligned __section __printf __acquires __releases __must_hold __cacheline_aligned"
    b" __alloc_size __counted_by __attribute__ __attribute __declspec".split()
)
_NO_ATTRIBUTE = re.compile(
    rb"__(?:[us](?:8|16|32|64|128)|[lb]e(?:16|32|64)|kernel_\w+|int128|typeof\w*)\Z|.*[^a-z_]|.*_\Z"
)
_BEHIND_A_TYPE = re.compile(rb"[\w*\])}]\s+\Z")
_BEFORE_A_NAME = re.compile(rb"\s*[*A-Za-z_]")
_BEHIND_A_BRACKET = re.compile(rb"[\])}]\s+\Z")
_BEFORE_AN_END = re.compile(rb"\s*[;={]")
_BEFORE_A_VALUE = re.compile(rb"\b(?:return|case|else|goto)\s*\Z")


def attributes(known: Macros) -> frozenset[str]:
    """The macros that stand for nothing but attributes, also by way of each other."""
    bodies = {one.name: one.body.encode() for one in known.values() if one.body.strip()}
    found: set[str] = set()
    while True:
        names = b"|".join(sorted({*_PLAIN, *_ATTRIBUTES, *(name.encode() for name in found)}))
        only = re.compile(rb"(?:\s|inline\b|(?:%s)\b|__attribute__\s*\(\(.*?\)\))+" % names)
        more = {name for name, body in bodies.items() if only.fullmatch(body)} - found
        if not more:
            return frozenset(found)
        found |= more


@dataclass
class Cleaned:
    """What is left to parse, and what was taken out of it."""

    text: bytes
    asms: list[tuple[str, int, int]] = field(default_factory=list)
    macros: list[Macro] = field(default_factory=list)
    generated: list[tuple[str, int, int]] = field(default_factory=list)
    includes: list[tuple[str, int]] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


def clean(bare: bytes, unit_macros: Macros, attributes: Collection[bytes] = ()) -> Cleaned:
    """Text without comments in the form that the grammar reads, by the macros of its whole unit.

    `asms` holds the text and span of each asm statement, `generated` the expansion and span of each
    file-level macro call that makes functions. `attributes` are the unit's own words for one.
    """
    done = Cleaned(b"")
    masked = mask.code_only(bare)
    lines = list(conditionals.directives(bare))
    done.macros = list(macros.defined(lines))
    done.includes = list(_includes(lines))
    text, masked, done.gaps = conditionals.resolve(bare, masked, lines)
    buffer, code = bytearray(text), bytearray(masked)
    _take_asm(buffer, code, unit_macros, done)
    _blank_attributes(buffer, code, attributes)
    _spell_case_ranges(buffer, code)
    _take_file_calls(buffer, code, unit_macros, done)
    _spell_iterators(buffer, code)
    done.text = _TYPE_ARGUMENT.sub(lambda m: m[1] + b" " * len(m[2]), bytes(buffer))
    return done


def _includes(lines: Iterable[re.Match[bytes]]) -> Iterator[tuple[str, int]]:
    for line in lines:
        if line["word"] == b"include" and (found := _INCLUDED.match(line["rest"])):
            yield found[1].decode("utf-8", "replace"), line.start("rest") + found.start(1)


def _overwrite(buffer: bytearray, code: bytearray, start: int, end: int, word: bytes = b"") -> None:
    """Blank `start` to `end` in both, then write `word` there."""
    blank = mask.spaces(bytes(buffer[start:end]))
    for one in (buffer, code):
        one[start:end] = word + blank[len(word) :]


def _take_asm(buffer: bytearray, code: bytearray, unit_macros: Macros, done: Cleaned) -> None:
    """Note each asm statement, also one that a macro spells, and put a call in its place."""
    snapshot = bytes(code)
    found = list(_ASM.finditer(snapshot)) if b"asm" in snapshot else []
    spelling = sorted(m.name.encode() for m in unit_macros.values() if m.spells_asm)
    if words := b"|".join(name for name in spelling if name in snapshot):
        found += re.finditer(rb"\b(" + words + rb")\s*\(", snapshot)
    for match in sorted(found, key=lambda one: one.start()):
        start = match.start()
        end = mask.closing(bytes(code), match.end() - 1)
        if end < 0 or code[start : start + 1].isspace() or end - start < len(ASM_CALL) + 2:
            continue
        text = buffer[start:end].decode("utf-8", "replace")
        if match.re is not _ASM:
            text = macros.expanded(text, unit_macros)
            inner = _ASM.search(text.encode())
            text = text[inner.start() :] if inner else text
            text = text[: macros.call_arguments(text, text.find("("))[0]]
        done.asms.append((text, start, end))
        _overwrite(buffer, code, start, end, ASM_CALL + b"()")


def _blank_attributes(buffer: bytearray, code: bytearray, own: Collection[bytes]) -> None:
    """Blank the words that stand between a type and a name, or behind a declaration."""
    snapshot = bytes(code)
    for word in sorted({*_PLAIN, *own}):
        for start in _occurrences(word, snapshot):
            _overwrite(buffer, code, start, _with_arguments(snapshot, start + len(word)))
    for match in _UNDERSCORED.finditer(snapshot):
        word, (start, end) = match[0], match.span()
        if _NAME_BYTE.match(snapshot, start - 1):
            continue
        if word in _WITH_ARGUMENTS:
            end = _with_arguments(snapshot, end)
        elif word not in _ATTRIBUTES and not _is_attribute(snapshot, start, end):
            continue
        _overwrite(buffer, code, start, end)


def _occurrences(word: bytes, code: bytes) -> Iterator[int]:
    """Where `word` stands as a whole word."""
    start = code.find(word)
    while start >= 0:
        end = start + len(word)
        if not (start and _NAME_BYTE.match(code, start - 1)) and not _NAME_BYTE.match(code, end):
            yield start
        start = code.find(word, end)


def _with_arguments(code: bytes, end: int) -> int:
    """The end of a word's arguments, if there are some behind it."""
    opening = code.find(b"(", end)
    if opening < 0 or code[end:opening].strip():
        return end
    return max(end, mask.closing(code, opening))


def _is_attribute(code: bytes, start: int, end: int) -> bool:
    """Whether an unknown word with two underscores stands where only an attribute can."""
    before = code[max(0, start - 12) : start]
    if _NO_ATTRIBUTE.match(code[start:end]) or _BEFORE_A_VALUE.search(before):
        return False
    if _BEHIND_A_BRACKET.search(before) and _BEFORE_AN_END.match(code, end):
        return True
    return bool(_BEHIND_A_TYPE.search(before) and _BEFORE_A_NAME.match(code, end))


def _spell_case_ranges(buffer: bytearray, code: bytearray) -> None:
    """`case A ... B:` becomes `case A  ^  B:`, which nobody writes; lowering knows it."""
    dots = code.find(b"...")
    while dots >= 0:
        start = code.rfind(b"case", 0, dots)
        if start >= 0 and _CASE_RANGE.fullmatch(code, start, dots):
            _overwrite(buffer, code, dots, dots + 3, b" ^ ")
        dots = code.find(b"...", dots + 3)


def _take_file_calls(
    buffer: bytearray, code: bytearray, unit_macros: Macros, done: Cleaned
) -> None:
    """Blank macro calls at file level; keep the expansion of one that makes functions."""
    snapshot = bytes(code)
    for match in _FILE_CALL.finditer(snapshot):
        start, end = match.start(1), mask.closing(snapshot, match.end() - 1)
        following = snapshot[end : end + 40].lstrip()[:1]
        if end < 0 or following == b"{" or match[1] in _KEYWORDS:
            continue
        if conditionals.last_byte(snapshot, start) not in (b"", b";", b"}", b")"):
            continue
        name = match[1].decode()
        macro = unit_macros.get(name)
        if macro is not None and macro.params is not None and "{" in macro.body:
            call = buffer[start:end].decode("utf-8", "replace")
            made = macros.expanded(call, unit_macros)
            done.generated.append((made, start, end))
        elif macro is None and following not in (b";", b"") and not name.isupper():
            continue
        semicolon = snapshot.find(b";", end, end + 40) if following == b";" else end - 1
        _overwrite(buffer, code, start, semicolon + 1)


def _spell_iterators(buffer: bytearray, code: bytearray) -> None:
    """`for_each_x(...) statement` becomes `while (...) statement`, also under other names."""
    snapshot = bytes(code)
    for match in _ITERATOR.finditer(snapshot):
        end = mask.closing(snapshot, match.end() - 1)
        following = snapshot[end : end + 200].lstrip()[:1]
        start = match.start()
        while snapshot[start - 1 : start].isalnum() or snapshot[start - 1 : start] == b"_":
            start -= 1
        if end > 0 and following not in (b";", b",", b")", b""):
            _overwrite(buffer, code, start, match.end() - 1, b"while")
    for opened in _OPENED_LINE.finditer(snapshot):
        line = snapshot.rfind(b"\n", 0, opened.start()) + 1
        if call := _CALL_ON_LINE.match(snapshot, line, opened.start()):
            end = mask.closing(snapshot, call.end())
            if end > 0 and snapshot[end : end + 8].lstrip()[:1] == b"{":
                _overwrite(buffer, code, *call.span(1), b"while")
