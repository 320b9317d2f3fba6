"""The shape of statements, whatever holds at them: arms, loops that run once, and labels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from vmxlint.facts import Body, Expr, Stmt
from vmxlint.flow.conditions import truth

ARMS = ("case", "default")
JUMPS = ("return", "goto", "break", "continue")


def has_hidden_arm(arms: Sequence[Stmt]) -> bool:
    """Whether a jump stands above all cases: nobody writes that, so an `#include` has them."""
    above = takewhile(lambda one: one.kind not in ARMS, arms)
    return any(one.kind in JUMPS for one in above)


def runs_once(loop: Stmt) -> bool:
    """Whether a loop is `do { } while (0)`, and so none."""
    return loop.text == "do" and loop.expr is not None and truth(loop.expr) is False


def can_be_entered(statement: Stmt) -> bool:
    """Whether a statement that is not reached from above may run all the same."""
    todo = [statement]
    while todo:
        one = todo.pop()
        if one.kind in ("label", *ARMS):
            return True
        todo += [*one.body, *one.orelse]
    return False


def is_jumped_to(label: str, body: Body) -> bool:
    """Whether a function may jump to a label: by a goto, an asm, or what is given its name."""
    todo: list[Stmt | Expr] = [*body.statements]
    while todo:
        one = todo.pop()
        if isinstance(one, Expr):
            if one.kind == "asm" or (one.kind == "name" and one.text == label):
                return True
            todo += [*one.kids, *one.stmts]
            continue
        if one.kind == "goto" and one.text == label:
            return True
        todo += [*one.body, *one.orelse, *([one.expr] if one.expr else [])]
    return False


def jumps_back(body: Body) -> list[tuple[int, int]]:
    """The jumps by goto to a label above: where the label is, and where the jump."""
    labels: dict[str, int] = {}
    jumps: list[tuple[str, int]] = []
    todo = [*body.statements]
    while todo:
        one = todo.pop()
        if one.kind == "label":
            labels[one.text] = one.start
        elif one.kind == "goto":
            jumps.append((one.text, one.start))
        todo += [*one.body, *one.orelse]
    above = ((labels.get(label, at), at) for label, at in jumps)
    return sorted((label, at) for label, at in above if label < at)
