"""Kernel C made readable for tree-sitter-c without moving a byte.

What the grammar does not know is blanked or overwritten in place: attribute macros, GNU case
ranges, iterator macros, macro calls at file level, inline assembly (noted first). See
`conditionals` for `#if`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from vmxlint.facts import Gap, Macro
from vmxlint.syntax import conditionals, macros, mask
from vmxlint.syntax.macros import Macros

ASM_CALL = b"__A"

_ASM = re.compile(
    rb"\b(?:asm|__asm__|__asm|asm_goto_output|asm_volatile_goto|asm_inline)\b"
    rb"(?:\s+(?:volatile|__volatile__|__volatile|goto|inline|__inline))*\s*\("
)
_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)[>"]', re.MULTILINE)
_CASE_RANGE = re.compile(rb"\bcase\b[^:;{}]*?\.\.\.")
_ITERATOR = re.compile(rb"(?:for_each|foreach|FOR_EACH|FOREACH)\w*[ \t]*\(")
_CALL_WITH_BLOCK = re.compile(
    rb"^[ \t]+(?!(?:if|for|while|switch|else|do|return|sizeof|case)\b)(\w{5,})[ \t]*"
    rb"(?=\([^\n]*\{[ \t]*$)",
    re.MULTILINE,
)
_FILE_CALL = re.compile(rb"^([A-Za-z_]\w*)[ \t]*\(", re.MULTILINE)
_TYPE_ARGUMENT = re.compile(rb"(,\s*)(struct|union|enum)(?=\s+\w+\s*\**\s*[,)])")
_KEYWORDS = frozenset(b"if while for switch return sizeof do else case defined".split())
_PLAIN = re.compile(rb"\b(?:noinline_for_stack|noinline|noinstr|notrace|asmlinkage|fastcall)\b")
_UNDERSCORED = re.compile(rb"\b__[a-z]\w*")
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


@dataclass
class Cleaned:
    """What is left to parse, and what was taken out of it."""

    text: bytes
    asms: list[tuple[str, int, int]] = field(default_factory=list)
    macros: list[Macro] = field(default_factory=list)
    generated: list[tuple[str, int, int]] = field(default_factory=list)
    includes: list[tuple[str, int]] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


def clean(bare: bytes, unit_macros: Macros) -> Cleaned:
    """Text without comments in the form that the grammar reads, by the macros of its whole unit.

    `asms` holds the text and span of each asm statement, `generated` the expansion and span of each
    file-level macro call that makes functions.
    """
    done = Cleaned(b"")
    done.macros = list(macros.defined(bare))
    done.includes = [
        (found[1].decode("utf-8", "replace"), found.start(1)) for found in _INCLUDE.finditer(bare)
    ]
    text, done.gaps = conditionals.resolve(bare, mask.code_only(bare))
    buffer = bytearray(text)
    code = bytearray(mask.code_only(text))
    _take_asm(buffer, code, unit_macros, done)
    _blank_attributes(buffer, code)
    _spell_case_ranges(buffer, code)
    _take_file_calls(buffer, code, unit_macros, done)
    _spell_iterators(buffer, code)
    done.text = _TYPE_ARGUMENT.sub(lambda m: m[1] + b" " * len(m[2]), bytes(buffer))
    return done


def _overwrite(buffer: bytearray, code: bytearray, start: int, end: int, word: bytes = b"") -> None:
    """Blank `start` to `end` in both, then write `word` there."""
    blank = mask.spaces(bytes(buffer[start:end]))
    for one in (buffer, code):
        one[start:end] = word + blank[len(word) :]


def _take_asm(buffer: bytearray, code: bytearray, unit_macros: Macros, done: Cleaned) -> None:
    """Note each asm statement, also one that a macro spells, and put a call in its place."""
    spelling = sorted(m.name.encode() for m in unit_macros.values() if m.spells_asm)
    words = b"|".join(name for name in spelling if name in code)
    found = list(_ASM.finditer(code))
    if words:
        found += re.finditer(rb"\b(" + words + rb")\s*\(", bytes(code))
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


def _blank_attributes(buffer: bytearray, code: bytearray) -> None:
    """Blank the words that stand between a type and a name, or behind a declaration."""
    snapshot = bytes(code)
    for match in _PLAIN.finditer(snapshot):
        _overwrite(buffer, code, *match.span())
    for match in _UNDERSCORED.finditer(snapshot):
        word, (start, end) = match[0], match.span()
        if word in _WITH_ARGUMENTS:
            opening = snapshot.find(b"(", end)
            if not snapshot[end:opening].strip():
                end = mask.closing(snapshot, opening)
        elif word not in _ATTRIBUTES and not _is_attribute(snapshot, start, end):
            continue
        if end > 0:
            _overwrite(buffer, code, start, end)


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
    for match in _CASE_RANGE.finditer(bytes(code)):
        _overwrite(buffer, code, match.end() - 3, match.end(), b" ^ ")


def _take_file_calls(
    buffer: bytearray, code: bytearray, unit_macros: Macros, done: Cleaned
) -> None:
    """Blank macro calls at file level; keep the expansion of one that makes functions."""
    snapshot = bytes(code)
    for match in _FILE_CALL.finditer(snapshot):
        end = mask.closing(snapshot, match.end() - 1)
        following = snapshot[end : end + 40].lstrip()[:1]
        if end < 0 or following == b"{" or match[1] in _KEYWORDS:
            continue
        if conditionals.last_byte(snapshot, match.start()) not in (b"", b";", b"}", b")"):
            continue
        name = match[1].decode()
        macro = unit_macros.get(name)
        if macro is not None and macro.params is not None and "{" in macro.body:
            call = buffer[match.start() : end].decode("utf-8", "replace")
            made = macros.expanded(call, unit_macros)
            done.generated.append((made, match.start(), end))
        elif macro is None and following not in (b";", b"") and not name.isupper():
            continue
        semicolon = snapshot.find(b";", end, end + 40) if following == b";" else end - 1
        _overwrite(buffer, code, match.start(), semicolon + 1)


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
    for match in _CALL_WITH_BLOCK.finditer(snapshot):
        end = mask.closing(snapshot, match.end())
        if end > 0 and snapshot[end : end + 8].lstrip()[:1] == b"{":
            _overwrite(buffer, code, *match.span(1), b"while")
