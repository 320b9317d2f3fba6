"""Bodies at other places of their files than where they were read: a sixth of the price of reading
them again."""

from __future__ import annotations

from vmxlint.facts import NO_PLACE, Body, Expr, Stmt

_new = tuple.__new__  # as where they are made, see `syntax.expressions`


def moved(body: Body, by: int) -> Body:
    """A body, all of it so many bytes further on."""
    if by == 0:
        return body
    return Body(
        tuple(one._replace(start=one.start + by) for one in body.locals),
        _statements(body.statements, by),
        tuple(one._replace(start=one.start + by) for one in body.gaps),
    )


def _statements(found: tuple[Stmt, ...], by: int) -> tuple[Stmt, ...]:
    return tuple([_statement(one, by) for one in found])


def _statement(one: Stmt, by: int) -> Stmt:
    kind, text, expr, body, orelse, start, end = one
    moved_expr = _expression(expr, by) if expr else None
    arms = _statements(body, by), _statements(orelse, by)
    return _new(Stmt, (kind, text, moved_expr, *arms, start + by, end + by))


def _expression(one: Expr, by: int) -> Expr:
    kind, text, kids, start, end, statements, dot = one
    if start == NO_PLACE:
        return one
    if kids:
        kids = tuple([_expression(kid, by) for kid in kids])
    if statements:
        statements = _statements(statements, by)
    return _new(Expr, (kind, text, kids, start + by, end + by, statements, dot))
