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
_ASM_WORD = re.compile(r"\b(?:asm|__asm__|__asm|asm_goto_output|asm_volatile_goto|asm_inline)\b")
_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*[<"]([^>"\n]+)[>"]', re.MULTILINE)
_CASE_RANGE = re.compile(rb"(\bcase\b[^:;{}]*?)\.\.\.")
_CALL_THEN = re.compile(rb"\b(\w+)[ \t]*(?=\()")
_FILE_CALL = re.compile(rb"^([A-Za-z_]\w*)[ \t]*\(", re.MULTILINE)
_TYPE_ARGUMENT = re.compile(rb"(,\s*)(struct|union|enum)(?=\s+\w+\s*\**\s*[,)])")
_KEYWORDS = frozenset(b"if while for switch return sizeof do else case defined".split())
_PLAIN_ATTRIBUTES = (
    rb"noinline_for_stack|noinline|noinstr|notrace|asmlinkage|inline_for_stack|fastcall|"
    rb"__visible|__init|__exit|__initdata|__user|__iomem|__percpu|__rcu|__force|__always_inline|"
    rb"__must_check|__maybe_unused|__read_mostly|__ro_after_init|__packed|__weak|__cold|__used|"
    rb"__noreturn|__pure|__noclone|__flatten|__no_kcsan|__no_sanitize_address"
)
_PLAIN = re.compile(rb"\b(?:" + _PLAIN_ATTRIBUTES + rb")\b")
_WITH_ARGUMENTS = re.compile(
    rb"\b(?:__aligned|__section|__printf|__acquires|__releases|__must_hold|__cacheline_aligned|"
    rb"__alloc_size|__counted_by|__attribute__|__attribute|__declspec)\s*\("
)
_NO_ATTRIBUTE = rb"(?!__(?:[us](?:8|16|32|64|128)|[lb]e(?:16|32|64)|kernel_\w+|int128|typeof\w*)\b)"
_SHAPED = re.compile(
    rb"(?<=[\w*\])}])(\s+)" + _NO_ATTRIBUTE + rb"(__[a-z][a-z_]*[a-z])\b(?=\s*(?:[*;={]|[A-Za-z_]))"
)
_BEFORE_VALUE = re.compile(rb"(?:\breturn|\bcase|\belse|\bgoto)\s*\Z")


@dataclass
class Cleaned:
    """What is left to parse, and what was taken out of it."""

    text: bytes
    asms: list[tuple[str, int, int]] = field(default_factory=list)
    macros: list[Macro] = field(default_factory=list)
    generated: list[tuple[str, int, int]] = field(default_factory=list)
    includes: list[tuple[str, int]] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)


def clean(source: bytes, unit_macros: Macros) -> Cleaned:
    """`source` in the form that the grammar reads; `unit_macros` are those of the whole unit.

    `asms` holds the text and span of each asm statement, `generated` the expansion and span of each
    file-level macro call that makes functions.
    """
    bare = mask.without_comments(source)
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
    spelling = {
        m.name.encode() for m in unit_macros.values() if m.params and _ASM_WORD.search(m.body)
    }
    words = b"|".join(re.escape(name) for name in sorted(spelling))
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
    for match in _PLAIN.finditer(bytes(code)):
        _overwrite(buffer, code, *match.span())
    for match in _WITH_ARGUMENTS.finditer(bytes(code)):
        if (end := mask.closing(bytes(code), match.end() - 1)) > 0:
            _overwrite(buffer, code, match.start(), end)
    for match in _SHAPED.finditer(bytes(code)):
        if not _BEFORE_VALUE.search(code, max(0, match.start() - 12), match.start()):
            _overwrite(buffer, code, *match.span(2))


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
    """`for_each_x(...) statement` becomes `while (...) statement`."""
    snapshot = bytes(code)
    for match in _CALL_THEN.finditer(snapshot):
        name = match[1]
        if (
            len(name) < 5
            or name in _KEYWORDS
            or snapshot[match.start() - 1 : match.start()] == b"\n"
        ):
            continue
        iterator = b"for_each" in name or b"foreach" in name.lower()
        end = (
            mask.closing(snapshot, match.end()) if iterator or _opens_block(snapshot, match) else -1
        )
        if end < 0:
            continue
        following = snapshot[end : end + 200].lstrip()[:1]
        if following == b"{" or (iterator and following not in (b";", b",", b")", b"")):
            _overwrite(buffer, code, match.start(1), match.end(1), b"while")


def _opens_block(code: bytes, call: re.Match[bytes]) -> bool:
    """Whether a call, indented and alone on its line, is followed by a brace."""
    line = code.rfind(b"\n", 0, call.start()) + 1
    if code[line : call.start()].strip() or line == call.start():
        return False
    newline = code.find(b"\n", call.end())
    return code[call.end() : newline].rstrip().endswith(b"{")
