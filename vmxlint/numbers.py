"""The value of a C constant expression."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

_SUFFIX = re.compile(r"\b(0[xX][0-9a-fA-F]+|\d+)[uUlL]+\b")
_OCTAL = re.compile(r"\b0+(\d+)\b")
_BIT = re.compile(r"\b_?BIT(?:_ULL|UL|ULL)?\b|\b_BITUL+\b")
_LONGEST = 400
_DEEPEST = 12
_MOST_NAMES = 200
_LARGEST = 1 << 128
_WORD = 0xFFFFFFFFFFFFFFFF

_BINARY: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}


def evaluate(text: str, constants: Mapping[str, str]) -> int | None:
    """The value of `text`, with names looked up in `constants`; None if it is no constant.

    Nothing is executed: the text is read as an expression, and only numbers, names, BIT(n), shifts
    by less than 64 and the bit and adding operators are understood.
    """
    return _evaluated(text, _Names(constants, iter(range(_MOST_NAMES))), 0)


class _Names(NamedTuple):
    """What names mean, and the look-ups that are left: each may lead to a hundred others."""

    constants: Mapping[str, str]
    left: Iterator[int]

    def get(self, name: str) -> str | None:
        return None if next(self.left, None) is None else self.constants.get(name)


def _evaluated(text: str, constants: _Names, depth: int) -> int | None:
    if depth > _DEEPEST or len(text) > _LONGEST:
        return None
    if text.isidentifier():
        known = constants.get(text)
        return None if known is None else _evaluated(known, constants, depth + 1)
    tree = _parsed(text)
    return None if tree is None else _value(tree, constants, depth)


@cache
def _parsed(text: str) -> ast.expr | None:
    plain = _OCTAL.sub(r"\1", _SUFFIX.sub(r"\1", text.strip()))
    try:
        return ast.parse(plain, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _value(node: ast.expr, constants: _Names, depth: int) -> int | None:
    match node:
        case ast.Constant(int() as number):
            return number
        case ast.Name(name):
            known = constants.get(name)
            return None if known is None else _evaluated(known, constants, depth + 1)
        case ast.UnaryOp(ast.Invert() | ast.USub() as sign, inner):
            value = _value(inner, constants, depth)
            if value is None:
                return None
            return (~value if isinstance(sign, ast.Invert) else -value) & _WORD
        case ast.Call(ast.Name(name), [inner]) if _BIT.fullmatch(name):
            shift = _value(inner, constants, depth)
            return 1 << shift if shift is not None and 0 <= shift < 64 else None
        case ast.Call(ast.Name("GENMASK" | "GENMASK_ULL"), [high, low]):
            top, bottom = _value(high, constants, depth), _value(low, constants, depth)
            fits = top is not None and bottom is not None and 0 <= bottom <= top < 64
            return (2 << (top or 0)) - (1 << (bottom or 0)) if fits else None
        case ast.BinOp(left, ast.LShift(), right):
            value, shift = _value(left, constants, depth), _value(right, constants, depth)
            fits = value is not None and shift is not None and 0 <= shift < 64
            return (value or 0) << (shift or 0) if fits else None
        case ast.BinOp(left, sign, right) if type(sign) in _BINARY:
            first, second = _value(left, constants, depth), _value(right, constants, depth)
            if first is None or second is None or max(abs(first), abs(second)) > _LARGEST:
                return None
            return _BINARY[type(sign)](first, second)
    return None
