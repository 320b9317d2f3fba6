"""Facts: all that one C file says, as plain frozen data without a parser's node in it.

They are NamedTuples, not dataclasses: a kernel folder has half a million expressions, and tuples
are made three times as fast, match by position and can be cached as they are. The depth of an
`Expr` is bounded by the lowering (`syntax.lower.DEPTH`), so recursion over one is safe: FRAMES is
enough for the deepest ones.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

FRAMES = 5000
sys.setrecursionlimit(max(FRAMES, sys.getrecursionlimit()))

_ASM = re.compile(r"\b(?:asm|__asm__|__asm|asm_goto_output|asm_volatile_goto|asm_inline)\b")

VMX_INSTRUCTIONS = ("vmread", "vmwrite", "vmptrld", "vmclear", "invept", "invvpid")
INSTRUCTIONS = (*VMX_INSTRUCTIONS, "rdmsr", "wrmsr")  # those that are operations
REGISTERS = {"ax": "a", "bx": "b", "cx": "c", "dx": "d", "si": "S", "di": "D"}  # their constraints
ASM_WORD = "__A"  # the call that stands for inline assembly
INCLUDED_WORD = "_x"  # begins the name of a macro that stands for a file in the middle of code
NO_PLACE = -1  # the offset of an expression that no text of the file stands for
ENTRIES = ("vmlaunch", "vmresume")
ENTRY_NAME = "asm:vmresume"  # what a function in assembly calls where it enters the guest
AGAIN_NAME = "asm:again"  # the same, where it comes back to from behind that


class Expr(NamedTuple):
    """An expression: `kind` says which, `text` its name or operator, `kids` its operands in order.

    Kinds: name, number, string, call (kids: callee, arguments), member (kid: the object),
    index, unary, update, binary, assign, ternary, cast (text: the type), comma, block (`({ })`),
    list (`{ }`), pair (text: the designator), range (of a case: `A ... B`), asm (text: the number
    of the file's Asm), opaque.
    `start` and `end` are byte offsets in the file; `dot` tells `a.b` from `a->b`.
    """

    kind: str
    text: str
    kids: tuple[Expr, ...]
    start: int
    end: int
    stmts: tuple[Stmt, ...] = ()
    dot: bool = False


class Stmt(NamedTuple):
    """A statement.

    Kinds: expr, decl (text: the variable, expr: its first value), if, switch, case, default, loop
    (text: while, for or do), return, goto (text: the label), label, break, continue, block.
    """

    kind: str
    text: str
    expr: Expr | None
    body: tuple[Stmt, ...]
    orelse: tuple[Stmt, ...]
    start: int
    end: int


class Variable(NamedTuple):
    """A parameter, local or struct member: name, the name of its struct or basic type, pointers."""

    name: str
    type: str
    pointers: int
    start: int


class Body(NamedTuple):
    """What a function does: its local variables and its statements; and what of it is too deep."""

    locals: tuple[Variable, ...]
    statements: tuple[Stmt, ...]
    gaps: tuple[Gap, ...] = ()


class Function(NamedTuple):
    """A function definition, a macro with code in it, or one that a macro generated.

    Its body is read when it is asked for, from `text`, which is the definition as C that the
    parser takes; `at` is the offset of the text in the file. Where a macro made the text, `place`
    is the span that stands for every position in it. `words` are what the text calls: "f" for a
    call of `f`, ".f" for one of a member, "(f" for one of what `g(f)` gives, "=f" where `f` is
    assigned, "f=" where a member `f` is.
    """

    name: str
    params: tuple[Variable, ...]
    start: int
    end: int
    static: bool
    origin: str = "function"  # or "generated", "macro", "alias" (a macro without ()), "assembly"
    type: str = ""  # the struct or basic type that it returns
    text: str = ""
    at: int = 0
    place: tuple[int, int] | None = None
    words: frozenset[str] = frozenset()
    body: Body | None = None  # of a function in assembly, whose body is read with its file


class Struct(NamedTuple):
    """A struct or union with its members; one without a name is called `outer.member`."""

    name: str
    members: tuple[Variable, ...]
    start: int


class Row(NamedTuple):
    """`[key] = value`, `.key = value` or just `value` of an initialiser, a plain name."""

    key: str
    value: str
    start: int


class Table(NamedTuple):
    """A variable with a designated initialiser: a handler table or an ops struct."""

    name: str
    type: str
    rows: tuple[Row, ...]
    start: int


class Asm(NamedTuple):
    """Inline assembly: the instructions in order, and its operands by number and by name.

    `instructions` are (mnemonic, operands) with `%%reg` kept and the `_ASM_` macros spelled out;
    `operands` are `%0` and `%[name]` with their constraint and the C value in the parentheses.
    """

    instructions: tuple[tuple[str, tuple[str, ...]], ...]
    operands: tuple[tuple[str, str, Expr], ...]
    start: int
    end: int


@dataclass(frozen=True)
class Macro:
    """A `#define`: `params` is None for one without parentheses; `rivals` are the bodies that other
    builds give it, as far as they paste names."""

    name: str
    params: tuple[str, ...] | None
    body: str
    start: int
    rivals: tuple[str, ...] = ()

    @cached_property
    def spells_asm(self) -> bool:
        """Whether a call of it is a statement in assembly."""
        return bool(self.params) and bool(_ASM.search(self.body))


class Gap(NamedTuple):
    """A place of the file that could not be understood."""

    start: int
    reason: str


class Facts(NamedTuple):
    """Everything that one file says; `lengths` are those of its arrays that a list fills."""

    path: str
    functions: tuple[Function, ...] = ()
    structs: tuple[Struct, ...] = ()
    tables: tuple[Table, ...] = ()
    asms: tuple[Asm, ...] = ()
    macros: tuple[Macro, ...] = ()
    constants: tuple[tuple[str, str], ...] = ()
    lengths: tuple[tuple[str, int], ...] = ()
    includes: tuple[tuple[str, int], ...] = ()
    gaps: tuple[Gap, ...] = ()


def walk(expr: Expr) -> Iterator[Expr]:
    """Every expression in `expr`, itself first, not looking into statement expressions."""
    todo = [expr]
    while todo:
        one = todo.pop()
        yield one
        if one.kids:
            todo += reversed(one.kids)


def is_constant(expr: Expr) -> bool:
    """Whether `expr` is a number or, as its letters tell, the name of one."""
    while expr.kind in ("cast", "unary") and expr.kids:
        expr = expr.kids[0]
    return expr.kind == "number" or (expr.kind == "name" and expr.text.isupper())


def names(expr: Expr) -> set[str]:
    """The plain names in `expr`."""
    return {one.text for one in walk(expr) if one.kind == "name"}


def called(expr: Expr) -> set[str]:
    """What the calls in `expr` name as their function."""
    return {one.kids[0].text for one in walk(expr) if one.kind == "call" and one.kids}


def members(expr: Expr) -> set[str]:
    """The struct members in `expr`, as spelled."""
    return {spelled(one) for one in walk(expr) if one.kind == "member"}


def spelled(expr: Expr) -> str:
    """`expr` as C again, in one spelling, for comparing and for showing."""
    if not expr.kids:
        return expr.text or "..."
    if expr.kind == "member" and len(expr.kids) == 1:
        return f"{spelled(expr.kids[0])}{'.' if expr.dot else '->'}{expr.text}"
    match expr:
        case Expr("call", _, (callee, *args)):
            return f"{spelled(callee)}({', '.join(map(spelled, args))})"
        case Expr("index", _, (base, key)):
            return f"{spelled(base)}[{spelled(key)}]"
        case Expr("unary", operator, (operand,)):
            return f"{operator}{_grouped(operand)}"
        case Expr("binary" | "assign" | "range", operator, (left, right)):
            return f"{_grouped(left)} {operator} {_grouped(right)}"
        case Expr("ternary", _, (test, yes, no)):
            return f"{_grouped(test)} ? {_grouped(yes)} : {_grouped(no)}"
        case Expr("cast", _, (inner,)):
            return spelled(inner)
    return expr.text or "..."


def _grouped(expr: Expr) -> str:
    compound = expr.kind in ("binary", "assign", "ternary")
    return f"({spelled(expr)})" if compound else spelled(expr)
