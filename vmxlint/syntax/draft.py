"""What lowering hands around: the text, what its names stand for, and what was found so far."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import tree_sitter_c
from tree_sitter import Language, Node

from vmxlint.facts import Body, Expr, Function, Gap, Row, Stmt, Struct, Table, Variable

LANGUAGE = Language(tree_sitter_c.language())


class Type(NamedTuple):
    """A type as far as it matters: the name of the struct or of the basic type."""

    name: str


class Declarator(NamedTuple):
    """A declared name on its way up: its pointers, parameters and first value."""

    name: str
    start: int
    pointers: int = 0
    params: tuple[Variable, ...] | None = None
    value: Expr | None = None


Value = object
Rows = Callable[[str, tuple[int, int]], Iterable[Row]]
Pasted = Callable[[str, tuple[int, int]], Expr | None]


class Spelling(NamedTuple):
    """What some names and places of the text stand for.

    `asm_numbers` maps the offset of a blanked asm statement to its number. `aliases` are macros
    without parentheses that have code in them, so that their plain name is a call. `pasting` are
    those that paste names: `pasted` gives the expression that a call of one stands for. `words`
    gives what a piece of code calls, `rows` what a macro call puts into a table.
    """

    asm_numbers: Mapping[int, int]
    aliases: Collection[str]
    pasting: Collection[str]
    pasted: Pasted | None
    words: Callable[[str], frozenset[str]] = lambda code: frozenset()
    rows: Rows | None = None


Kids = list[Value]  # of the named children and the operators, in order


class Draft:
    """One text on its way to Facts, or, with `whole`, to the Body of the one function that it is.

    `base` is the offset of the text in its file. With `place`, every position is that span: for
    text that a macro made. With `spans`, only these are to be parsed.
    """

    def __init__(
        self,
        path: str,
        text: bytes,
        spelling: Spelling,
        place: tuple[int, int] | None = None,
        *,
        base: int = 0,
        whole: bool = False,
        origin: str = "function",
        spans: Sequence[tuple[int, int]] = (),
    ) -> None:
        self.path = path
        self.text = text
        self.spelling = spelling
        self.aliases = spelling.aliases
        self.place = place
        self.base = base
        self.whole = whole
        self.origin = origin
        self.spans = spans
        self.body: Body | None = None
        self.functions: list[Function] = []
        self.structs: list[Struct] = []
        self.tables: list[Table] = []
        self.constants: list[tuple[str, str]] = []
        self.gaps: list[Gap] = []
        self.locals: list[Variable] = []
        self.values: list[tuple[int, str, Expr]] = []  # first values of file-level variables
        self.characters = text.decode("latin-1")  # one for each byte
        self.is_ascii = text.isascii()

    def after(self, start: int) -> Draft:
        """The rest of the text as a draft of its own."""
        text, base = self.text[start:], self.base + start
        return Draft(self.path, text, self.spelling, self.place, base=base, whole=self.whole)

    def slice(self, node: Node) -> str:
        """The node's own text."""
        text = self.characters[node.start_byte : node.end_byte]
        return text if self.is_ascii else text.encode("latin-1").decode("utf-8", "replace")

    def span(self, node: Node) -> tuple[int, int]:
        """The node's offsets in the file."""
        if self.place:
            return self.place
        base = self.base
        return node.start_byte + base, node.end_byte + base


def expressions_of(kids: Kids) -> list[Expr]:
    """The expressions among a node's children."""
    return [value for value in kids if type(value) is Expr]


def statements_of(kids: Kids) -> tuple[Stmt, ...]:
    """The children that run, each as a statement."""
    return tuple([as_statement(v) for v in kids if type(v) is Stmt or type(v) is Expr])


def as_statement(value: object) -> Stmt:
    """A statement, or an expression as one."""
    if type(value) is Expr:
        return tuple.__new__(Stmt, ("expr", "", value, (), (), value.start, value.end))
    assert type(value) is Stmt
    return value


Build = Callable[[Draft, Node, Kids], Value]
