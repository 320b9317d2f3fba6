"""Attributes: words that say nothing about what code does, told by the tree's own macros and by
where they stand."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from vmxlint.syntax import mask
from vmxlint.syntax.macros import Macros

_NAME_BYTE = re.compile(rb"\w")
_GNUS_WORD = b"__attribute__"
_NO_WORDS = re.compile(rb"[^\w\s]")
_PLAIN = frozenset(
    b"always_inline noinline_for_stack noinline noinstr notrace asmlinkage fastcall"
    b" FORCEINLINE DECLSPEC_NORETURN".split()
)
_UNDERSCORED = re.compile(rb"__[a-z]\w*")
_ATTRIBUTES = frozenset(
    b"__visible __init __exit __initdata __user __iomem __percpu __rcu __force __always_inline"
    b" __must_check __maybe_unused __read_mostly __ro_after_init __packed __weak __cold __used"
    b" __noreturn __pure __noclone __flatten __no_kcsan __no_sanitize_address".split()
)
_DIRECTION = re.compile(rb"_(?:In|Out|Inout)(?:_[a-z]+)*_\b")  # Microsoft's, of a parameter
_WITH_ARGUMENTS = frozenset(
    b"__aligned __section __printf __acquires __releases __must_hold __cacheline_aligned"
    b" __nonnull __alloc_size __counted_by __compiletime_error __compiletime_warning"
    b" __attribute__ __attribute __declspec".split()
)
_NO_ATTRIBUTE = re.compile(
    rb"__(?:[us](?:8|16|32|64|128)|[lb]e(?:16|32|64)|kernel_\w+|int128|typeof\w*)\Z|.*[^a-z_]|.*_\Z"
)
_BEHIND_A_TYPE = re.compile(rb"[\w*\])}]\s+\Z")
_BEFORE_A_NAME = re.compile(rb"\s*[*A-Za-z_]")
_BEHIND_A_BRACKET = re.compile(rb"[\])}]\s+\Z")
_BEFORE_AN_END = re.compile(rb"\s*[;={]")
_BEFORE_A_VALUE = re.compile(rb"\b(?:return|case|else|goto)\s*\Z")
_BEHIND_AN_ARRAY = re.compile(rb"\]\s+([A-Za-z_]\w*)\s*=\s*\{")
_BEHIND_A_VARIABLE = re.compile(rb"[\w\]]\s+\Z")
_BEFORE_ITS_VALUE = re.compile(rb"\s*=[^=]")
_BEFORE_THE_NEXT = re.compile(rb"\s*[,)]")
_IN_A_LIST = re.compile(rb"[(,]([\w\s*]+)\s\Z")
_FEW = 500  # words, each of which is looked for; of more, those that the text has
_LONGEST_PARAMETER = 1000  # bytes, with the blanks in the place of comments
_HEAD = re.compile(rb"\n((?:[A-Za-z_]\w*+[\s*]++){2,12})[A-Za-z_]\w*+\(")
_WORD = re.compile(rb"[A-Za-z_]\w*")
_STORAGE = frozenset(b"static extern inline const volatile register".split())
_TAGS = frozenset(b"struct union enum".split())
_BASIC = frozenset(b"void bool char short int long float double signed unsigned".split())
_TYPE_BY_NAME = re.compile(rb"[us](?:8|16|32|64)|\w+_t")
_IN_A_REGISTER = re.compile(rb"register\b[^;(){}=]*\w\s+(\w+\(\)\s*)[;=]")
_NO_HEAD = frozenset(b"return else if while for switch case goto do sizeof typedef".split())


def of(known: Macros) -> frozenset[str]:
    """The macros that stand for nothing but attributes, also by way of each other."""
    left: dict[str, set[bytes]] = {}
    users: dict[bytes, list[str]] = {}
    for one in known.values():
        body = _without_gnus(one.body.encode())
        if one.body.strip() and not _NO_WORDS.search(body):
            left[one.name] = set(body.split()) - _PLAIN - _ATTRIBUTES - {b"inline"}
            for word in left[one.name]:
                users.setdefault(word, []).append(one.name)
    todo = [name for name, words in left.items() if not words]
    while todo:
        word = todo.pop().encode()
        for name in users.get(word, ()):
            left[name].discard(word)
            if not left[name]:
                todo.append(name)
    return frozenset(name for name, words in left.items() if not words)


def _without_gnus(body: bytes) -> bytes:
    """A macro's body without what stands in GNU's `__attribute__((...))`, and that word."""
    pieces, behind = [], 0
    for start in mask.occurrences(_GNUS_WORD, body):
        if start >= behind:
            pieces.append(body[behind:start])
            behind = _with_arguments(body, start + len(_GNUS_WORD))
    return b" ".join([*pieces, body[behind:]])


def blank(buffer: bytearray, code: bytearray, own: Collection[bytes]) -> None:
    """Blank the words that stand between a type and a name, or behind a declaration.

    `own` are the tree's own words for an attribute.
    """
    snapshot = bytes(code)
    if len(own) > _FEW:
        own = set(_WORD.findall(snapshot)).intersection(own)
    for word in sorted({*_PLAIN, *own}):
        end = 0
        for start in mask.occurrences(word, snapshot):
            if start >= end:
                end = _with_arguments(snapshot, start + len(word))
                mask.overwrite(buffer, code, start, end)
    _blank_underscored(buffer, code, snapshot)
    for start, end in _directions(snapshot):
        mask.overwrite(buffer, code, start, end)
    for match in _BEHIND_AN_ARRAY.finditer(snapshot):
        mask.overwrite(buffer, code, *match.span(1))
    for start in mask.occurrences(b"register", snapshot):
        if named := _IN_A_REGISTER.match(snapshot, start):  # behind the variable stood asm("r1")
            mask.overwrite(buffer, code, *named.span(1))
    for head in _HEAD.finditer(bytes(code)):
        for start, end in _beside_a_type(head):
            mask.overwrite(buffer, code, start, end)


def _blank_underscored(buffer: bytearray, code: bytearray, snapshot: bytes) -> None:
    behind = 0
    for match in _UNDERSCORED.finditer(snapshot):
        start = match.start()
        if start >= behind and not _NAME_BYTE.match(snapshot, start - 1):
            if end := _end(snapshot, match[0], start, match.end()):
                mask.overwrite(buffer, code, start, end)
                behind = end


def _directions(code: bytes) -> Iterator[tuple[int, int]]:
    """Microsoft's words for which way a parameter goes, each with its arguments."""
    for beginning in (b"_In", b"_Out"):
        start = code.find(beginning)
        while start >= 0:
            word, end = _DIRECTION.match(code, start), start + 1
            if word and not _NAME_BYTE.match(code, start - 1):
                end = word.end()
                end = _with_arguments(code, end) if code.startswith(b"(", end) else end
                yield start, end
            start = code.find(beginning, end)


def _beside_a_type(head: re.Match[bytes]) -> Iterator[tuple[int, int]]:
    """The words in the head of a function at file level that are no part of its type: all beside a
    basic one or a struct, else beside what is called like a type, or the first."""
    words = list(_WORD.finditer(head[1]))
    if any(one[0] in _NO_HEAD for one in words):
        return
    tagged = [number + 1 for number, one in enumerate(words) if one[0] in _TAGS]
    known = _STORAGE | _TAGS | _BASIC
    others = [one for n, one in enumerate(words) if one[0] not in known and n not in tagged]
    if others and not tagged and not any(one[0] in _BASIC for one in words):
        others.remove(next((one for one in others if _TYPE_BY_NAME.fullmatch(one[0])), others[0]))
    for one in others:
        yield head.start(1) + one.start(), head.start(1) + one.end()


def _end(code: bytes, word: bytes, start: int, end: int) -> int:
    """Where the attribute `word` ends, its arguments included; 0 if it is none."""
    if word in _WITH_ARGUMENTS:
        return _with_arguments(code, end)
    if word in _ATTRIBUTES or _is_attribute(code, start, end):
        return end
    return _takes_arguments(code, start, end) if code[end : end + 1] == b"(" else 0


def _with_arguments(code: bytes, end: int) -> int:
    """The end of a word's arguments, if there are some behind it."""
    opened = mask.OPENED.match(code, end)
    return max(end, mask.closing(code, opened.end() - 1)) if opened else end


def _is_attribute(code: bytes, start: int, end: int) -> bool:
    """Whether an unknown word with two underscores stands where only an attribute can."""
    before = code[max(0, start - 12) : start]
    if _NO_ATTRIBUTE.match(code[start:end]) or _BEFORE_A_VALUE.search(before):
        return False
    if _BEHIND_A_BRACKET.search(before) and _BEFORE_AN_END.match(code, end):
        return True
    if _BEFORE_THE_NEXT.match(code, end):
        return _is_behind_a_parameter(code[max(0, start - _LONGEST_PARAMETER) : start])
    return bool(_BEHIND_A_TYPE.search(before) and _BEFORE_A_NAME.match(code, end))


def _is_behind_a_parameter(before: bytes) -> bool:
    """Whether a parameter with its type and its name stands last in a list."""
    listed = _IN_A_LIST.search(before)
    kind, star, name = listed[1].rpartition(b"*") if listed else (b"", b"", b"")
    words = [one for one in name.split() if one not in _STORAGE]
    if star or not words:
        return len(words) == 1 and bool(kind.split())
    return len(words) > 1 + (words[0] in _TAGS) and words[-1] not in _BASIC


def _takes_arguments(code: bytes, start: int, end: int) -> int:
    """The end of an unknown word with arguments between a variable and its first value, or 0."""
    before = code[max(0, start - 12) : start]
    if not _BEHIND_A_VARIABLE.search(before) or _BEFORE_A_VALUE.search(before):
        return 0
    closed = mask.closing(code, end)
    return closed if closed > 0 and _BEFORE_ITS_VALUE.match(code, closed) else 0
