"""Tables: the rows of an initialiser, with the functions or constants that each names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from vmxlint.facts import Expr, Row, Table, spelled
from vmxlint.syntax.draft import Declarator, Draft


def note_table(draft: Draft, declarator: Declarator, kind: str) -> None:
    """Keep a variable whose type is `kind` as a table, if its first value has rows."""
    assert declarator.value is not None
    rows = tuple(_rows(draft, declarator.value.kids))
    if not rows and declarator.value.kind == "list":
        rows = tuple(_in_order(declarator.value.kids))
    if rows:
        draft.tables.append(Table(declarator.name, kind, rows, declarator.start))


def _rows(draft: Draft, elements: Iterable[Expr]) -> Iterator[Row]:
    """The elements with a key; those in a struct have that of the struct."""
    for one in elements:
        if one.kind == "pair" and one.kids:
            held = one.kids[-1]
            inner = held.kids if held.kind == "list" else (held,)
            parts = (part.kids[-1] if part.kind == "pair" and part.kids else part for part in inner)
            yield from (
                Row(one.text, value, one.start) for part in parts for value in _targets(part)
            )
        elif draft.spelling.rows and not draft.place:
            code = draft.text[one.start - draft.base : one.end - draft.base]
            yield from draft.spelling.rows(code.decode("utf-8", "replace"), (one.start, one.end))


def _in_order(elements: Sequence[Expr]) -> Iterator[Row]:
    """The elements of an initialiser without keys, if there are functions among them; of structs
    the names of constants, under the element's number and the member's name or number."""
    named = any(value.isidentifier() for one in elements for value in _targets(one))
    for one in elements if named else ():
        yield Row("", next(_targets(one)), one.start)
    for number, one in enumerate(elements):
        for place, part in enumerate(one.kids) if one.kind == "list" else ():
            is_pair = part.kind == "pair" and bool(part.kids)
            value = part.kids[-1] if is_pair else part
            if value.kind == "name" and value.text.isupper():
                member = part.text.removeprefix(".") if is_pair else place
                yield Row(f"[{number}].{member}", value.text, one.start)


def _targets(value: Expr) -> Iterator[str]:
    """The functions that a table's value names: `f`, `&f`, `(cast)f`, one for each build, else the
    expression."""
    while value.kind in ("cast", "unary") and value.kids:
        value = value.kids[-1]
    if value.kind == "ternary" and value.kids[0].kind == "opaque":
        for one in value.kids[1:]:
            yield from _targets(one)
    else:
        yield spelled(value)
