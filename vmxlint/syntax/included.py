"""Files that are included in the middle of code: rows of a table, cases of a switch, statements.

Such a file is a list of calls of a macro that is defined before the `#include`. Its text, with
those calls expanded, becomes a macro of its own, `_x0`, which is named where the directive was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from vmxlint.facts import INCLUDED_WORD, Body, Expr, Gap, Macro, Row, Stmt, Table
from vmxlint.syntax import conditionals, macros, mask
from vmxlint.syntax.macros import Macros

NAMED = re.compile(rf"{INCLUDED_WORD}(?<!\w{INCLUDED_WORD})\d")

_FILE = re.compile(rb'[ \t]*"([^"\n]+)"')
_UNDEFINED = re.compile(rb"[ \t]+(\w+)")
_BRACE = re.compile(rb"[{}]")
_CASES = re.compile(r"\s*(?:case|default)\b")
_BLOCK = re.compile(rb"(?:[);{}:]|\b(?:else|do))\s*\Z")
_DATA = re.compile(rb"[=,]\s*\Z")
_NEAR = 200
_ARMS = ("case", "default")

Find = Callable[[str], bytes | None]
_Line = re.Match[bytes]


class _Place(NamedTuple):
    """An `#include` in the middle of code: its line, the file's text, and what is around it."""

    line: _Line
    text: bytes
    in_data: bool


def take(
    buffer: bytearray, code: bytearray, lines: Sequence[_Line], find: Find, known: Macros
) -> Iterator[Macro | Gap]:
    """Name such a file's text in place of its `#include`; a gap if there is no room for that.

    `find` gives the text of a file that is included under a name, if the unit has it.
    """
    places = list(_places(bytes(code), lines, find))
    for number, place in enumerate(places):
        line = place.line
        text = _text(place.text, known, _defined(lines, line.start(), places[:number]))
        name = f"{INCLUDED_WORD}{number}"
        word = _word(name, text, place.in_data)
        if len(word) > line.end() - line.start() or len(text) > macros.MOST_TEXT:
            yield Gap(line.start(), "a file that is included in the middle of code is not read")
            continue
        mask.overwrite(buffer, code, line.start(), line.end(), word)
        yield Macro(name, (), text, line.start())


def _places(code: bytes, lines: Iterable[_Line], find: Find) -> Iterator[_Place]:
    first = code.find(b"{")
    for line in lines:
        if line["word"] != b"include" or not 0 <= first < line.start():
            continue
        named = _FILE.match(line["rest"])
        text = find(named[1].decode("utf-8", "replace")) if named else None
        if text is None:
            continue
        before = _opened_by(code, line.start())
        if _BLOCK.search(before) or _DATA.search(before):
            yield _Place(line, text, bool(_DATA.search(before)))


def _opened_by(code: bytes, position: int) -> bytes:
    """What stands before the brace that is open at `position`; nothing if none is."""
    opened: list[int] = []
    for brace in _BRACE.finditer(code, 0, position):
        if brace[0] == b"{":
            opened.append(brace.start())
        elif opened:
            opened.pop()
    return code[max(0, opened[-1] - _NEAR) : opened[-1]] if opened else b""


def _defined(lines: Iterable[_Line], position: int, before: Iterable[_Place]) -> dict[str, Macro]:
    """The macros that the file itself has defined before `position`, and that no file included
    before undefines."""
    found: dict[str, Macro] = {}
    inside = {place.line.start(): conditionals.directives(place.text) for place in before}
    for line in lines:
        if line.start() >= position:
            break
        found.update((one.name, one) for one in macros.defined([line]))
        for one in (line, *inside.get(line.start(), ())):
            if one["word"] == b"undef" and (gone := _UNDEFINED.match(one["rest"])):
                found.pop(gone[1].decode(), None)
    return found


def _text(content: bytes, known: Macros, own: Macros) -> str:
    """A file's text without directives, its macro calls expanded: by the includer's `own` macros,
    else by what it defines itself, else by those that are known elsewhere."""
    lines = list(conditionals.directives(content))
    text, _, _ = conditionals.resolve(content, mask.code_only(content), lines)
    spare = {one.name: one for one in macros.defined(lines)}
    return macros.expanded(text.decode("utf-8", "replace"), {**known, **spare, **own}).strip()


def _word(name: str, text: str, in_data: bool) -> bytes:
    if in_data:
        return f"[0]={name},".encode()
    return f"case 0:{name}();".encode() if _CASES.match(text) else f"{name}();".encode()


def of(known: Iterable[Macro]) -> list[Macro]:
    """Those among a file's macros that are the text of an included file."""
    return [one for one in known if one.name.startswith(INCLUDED_WORD) and one.params == ()]


def with_cases(body: Body) -> tuple[Stmt, ...]:
    """The statements of a function, with the cases of included files, and of macros, where they
    belong."""
    return _with_cases(body.statements)


def _with_cases(statements: Iterable[Stmt]) -> tuple[Stmt, ...]:
    found: list[Stmt] = []
    for one in statements:
        cases = _cases(one.body[0].expr) if one.kind == "case" and one.body else []
        rest = one.body[1:] if cases else one.body
        one = one._replace(body=_with_cases(rest), orelse=_with_cases(one.orelse))
        if cases:
            last = cases[-1]
            found += [*cases[:-1], last._replace(body=last.body + one.body)]
        elif one.kind == "expr" and (cases := _cases(one.expr)):
            found += cases
        elif one.kind in _ARMS:
            found += _apart(one)
        else:
            found.append(one)
    return tuple(found)


def _apart(arm: Stmt) -> Iterator[Stmt]:
    """An arm of a switch, and behind it those that stand in it."""
    behind = next((n for n, one in enumerate(arm.body) if one.kind in _ARMS), len(arm.body))
    yield arm._replace(body=arm.body[:behind])
    yield from arm.body[behind:]


def _cases(expr: Expr | None) -> list[Stmt]:
    """The cases in a statement expression, each with what is behind it."""
    if expr is None or expr.kind != "block":
        return []
    found: list[Stmt] = []
    for one in (part for block in expr.stmts for part in block.body):
        if one.kind in _ARMS:
            found.append(one)
        elif found:
            found[-1] = found[-1]._replace(body=(*found[-1].body, one))
    return found


def length(element: Expr, parts: Mapping[str, int]) -> int | None:
    """How many elements one of an initialiser is: as many as the included file that it names has,
    else one; None for one that is placed by its number."""
    if element.kind != "pair":
        return 1
    return parts.get(element.kids[-1].text) if element.kids else None


def with_rows(tables: Iterable[Table], rows: Mapping[str, Sequence[Row]]) -> Iterator[Table]:
    """The tables of a file, with the rows of included files where they belong."""
    for table in tables:
        found = tuple(row for one in table.rows for row in rows.get(one.value, (one,)))
        if found:
            yield table._replace(rows=found)
