"""Calls of macros that are no calls but statements, or the heads of some, spelled in place so.

Of the tree's own macros the text says what they are, see `forms`. Of all others the place does: a
call at the start of a line, with no `;` behind it, is the head of what is indented below it; one
with a colon behind it is a case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vmxlint.syntax import mask
from vmxlint.syntax.brackets import last_byte
from vmxlint.syntax.forms import Form, Forms

_EACH = (re.compile(rb"each\w*[ \t]*\("), re.compile(rb"EACH\w*[ \t]*\("))
_FOR_EACH = re.compile(rb"\w*(?:for_?each|FOR_?EACH)\w*")
_NAME_END = re.compile(rb"\w*\Z")
_OPENED_LINE = re.compile(rb"\{[ \t]*$", re.MULTILINE)
_CALL_ON_LINE = re.compile(
    rb"([ \t]+)(?!(?:if|for|while|switch|else|do|return|sizeof|case)\b)(\w{5,})[ \t]*(?=\()"
)
_UNENDED_LINE = re.compile(rb"\)[ \t]*\n([ \t]+)(?=[A-Za-z_])")
_UNENDED_CALL = re.compile(_CALL_ON_LINE.pattern.replace(b"{5,}", b"+"))
_TEST = re.compile(rb"\n[ \t]+(?:\}[ \t]*)?(?:else[ \t]+)?(?:if|for|while)\b[^\n]*\Z")
_END_OF_STATEMENT = re.compile(rb"(?:[;{}:]|\b(?:else|do))\Z")
_TABLE = re.compile(rb"=\s*\{\Z")
_OPENING = re.compile(rb"\s*(?=\()")
_SEMICOLON = re.compile(rb"(\s*;)\s*")
_SPACE = re.compile(rb"\s*")
_GOES_ON = re.compile(rb"\s*[A-Za-z_}]")
_NO_STATEMENT = re.compile(rb"(?:\*|(?<!\w)(?!else\b|do\b)\w+)\s*\Z")
_CALLED = re.compile(rb"([A-Za-z_]\w*)[ \t]*\Z")
_FIRST_ON_LINE = re.compile(rb"\n[ \t]*\Z")
_CALL_AND_COLON = re.compile(rb"\)\s*:(?!:)")
_ONCE = b"scoped_"  # of what a scope holds, from the first word of scoped_guard()
_WINDOW = 200


def spell(buffer: bytearray, code: bytearray, forms: Forms) -> None:
    """Make statements of all such calls."""
    snapshot = bytes(code)
    own = [(name, form) for name, form in forms.items() if form.kind != "function"]
    present = {name: form for name, form in own if name in snapshot}
    if present:
        _spell_own(buffer, code, present)
        _spell_blocks(buffer, code, present)
        snapshot = bytes(code)
    _spell_each(buffer, code, snapshot)
    _spell_before_blocks(buffer, code, snapshot)
    _spell_unended(buffer, code, snapshot)
    _spell_cases(buffer, code)


def _head(buffer: bytearray, code: bytearray, call: re.Match[bytes], end: int) -> None:
    """A call of an unknown macro becomes the head of what follows: none if it runs just once."""
    if call[2].startswith(_ONCE):
        mask.overwrite(buffer, code, call.start(2), end)
    else:
        _word(buffer, code, *call.span(2), b"while")


def _word(buffer: bytearray, code: bytearray, start: int, end: int, word: bytes) -> None:
    """The name of a call becomes a word of the language, if there is room."""
    if end - start >= len(word):
        mask.overwrite(buffer, code, start, end, word)


def _end(buffer: bytearray, code: bytearray, at: int) -> None:
    """A call that ends at `at` becomes a statement."""
    if code[at : at + 1].isspace():
        buffer[at : at + 1] = code[at : at + 1] = b";"


def _spell_own(buffer: bytearray, code: bytearray, forms: Forms) -> None:
    """Calls of the unit's own macros."""
    snapshot = bytes(code)
    for name, form in forms.items():
        if form.kind not in ("test", "loop", "statement", "jump", "case"):
            continue
        for start in mask.occurrences(name, snapshot):
            if form.kind == "jump":
                _jump(buffer, code, start, start + len(name), form.part + b";")
                continue
            opening, end = _arguments(snapshot, start + len(name))
            if form.kind == "test":
                _write(buffer, code, (start, opening, end), _pieces(form))
            elif form.kind == "loop" and end > opening:
                _word(buffer, code, start, opening, b"while")
            elif form.kind == "case" and end > opening:
                _word(buffer, code, start, opening, b"case")
            elif end > opening and _GOES_ON.match(snapshot, end):
                _end(buffer, code, end)


def _jump(buffer: bytearray, code: bytearray, start: int, end: int, word: bytes) -> None:
    """The name of a jump becomes the jump, if there is room in front of the next statement."""
    ended = _SEMICOLON.match(code, end)
    if ended and len(word) <= ended.end() - start:
        mask.overwrite(buffer, code, start, max(ended.end(1), start + len(word)), word)


def _arguments(code: bytes, end: int) -> tuple[int, int]:
    """The span of the arguments behind a name that ends at `end`: nothing if there are none."""
    opening = _OPENING.match(code, end)
    closed = mask.closing(code, opening.end()) if opening else -1
    return (opening.end(), closed) if opening and closed > 0 else (end, end)


def _pieces(form: Form) -> tuple[bytes, bytes]:
    """What stands before and behind the arguments."""
    if form.kind == "closes":
        return form.part, b";}" if form.part else b"}"
    return b"if(" + form.part, b"){" if form.kind == "opens" else b")"


def _fits(code: bytes, call: tuple[int, int, int], pieces: tuple[bytes, bytes]) -> bool:
    start, opening, end = call
    space = _SPACE.match(code, end)
    room = space.end() if space else end
    return start + len(pieces[0]) + max(2, end - opening) + len(pieces[1]) <= room


def _write(
    buffer: bytearray,
    code: bytearray,
    call: tuple[int, int, int],
    pieces: tuple[bytes, bytes],
) -> None:
    """Put the pieces around the arguments of a call, if there is room for it."""
    start, opening, end = call
    if not _fits(bytes(code), call, pieces):
        return
    for text in (buffer, code):
        given = bytes(text[opening:end]) or (b"()" if b"_" in pieces[0] else b"")
        word = pieces[0] + given + pieces[1]
        text[start : max(end, start + len(word))] = word.ljust(end - start)


def _spell_blocks(buffer: bytearray, code: bytearray, forms: Forms) -> None:
    """Two macros that open and close a block become its braces, both or none."""
    if not {"opens", "closes"} <= {form.kind for form in forms.values()}:
        return
    snapshot = bytes(code)
    for pair in list(_pairs(snapshot, forms)):
        calls = [(one.start(), *_arguments(snapshot, one.end())) for one in pair]
        pieces = [_pieces(forms[one[0]]) for one in pair]
        if all(map(_fits, [snapshot] * 2, calls, pieces)):
            for call, around in zip(calls, pieces, strict=True):
                _write(buffer, code, call, around)


def _pairs(code: bytes, forms: Forms) -> Iterator[tuple[re.Match[bytes], re.Match[bytes]]]:
    """The macros that open a block, each with the one that closes it."""
    names = [name for name, form in forms.items() if form.kind in ("opens", "closes")]
    opened: list[re.Match[bytes] | None] = []
    for mark in re.finditer(rb"[{}]|\b(?:" + b"|".join(names) + rb")\b", code):
        if mark[0] == b"{":
            opened.append(None)
        elif mark[0] == b"}":
            while opened and opened.pop() is not None:
                pass
        elif forms[mark[0]].kind == "opens":
            opened.append(mark)
        elif opened and (opener := opened[-1]):
            opened.pop()
            yield opener, mark


def _spell_each(buffer: bytearray, code: bytearray, snapshot: bytes) -> None:
    """`for_each_x(...) statement` becomes `while (...) statement`."""
    for match in (one for word in _EACH for one in word.finditer(snapshot)):
        before = _NAME_END.search(snapshot, max(0, match.start() - _WINDOW), match.start())
        start, opening = before.start() if before else match.start(), match.end() - 1
        if not _FOR_EACH.match(snapshot, start, opening):
            continue
        end = mask.closing(snapshot, opening)
        following = snapshot[end : end + _WINDOW].lstrip()[:1]
        if end > 0 and following not in (b";", b",", b")", b"") and _can_start(snapshot, start):
            _word(buffer, code, start, opening, b"while")


def _can_start(code: bytes, start: int) -> bool:
    """Whether a statement can start here: not behind the type of a function."""
    return not _NO_STATEMENT.search(code[max(0, start - _WINDOW) : start])


def _spell_before_blocks(buffer: bytearray, code: bytearray, snapshot: bytes) -> None:
    """A call on a line that opens a block becomes a loop."""
    for opened in _OPENED_LINE.finditer(snapshot):
        line = snapshot.rfind(b"\n", 0, opened.start()) + 1
        if call := _CALL_ON_LINE.match(snapshot, line, opened.start()):
            end = mask.closing(snapshot, call.end())
            if end > 0 and snapshot[end : end + 8].lstrip()[:1] == b"{":
                _head(buffer, code, call, end)


def _spell_unended(buffer: bytearray, code: bytearray, snapshot: bytes) -> None:
    """A call that is all of its line, with no `;`: a loop over what is indented below, else a
    statement."""
    before = -1
    for ended in _UNENDED_LINE.finditer(snapshot):
        line, end = snapshot.rfind(b"\n", 0, ended.start()) + 1, ended.start() + 1
        call = _UNENDED_CALL.match(snapshot, line, ended.start())
        if not call or mask.closing(snapshot, call.end()) != end:
            continue
        if not _can_follow(snapshot[max(0, line - _WINDOW) : line].rstrip(), before == line - 1):
            continue
        before = ended.start(1) - 1
        if len(ended[1].expandtabs()) > len(call[1].expandtabs()):
            _head(buffer, code, call, end)
        else:
            _end(buffer, code, end)


def _spell_cases(buffer: bytearray, code: bytearray) -> None:
    """A call with a colon behind it where a statement can start is a case, of its own name."""
    for end in _CALL_AND_COLON.finditer(bytes(code)):
        opening = mask.opening(code, end.start())
        call = _CALLED.search(code, max(0, opening - _WINDOW), opening) if opening > 0 else None
        if call and call[1] != b"case" and _can_be_case(code, call.start()):
            if len(call[1]) + len(b"case ") <= end.start() + 1 - call.start():
                mask.overwrite(buffer, code, call.start(), end.start() + 1, b"case " + call[1])


def _can_be_case(code: bytearray, start: int) -> bool:
    """Whether a statement starts here: no arm of a conditional that starts behind its colon."""
    before = last_byte(code, start)
    if before != b":":
        return before in (b";", b"{", b"}")
    return bool(_FIRST_ON_LINE.search(code, max(0, start - _WINDOW), start))


def _can_follow(before: bytes, is_statement: bool) -> bool:
    """Whether a statement can stand behind this line; `is_statement` if it is one without `;`."""
    if before.endswith(b")"):
        return is_statement or bool(_TEST.search(before))
    return bool(_END_OF_STATEMENT.search(before)) and not _TABLE.search(before)
