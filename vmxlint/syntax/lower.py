"""tree-sitter's tree to Facts, in one walk with an explicit stack.

Every node is built from the values of its children when the walk leaves it, so depth costs no
Python stack; what is nested deeper than DEPTH is a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import tree_sitter_c
from tree_sitter import Language, Node, Parser, Tree

from vmxlint.facts import Expr, Function, Gap, Row, Stmt, Struct, Table, Variable, spelled

LANGUAGE = Language(tree_sitter_c.language())
DEPTH = 220
_OPERATOR = LANGUAGE.field_id_for_name("operator")


class _Type(NamedTuple):
    """A type as far as it matters: the name of the struct or of the basic type."""

    name: str


class _Declarator(NamedTuple):
    """A declared name on its way up: its pointers, parameters and first value."""

    name: str
    start: int
    pointers: int = 0
    params: tuple[Variable, ...] | None = None
    value: Expr | None = None


Value = object
Pasted = Callable[[str, tuple[int, int]], Expr | None]


class Spelling(NamedTuple):
    """What some names and places of the text stand for.

    `asm_numbers` maps the offset of a blanked asm statement to its number. `aliases` are macros
    without parentheses that have code in them, so that their plain name is a call. `pasting` are
    those that paste names: `pasted` gives the expression that a call of one stands for.
    """

    asm_numbers: Mapping[int, int]
    aliases: Collection[str]
    pasting: Collection[str]
    pasted: Pasted | None


Kids = list[tuple[int | None, Value]]


class Lowering:
    """The walk over one tree, and what it has found.

    With `place`, every position is that span: for text that a macro made.
    """

    def __init__(
        self,
        path: str,
        text: bytes,
        spelling: Spelling,
        place: tuple[int, int] | None = None,
        origin: str = "function",
    ) -> None:
        self.path = path
        self.text = text
        self.spelling = spelling
        self.place = place
        self.origin = origin
        self.functions: list[Function] = []
        self.structs: list[Struct] = []
        self.tables: list[Table] = []
        self.constants: list[tuple[str, str]] = []
        self.gaps: list[Gap] = []
        self._locals: list[Variable] = []

    def run(self, tree: Tree) -> None:
        """Walk `tree` to its end."""
        cursor = tree.walk()
        to_child, to_sibling = cursor.goto_first_child, cursor.goto_next_sibling
        kinds, operator = _KINDS, _OPERATOR
        open_nodes: list[tuple[Node, Kids]] = []
        kids: Kids = []
        while True:
            node = cursor.node
            assert node is not None
            visit, build = kinds[node.kind_id]
            if visit is _LEAF:
                kids.append((cursor.field_id, build(self, node, [])))
            elif visit is _TOKEN:
                if cursor.field_id == operator:
                    kids.append((operator, self.slice(node)))
            elif len(open_nodes) < DEPTH and to_child():
                open_nodes.append((node, kids))
                kids = []
                continue
            else:
                self._childless(node, kids)
            while not to_sibling():
                if not open_nodes:
                    return
                cursor.goto_parent()
                node, outer = open_nodes.pop()
                outer.append((cursor.field_id, kinds[node.kind_id][1](self, node, kids)))
                kids = outer

    def _childless(self, node: Node, kids: Kids) -> None:
        if node.child_count:
            self.gaps.append(Gap(self.span(node)[0], f"nested deeper than {DEPTH} levels"))
        else:
            kids.append((None, _KINDS[node.kind_id][1](self, node, [])))

    def slice(self, node: Node) -> str:
        """The node's own text."""
        return self.text[node.start_byte : node.end_byte].decode("utf-8", "replace")

    def span(self, node: Node) -> tuple[int, int]:
        """The node's offsets in the file."""
        return self.place or (node.start_byte, node.end_byte)

    def function(self, node: Node, kids: Kids) -> None:
        """A function_definition."""
        declarator = next((v for _, v in kids if type(v) is _Declarator), None)
        body = next((v for _, v in kids if type(v) is Stmt), None)
        variables, self._locals = tuple(self._locals), []
        if declarator is None or body is None:
            return
        start, end = self.span(node)
        name_at = start if self.place else declarator.start
        static = any(v == "static" for _, v in kids)
        self.functions.append(
            Function(
                declarator.name,
                declarator.params or (),
                variables,
                body.body if body.kind == "block" else (body,),
                name_at,
                end,
                static,
                self.origin,
                next((v.name for _, v in kids if type(v) is _Type), ""),
            )
        )

    def declaration(self, node: Node, kids: Kids) -> Stmt | None:
        """A declaration: locals, tables, and the first values as statements."""
        kind = next((v.name for _, v in kids if type(v) is _Type), "")
        start, end = self.span(node)
        statements = []
        for _, one in kids:
            if type(one) is Expr and one.kind == "name":
                one = _Declarator(one.text, one.start)
            if type(one) is not _Declarator or (one.params is not None and one.value is None):
                continue
            self._locals.append(Variable(one.name, kind, one.pointers, one.start))
            if one.value is not None:
                self._table(one, kind)
                statements.append(Stmt("decl", one.name, one.value, (), (), one.start, end))
        if not statements:
            return None
        if len(statements) == 1:
            return statements[0]
        return Stmt("block", "", None, tuple(statements), (), start, end)

    def _table(self, declarator: _Declarator, kind: str) -> None:
        assert declarator.value is not None
        pairs = [one for one in declarator.value.kids if one.kind == "pair" and one.kids]
        rows = tuple(Row(one.text, target(one.kids[-1]), one.start) for one in pairs)
        if rows:
            self.tables.append(Table(declarator.name, kind, rows, declarator.start))

    def struct(self, node: Node, kids: Kids) -> _Type:
        """A struct or union specifier, with or without its members."""
        name = next((v.name for _, v in kids if type(v) is _Type), "")
        members = next((v for _, v in kids if type(v) is tuple), None)
        start, _ = self.span(node)
        if members is not None:
            name = name or f"{self.path}@{start}"
            self.structs.append(Struct(name, members, start))
        return _Type(name)

    def enumerator(self, node: Node, kids: Kids) -> None:
        """`NAME = value` of an enum."""
        values = _exprs(kids)
        if len(values) == 2:
            text = self.text[values[1].start : values[1].end] if not self.place else b""
            self.constants.append((values[0].text, text.decode("utf-8", "replace")))


def target(value: Expr) -> str:
    """The function that a table's value names: `f`, `&f`, `(cast)f`, else the expression."""
    while value.kind in ("cast", "unary") and value.kids:
        value = value.kids[-1]
    return spelled(value)


def _exprs(kids: Kids) -> list[Expr]:
    return [value for _, value in kids if type(value) is Expr]


def _stmts(kids: Kids) -> tuple[Stmt, ...]:
    return tuple([_as_stmt(v) for _, v in kids if type(v) is Stmt or type(v) is Expr])


def _as_stmt(value: object) -> Stmt:
    if type(value) is Expr:
        return Stmt("expr", "", value, (), (), value.start, value.end)
    assert type(value) is Stmt
    return value


def _pass_on(low: Lowering, node: Node, kids: Kids) -> Value:
    """What the grammar has and the analysis has no name for: keep what is inside."""
    statements = _stmts(kids)
    if not statements:
        return next((v for _, v in kids if v is not None and type(v) is not str), None)
    if len(kids) == 1:
        return kids[0][1]
    start, end = low.span(node)
    if all(type(v) is not Stmt for _, v in kids):
        return Expr("opaque", "", tuple(_exprs(kids)), start, end)
    return Stmt("block", "", None, statements, (), start, end)


def _word(kind: str) -> Callable[[Lowering, Node, Kids], Expr]:
    def build(low: Lowering, node: Node, kids: Kids) -> Expr:
        start, end = low.span(node)
        return Expr(kind, low.slice(node), (), start, end)

    return build


def _name(low: Lowering, node: Node, kids: Kids) -> Expr:
    start, end = node.start_byte, node.end_byte
    text = low.text[start:end].decode("utf-8", "replace")
    if low.place:
        start, end = low.place
    name = Expr("name", text, (), start, end)
    return Expr("call", "", (name,), start, end) if text in low.spelling.aliases else name


def _operation(kind: str) -> Callable[[Lowering, Node, Kids], Expr]:
    def build(low: Lowering, node: Node, kids: Kids) -> Expr:
        start, end = low.span(node)
        operator = next((v for f, v in kids if f == _OPERATOR and type(v) is str), "")
        return Expr(kind, operator, tuple(_exprs(kids)), start, end)

    return build


def _call(low: Lowering, node: Node, kids: Kids) -> Expr:
    start, end = low.span(node)
    parts = _exprs(kids)
    given = parts[1].kids if len(parts) > 1 and parts[1].kind == "arguments" else ()
    name = parts[0].text if parts else ""
    if name == "__A" and node.start_byte in low.spelling.asm_numbers:
        number = low.spelling.asm_numbers[node.start_byte]
        return Expr("asm", str(number), (), start, end)
    if name in low.spelling.pasting and low.spelling.pasted:
        if (made := low.spelling.pasted(low.slice(node), (start, end))) is not None:
            return made
    return Expr("call", "", (parts[0], *given) if parts else (), start, end)


def _arguments(low: Lowering, node: Node, kids: Kids) -> Expr:
    start, end = low.span(node)
    return Expr("arguments", "", tuple(_exprs(kids)), start, end)


def _member(low: Lowering, node: Node, kids: Kids) -> Expr:
    start, end = low.span(node)
    parts = _exprs(kids)
    if len(parts) < 2:
        return Expr("opaque", "", tuple(parts), start, end)
    dot = any(value == "." for _, value in kids)
    return Expr("member", parts[1].text, (parts[0],), start, end, (), dot)


def _cast(low: Lowering, node: Node, kids: Kids) -> Expr:
    start, end = low.span(node)
    name = next((v.name for _, v in kids if type(v) is _Type), "")
    return Expr("cast", name, tuple(_exprs(kids)[-1:]), start, end)


def _parenthesized(low: Lowering, node: Node, kids: Kids) -> Value:
    inner = next((v for _, v in kids if type(v) is Expr or type(v) is Stmt), None)
    if type(inner) is Stmt:
        start, end = low.span(node)
        return Expr("block", "", (), start, end, (inner,))
    return inner


def _pair(low: Lowering, node: Node, kids: Kids) -> Expr:
    start, end = low.span(node)
    values = _exprs(kids)
    text = low.slice(node).partition("=")[0].strip()
    return Expr("pair", text, tuple(values[-1:]), start, end)


def _nothing(low: Lowering, node: Node, kids: Kids) -> None:
    return None


def _text(low: Lowering, node: Node, kids: Kids) -> str:
    return low.slice(node)


def _type(low: Lowering, node: Node, kids: Kids) -> _Type:
    return _Type(low.slice(node))


def _type_descriptor(low: Lowering, node: Node, kids: Kids) -> Value:
    return next((v for _, v in kids if type(v) is _Type), None)


def _pointer(low: Lowering, node: Node, kids: Kids) -> _Declarator | None:
    inner = _declarator(kids)
    return inner._replace(pointers=inner.pointers + 1) if inner else None


def _array(low: Lowering, node: Node, kids: Kids) -> _Declarator | None:
    return _declarator(kids[:1])


def _declarator(kids: Kids) -> _Declarator | None:
    for _, value in kids:
        if type(value) is _Declarator:
            return value
        if type(value) is Expr and value.kind == "call" and len(value.kids) == 1:
            value = value.kids[0]  # the name of a macro, in a declaration of that name
        if type(value) is Expr and value.kind == "name":
            return _Declarator(value.text, value.start)
    return None


def _function_declarator(low: Lowering, node: Node, kids: Kids) -> _Declarator | None:
    inner = _declarator(kids)
    params = next((v for _, v in kids if type(v) is tuple), ())
    if inner is None:
        return None
    return inner if inner.params is not None else inner._replace(params=params)


def _initialised(low: Lowering, node: Node, kids: Kids) -> _Declarator | None:
    inner = _declarator(kids)
    values = _exprs(kids[1:])
    return inner._replace(value=values[-1]) if inner and values else inner


def _parameter(low: Lowering, node: Node, kids: Kids) -> Variable | None:
    kind = next((v.name for _, v in kids if type(v) is _Type), "")
    inner = _declarator(kids)
    return Variable(inner.name, kind, inner.pointers, inner.start) if inner else None


def _variables(low: Lowering, node: Node, kids: Kids) -> tuple[Variable, ...]:
    found: list[Variable] = []
    for _, value in kids:
        if type(value) is Variable:
            found.append(value)
        elif type(value) is list:
            found.extend(value)
    return tuple(found)


def _fields(low: Lowering, node: Node, kids: Kids) -> list[Variable]:
    kind = next((v.name for _, v in kids if type(v) is _Type), "")
    declared = [d for f, v in kids if (d := _declarator([(f, v)]))]
    start, _ = low.span(node)
    if not declared:
        return [Variable("", kind, 0, start)]
    return [
        Variable(d.name, kind, d.pointers, low.place[0] if low.place else d.start) for d in declared
    ]


def _branch(kind: str) -> Callable[[Lowering, Node, Kids], Stmt]:
    test_field = LANGUAGE.field_id_for_name("condition")
    else_field = LANGUAGE.field_id_for_name("alternative")

    def build(low: Lowering, node: Node, kids: Kids) -> Stmt:
        start, end = low.span(node)
        test = next((v for f, v in kids if f == test_field and type(v) is Expr), None)
        orelse = _stmts([kid for kid in kids if kid[0] == else_field])
        body = _stmts([kid for kid in kids if kid[0] not in (test_field, else_field)])
        return Stmt(kind, low.slice(node)[:3], test, body, orelse, start, end)

    return build


def _for(low: Lowering, node: Node, kids: Kids) -> Stmt:
    start, end = low.span(node)
    body_field = LANGUAGE.field_id_for_name("body")
    heads = [kid for kid in kids if kid[0] != body_field]
    head = _stmts(heads)
    loop = Stmt(
        "loop", "for", None, _stmts([k for k in kids if k[0] == body_field]), (), start, end
    )
    return Stmt("block", "", None, (*head, loop), (), start, end) if head else loop


def _case(low: Lowering, node: Node, kids: Kids) -> Stmt:
    start, end = low.span(node)
    value_field = LANGUAGE.field_id_for_name("value")
    value = next((v for f, v in kids if f == value_field and type(v) is Expr), None)
    body = _stmts([kid for kid in kids if kid[0] != value_field])
    return Stmt("case" if value else "default", "", value, body, (), start, end)


def _jump(kind: str) -> Callable[[Lowering, Node, Kids], Stmt]:
    def build(low: Lowering, node: Node, kids: Kids) -> Stmt:
        start, end = low.span(node)
        label = next((v for _, v in kids if type(v) is str), "")
        values = _exprs(kids)
        return Stmt(kind, label, values[0] if values else None, _nested(kids), (), start, end)

    return build


def _nested(kids: Kids) -> tuple[Stmt, ...]:
    return tuple(value for _, value in kids if type(value) is Stmt)


def _expression_statement(low: Lowering, node: Node, kids: Kids) -> Stmt | None:
    start, end = low.span(node)
    values = _exprs(kids)
    return Stmt("expr", "", values[0], (), (), start, end) if values else None


def _block(low: Lowering, node: Node, kids: Kids) -> Stmt:
    start, end = low.span(node)
    return Stmt("block", "", None, _stmts(kids), (), start, end)


_BUILDERS: dict[str, Callable[[Lowering, Node, Kids], Value]] = {
    "identifier": _name,
    "field_identifier": _word("name"),
    "number_literal": _word("number"),
    "true": _word("number"),
    "false": _word("number"),
    "null": _word("number"),
    "char_literal": _word("number"),
    "string_literal": _word("string"),
    "concatenated_string": _word("string"),
    "sizeof_expression": _word("number"),
    "offsetof_expression": _word("number"),
    "comment": _nothing,
    "statement_identifier": _text,
    "storage_class_specifier": _text,
    "type_qualifier": _nothing,
    "call_expression": _call,
    "argument_list": _arguments,
    "field_expression": _member,
    "subscript_expression": _operation("index"),
    "unary_expression": _operation("unary"),
    "pointer_expression": _operation("unary"),
    "update_expression": _operation("update"),
    "binary_expression": _operation("binary"),
    "assignment_expression": _operation("assign"),
    "conditional_expression": _operation("ternary"),
    "comma_expression": _operation("comma"),
    "cast_expression": _cast,
    "compound_literal_expression": _cast,
    "parenthesized_expression": _parenthesized,
    "initializer_list": _operation("list"),
    "initializer_pair": _pair,
    "type_identifier": _type,
    "primitive_type": _type,
    "sized_type_specifier": _type,
    "type_descriptor": _type_descriptor,
    "struct_specifier": Lowering.struct,
    "union_specifier": Lowering.struct,
    "enum_specifier": _type_descriptor,
    "enumerator": Lowering.enumerator,
    "field_declaration_list": _variables,
    "field_declaration": _fields,
    "pointer_declarator": _pointer,
    "array_declarator": _array,
    "function_declarator": _function_declarator,
    "parenthesized_declarator": lambda low, node, kids: _declarator(kids),
    "init_declarator": _initialised,
    "parameter_list": _variables,
    "parameter_declaration": _parameter,
    "declaration": Lowering.declaration,
    "function_definition": Lowering.function,
    "if_statement": _branch("if"),
    "while_statement": _branch("loop"),
    "do_statement": _branch("loop"),
    "switch_statement": _branch("switch"),
    "for_statement": _for,
    "case_statement": _case,
    "return_statement": _jump("return"),
    "goto_statement": _jump("goto"),
    "break_statement": _jump("break"),
    "continue_statement": _jump("continue"),
    "labeled_statement": _jump("label"),
    "expression_statement": _expression_statement,
    "compound_statement": _block,
}

_TOKEN, _LEAF, _INNER = range(3)
_LEAVES = frozenset(
    "identifier field_identifier type_identifier primitive_type number_literal char_literal"
    " string_literal concatenated_string true false null statement_identifier comment"
    " storage_class_specifier type_qualifier sizeof_expression offsetof_expression".split()
)
_ERROR_KIND = 65535


def _visit(number: int) -> tuple[int, Callable[[Lowering, Node, Kids], Value]]:
    """How to meet nodes of a kind, by its number: pass over, build as it is, or go into."""
    kind = LANGUAGE.node_kind_for_id(number) or ""
    visit = _INNER if LANGUAGE.node_kind_is_named(number) else _TOKEN
    return _LEAF if kind in _LEAVES else visit, _BUILDERS.get(kind, _pass_on)


_KINDS = {number: _visit(number) for number in range(LANGUAGE.node_kind_count)}
_KINDS[_ERROR_KIND] = (_INNER, _pass_on)


def parse(text: bytes) -> Tree:
    """The tree of cleaned-up C."""
    return Parser(LANGUAGE).parse(text)
