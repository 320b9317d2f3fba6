"""Macros that shape the code around them: those whose text is a test, a loop's head, a whole
statement, or one brace of two."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from vmxlint.facts import Macro
from vmxlint.syntax import mask
from vmxlint.syntax.macros import Macros

_HEAD = re.compile(rb"\s*(if|for|while)\s*(?=\()")
_EMPTY_THEN = re.compile(rb"\s*(?:\{\s*\}|;)\s*else\s*")
_FUNCTION = re.compile(rb"[^;{}=]*\b\w[\w#]*\s*\([^;{}=]*\)\s*")
_OBJECT = re.compile(r"\s*(?:if|for|while|return|goto|[{}])|.*\}\s*\Z", re.DOTALL)
_NO_STATEMENT = re.compile(rb"\s*(?:[{\[.]|(?:static|extern)\b)")  # but data or a declaration
_JUMP = re.compile(rb"\s*(?:return|goto|break|continue)\b[^;{}]*")
_CASES = re.compile(r"\s*(?:case\b|default\s*:)")
_CASE = re.compile(rb"(?:[^{};:]*;)?\s*(?:case\b[^;:{}]*:\s*)*case\b[^;:{}]*[^;:{}\s]\s*")
_LEAVES = re.compile(r"\breturn\b")
_WORD = re.compile(r"(#?)\s*\b([A-Za-z_]\w*)")
_A_STATEMENT = re.compile(r"[;{}]\s*(\w+)\s*(?=[;}])")
_MEMBER = re.compile(r"(?:->|\.)\s*([A-Za-z_]\w*)")
_PATH = re.compile(r"[\s(&*]*+\w++[\s)]*+(?:(?:->|\.)\s*+[A-Za-z_]\w*+\s*+)++[\s)]*+")
_PART_OF_A_VALUE = re.compile(r"[\w\s()]*(?:&|>>)[\w\s()&|~>]*")
_CALL = re.compile(r"\b[A-Za-z_]\w*\s*\(")


class Form(NamedTuple):
    """What a macro's call is in the code around it.

    `kind` is "test", "opens" (a test and its brace), "closes", "loop", "statement", "jump", "case"
    (without its colon) or "function" (the head of one). `part` names the macro that stands for the
    test, or for what runs before the closing brace; of a jump it is the text.
    """

    kind: str
    part: bytes = b""


Forms = Mapping[bytes, Form]


def shapes_code(macro: Macro) -> bool:
    """Whether a macro without parentheses can be more than a value."""
    return bool(_OBJECT.match(macro.body))


def spells_cases(macro: Macro) -> bool:
    """Whether a macro is one or more cases of the switch that it is called in."""
    return bool(_CASES.match(macro.body))


def is_part_of_its_caller(macro: Macro) -> bool:
    """Whether a macro only makes sense where it is called.

    It pastes names, leaves the caller, runs a statement that it is given, drops what it is given,
    names a member of it, or some bits of it.
    """
    if not macro.params:
        return False
    if (
        "##" in macro.body
        or spells_cases(macro)
        or any(one in macro.params for one in _MEMBER.findall(macro.body))
    ):
        return True
    if macro.spells_asm:
        return False
    if _PATH.fullmatch(macro.body):
        return True
    if len(macro.params) == 1 and _PART_OF_A_VALUE.fullmatch(macro.body):
        return not _CALL.search(macro.body)
    if _LEAVES.search(macro.body) or _drops(macro.params, macro.body):
        return True
    return any(one[1] in macro.params for one in _A_STATEMENT.finditer(macro.body))


def _drops(params: tuple[str, ...], body: str) -> bool:
    """Whether a macro names a parameter nowhere, or as a string only, so that nothing runs it."""
    used = {word for sign, word in _WORD.findall(body) if not sign}
    return "__VA_ARGS__" not in used and any(
        one.isidentifier() and one not in used for one in params
    )


def of(known: Macros) -> tuple[dict[bytes, Form], dict[str, Macro]]:
    """The forms of a unit's macros, by name; and the macros for their parts."""
    forms: dict[bytes, Form] = {}
    parts: dict[str, Macro] = {}
    for name, macro in sorted(known.items()):
        if found := next(_forms(macro), None):
            kind, text = found
            part = f"_{len(parts)}" if text and kind != "jump" else text
            if part != text:
                parts[part] = Macro(part, macro.params or (), text, macro.start)
            forms[name.encode()] = Form(kind, part.encode())
    return forms, parts


def _forms(macro: Macro) -> Iterator[tuple[str, str]]:
    """The kind of a macro, and the text of its part."""
    code = mask.code_only(macro.body.encode("utf-8", "replace"))
    depth = code.count(b"{") - code.count(b"}")
    ended = code.rstrip().endswith((b";", b"}"))
    if head := _HEAD.match(code):
        yield from _headed(macro.body.encode("utf-8", "replace"), code, head, depth)
    if depth == -1 and ended and b"{" not in code and code.rstrip().endswith(b"}"):
        yield "closes", macro.body.rstrip()[:-1].strip()
    if macro.params is None:
        if _JUMP.fullmatch(code):
            yield "jump", macro.body.strip()
        return
    if _CASE.fullmatch(code):
        yield "case", ""
    if depth == 0 and ended and not _NO_STATEMENT.match(code):
        yield "statement", ""
    if _FUNCTION.fullmatch(code) and len(code.split(b"(")[0].split()) > 1:
        yield "function", ""


def _headed(
    body: bytes, code: bytes, head: re.Match[bytes], depth: int
) -> Iterator[tuple[str, str]]:
    """The same for a macro that starts with `if (...)`, `for (...)` or `while (...)`."""
    end = mask.closing(code, head.end())
    test, rest = body[head.end() : end].decode("utf-8", "replace"), code[end:].strip()
    if end < 0:
        return
    if head[1] != b"if":
        if depth == 0 and not rest.endswith((b";", b"}")):
            yield "loop", ""
    elif not rest or rest == b"{":
        yield "opens" if rest else "test", test
    elif _EMPTY_THEN.fullmatch(rest):
        yield "test", f"!{test}"
