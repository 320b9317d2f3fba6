"""Macros, read and expanded as text: enough of the preprocessor for the code they hide or make."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from vmxlint.facts import Macro

_DEFINE = re.compile(rb"[ \t]+(\w+)(\(([^()]*)\))?(.*)\Z", re.DOTALL)
_PASTE = re.compile(r"\s*##\s*")
_PIECE = re.compile(r"(\"(?:\\.|[^\"\\])*\"|\w+|#)")
_CALL = re.compile(r"\b([A-Za-z_]\w*+)\s*+\(")
_MARK = re.compile(r"\"(?:\\.|[^\"\\])*\"|[(){}\[\],]")
MOST_ROUNDS = 8
MOST_TEXT = 100_000
LONGEST_CALL = 10_000

Macros = Mapping[str, Macro]


def defined(directives: Iterable[re.Match[bytes]]) -> Iterator[Macro]:
    """The macros that the `#define` among a text's directives define."""
    for directive in directives:
        if directive["word"] != b"define":
            continue
        if match := _DEFINE.match(directive["rest"]):
            name, parentheses, params, body = match.groups()
            yield Macro(
                name.decode("utf-8", "replace"),
                None if parentheses is None else _parameters(params),
                body.replace(b"\\\r\n", b" ").replace(b"\\\n", b" ").decode("utf-8", "replace"),
                directive.start(),
            )


def _parameters(text: bytes) -> tuple[str, ...]:
    names = [name.strip().decode("utf-8", "replace") for name in text.split(b",")]
    return tuple("__VA_ARGS__" if name == "..." else name for name in names if name)


def substitute(macro: Macro, given: list[str]) -> str:
    """The body of `macro` with `given` for its parameters; `##` pastes, `#` makes a string."""
    bound = _bind(macro, given)
    body = _PASTE.sub("\x00", macro.body) if "##" in macro.body else macro.body
    pieces: list[str] = []
    stringify = False
    for piece in _PIECE.split(body):
        if piece == "#":
            stringify = True
        elif piece in bound:
            pieces.append('"' + bound[piece].replace('"', "'") + '"' if stringify else bound[piece])
            stringify = False
        elif piece:
            pieces.append(piece)
            stringify = stringify and piece.isspace()
    return "".join(pieces).replace("\x00", "")


def _bind(macro: Macro, given: list[str]) -> dict[str, str]:
    params = macro.params or ()
    bound = dict.fromkeys(params, "")
    for number, name in enumerate(params):
        variadic = name == "__VA_ARGS__" or name.endswith("...")
        if variadic:
            bound[name.removesuffix("...").strip()] = ", ".join(given[number:])
        elif number < len(given):
            bound[name] = given[number].strip()
    return bound


def expanded(text: str, macros: Macros, seen: frozenset[str] = frozenset()) -> str:
    """`text` with the calls of function-like `macros` in it expanded, again and again, bounded.

    A macro is not expanded inside its own expansion, nor beyond MOST_ROUNDS or MOST_TEXT.
    """
    for _ in range(MOST_ROUNDS):
        after, used = _one_round(text, macros, seen)
        if not used or len(after) > MOST_TEXT:
            return text
        text, seen = after, seen | used
    return text


def _one_round(text: str, macros: Macros, seen: frozenset[str]) -> tuple[str, frozenset[str]]:
    pieces: list[str] = []
    used: set[str] = set()
    position = 0
    for call in _CALL.finditer(text):
        macro = macros.get(call[1])
        if call.start() < position or macro is None or macro.params is None or call[1] in seen:
            continue
        end, given = call_arguments(text, call.end() - 1)
        if end < 0:
            continue
        pieces += [text[position : call.start()], substitute(macro, given)]
        position = end
        used.add(call[1])
    pieces.append(text[position:])
    return "".join(pieces), frozenset(used)


def call_arguments(text: str, opening: int) -> tuple[int, list[str]]:
    """The offset behind the parenthesis that closes the one at `opening`, and what is between."""
    parts: list[str] = []
    depth, start = 0, opening + 1
    for mark in _MARK.finditer(text, opening):
        at = mark.start()
        if mark[0] in "([{":
            depth += 1
        elif mark[0] in ")]}":
            depth -= 1
            if depth == 0:
                return at + 1, [*parts, text[start:at]]
        elif mark[0] == "," and depth == 1:
            parts.append(text[start:at])
            start = at + 1
    return -1, parts
