"""tree-sitter's tree to Facts, in one walk with an explicit stack.

Every node is built from the values of its children when the walk leaves it, so depth costs no
Python stack; what is nested deeper than DEPTH is a gap.
"""

from __future__ import annotations

from typing import Any

from tree_sitter import Node, Parser, Range, Tree

from vmxlint.facts import Body, Expr, Gap, Stmt
from vmxlint.syntax.declarations import DECLARATIONS
from vmxlint.syntax.draft import (
    LANGUAGE,
    Build,
    Draft,
    Kids,
    Value,
    expressions_of,
    statements_of,
)
from vmxlint.syntax.expressions import EXPRESSIONS
from vmxlint.syntax.statements import STATEMENTS

DEPTH = 220
_PARSER = Parser(LANGUAGE)
TOO_DEEP = f"nested deeper than {DEPTH} levels"


def lower(draft: Draft) -> Draft:
    """Parse the draft's text, and fill the draft with what it says.

    Without `draft.whole`, blocks that the parser understood are passed over: they are the bodies
    of functions.
    """
    _values(draft, _parsed(draft).root_node)
    return draft


def lower_block(draft: Draft) -> bool:
    """The same for the block of a function alone; whether the parser takes the text for one."""
    root = _PARSER.parse(draft.text).root_node
    block = root.children[0] if root.child_count == 1 and not root.has_error else None
    if block is None or block.type != "compound_statement":
        return False
    statements = statements_of(_values(draft, block))
    draft.body = Body(tuple(draft.locals), statements[0].body)
    return True


def _values(draft: Draft, root: Node) -> Kids:
    """What a node is lowered to."""
    cursor = root.walk()
    to_child, to_sibling = cursor.goto_first_child, cursor.goto_next_sibling
    to_parent = cursor.goto_parent
    kinds, whole, token, sign, leaf, block = _KINDS, draft.whole, _TOKEN, _SIGN, _LEAF, _BLOCK
    open_nodes: list[tuple[Node, Any, Kids]] = []
    kids: Kids = []
    while True:
        node = cursor.node
        assert node is not None
        visit, build = kinds[node.kind_id]
        if visit is token:
            pass
        elif visit is sign:
            kids.append(build)
        elif visit is leaf or (visit is block and not whole and not node.has_error):
            kids.append(build(draft, node, _NONE))
        elif len(open_nodes) < DEPTH and to_child():
            open_nodes.append((node, build, kids))
            kids = []
            continue
        else:
            _childless(draft, node, kids)
        while not to_sibling():
            if not open_nodes:
                return kids
            to_parent()
            node, build, outer = open_nodes.pop()
            outer.append(build(draft, node, kids))
            kids = outer


def _parsed(draft: Draft) -> Tree:
    spans = [Range((0, start), (0, end), start, end) for start, end in draft.spans]
    parser = Parser(LANGUAGE, included_ranges=spans) if spans else _PARSER
    return parser.parse(draft.text)


def is_understood(code: bytes) -> bool:
    """Whether all of the code fits into the grammar."""
    return not _PARSER.parse(code).root_node.has_error


def _childless(draft: Draft, node: Node, kids: Kids) -> None:
    if node.child_count:
        draft.gaps.append(Gap(draft.span(node)[0], TOO_DEEP))
    else:
        kids.append(_KINDS[node.kind_id][1](draft, node, _NONE))


def _pass_on(draft: Draft, node: Node, kids: Kids) -> Value:
    """What the grammar has and the analysis has no name for: keep what is inside."""
    statements = statements_of(kids)
    if not statements:
        return next((v for v in kids if v is not None and type(v) is not str), None)
    if len(kids) == 1:
        return kids[0]
    start, end = draft.span(node)
    if all(type(v) is not Stmt for v in kids):
        return Expr("opaque", "", tuple(expressions_of(kids)), start, end)
    return Stmt("block", "", None, statements, (), start, end)


def _misread(draft: Draft, node: Node, kids: Kids) -> Value:
    """What the parser could not fit into the grammar: said, and what is inside still counts."""
    if draft.place is None:
        draft.gaps.append(Gap(draft.span(node)[0], "not understood by the parser"))
    return _pass_on(draft, node, kids)


def _nothing(draft: Draft, node: Node, kids: Kids) -> None:
    return None


def _text(draft: Draft, node: Node, kids: Kids) -> str:
    return draft.slice(node)


_BUILDERS: dict[str, Build] = {
    **EXPRESSIONS,
    **STATEMENTS,
    **DECLARATIONS,
    "comment": _nothing,
    "type_qualifier": _nothing,
    "statement_identifier": _text,
    "storage_class_specifier": _text,
}

_TOKEN, _SIGN, _LEAF, _INNER, _BLOCK = range(5)
_NONE: Kids = []
_SIGNS = frozenset(
    "= *= /= %= += -= <<= >>= &= ^= |= ! ~ - + * & ++ -- || && | ^ == != > >= <= <"
    " << >> / % . ->".split()
)
_LEAVES = frozenset(
    "identifier field_identifier type_identifier primitive_type number_literal char_literal"
    " string_literal concatenated_string true false null statement_identifier comment"
    " storage_class_specifier type_qualifier sizeof_expression offsetof_expression".split()
)
_VISITS = {**dict.fromkeys(_LEAVES, _LEAF), "compound_statement": _BLOCK}
_ERROR_KIND = 65535


def _visit(number: int) -> tuple[int, Any]:
    """How to meet nodes of a kind, by its number: pass over, take the sign, build as it is, or go
    into; and the sign, or what builds the node's value."""
    kind = LANGUAGE.node_kind_for_id(number) or ""
    if not LANGUAGE.node_kind_is_named(number):
        return (_SIGN, kind) if kind in _SIGNS else (_TOKEN, None)
    return _VISITS.get(kind, _INNER), _BUILDERS.get(kind, _pass_on)


_KINDS = {number: _visit(number) for number in range(LANGUAGE.node_kind_count)}
_KINDS[_ERROR_KIND] = (_INNER, _misread)
