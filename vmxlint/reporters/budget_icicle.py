"""An icicle picture of a path as SVG: each box a function or an operation, as wide as its cycles.

It needs no script and no network. What it is of is written in the picture itself, for a screenshot
travels without its caption.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from vmxlint.interval import Interval
from vmxlint.reporters.budget_frames import RECHECK, TRANSITION
from vmxlint.reporters.budget_tree import Node
from vmxlint.reporters.cycles import two_digits
from vmxlint.reporters.escape import escape, unobeyed

WIDTH, _ROW, _TOP, _BOTTOM = 1200, 24, 34, 30
_LETTER = 6.7  # pixels, of the widest letters in use at 11 px
_HEAD_LETTER, _HEAD_LINE = 7.9, 18  # pixels, of those of the head at 13 px
_NARROWEST = 1.2  # pixels; narrower boxes are not drawn
_KINDS = (
    ("vmread", "VMREAD"),
    ("vmwrite", "VMWRITE"),
    (RECHECK, "re-check: consistency checks at the VM-entry after a control write"),
    ("msr", "RDMSR, WRMSR"),
    (TRANSITION, "hardware"),
    ("call", "function"),
)
CLASSES = {kind: f"k{number}" for number, (kind, _) in enumerate(_KINDS)}


class _Box(NamedTuple):
    """A node on the picture; `names` are several functions of which each only calls the next."""

    nodes: Sequence[Node]
    left: float
    width: float
    row: int


def picture(root: Node, basis: str) -> str:
    """The picture of a tree; `basis` says model, profile and CPU."""
    boxes = list(_boxes(root))
    rows = 1 + max(box.row for box in boxes)
    title = f"{root.frame.name}: ~{two_digits(root.cycles.typical)} cycles, modelled"
    said = unobeyed(escape(f"{title} ({_range(root.cycles)}) [{basis}]"))
    head = textwrap.wrap(said, int((WIDTH - 16) / _HEAD_LETTER))
    top = _TOP + (len(head) - 1) * _HEAD_LINE
    height = top + rows * _ROW + _BOTTOM
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{_attribute(title)}">',
        f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
        *(_headline(line, number) for number, line in enumerate(head)),
        *(_box(box, root, top + box.row * _ROW) for box in boxes),
        *_legend(top + rows * _ROW + 20),
        "</svg>",
    ]
    return "\n".join(parts)


def _boxes(root: Node) -> Iterator[_Box]:
    scale = (WIDTH - 16) / root.cycles.typical
    todo = [(root, 8.0, 0)]
    while todo:
        node, left, row = todo.pop()
        width = node.cycles.typical * scale
        if width < _NARROWEST:
            continue
        chain = _chain(node)
        yield _Box(chain, left, width, row)
        behind = []
        for below in chain[-1].dearest:
            behind.append((below, left, row + 1))
            left += below.cycles.typical * scale
        todo += reversed(behind)


def _chain(node: Node) -> list[Node]:
    """A function and those of which each is all that the one before calls."""
    chain = [node]
    while len(chain[-1].below) == 1:
        (below,) = chain[-1].below.values()
        if below.frame.kind or (chain[-1] is node and not node.frame.place):
            break
        chain.append(below)
    return chain


def _headline(line: str, number: int) -> str:
    top = 22 + number * _HEAD_LINE
    return f'<text class="head" x="8" y="{top}">{html.escape(line, quote=False)}</text>'


def _box(box: _Box, root: Node, top: int) -> str:
    last = box.nodes[-1]
    kind = CLASSES.get(last.frame.kind or "call", CLASSES["call"])
    label = _fitting([one.frame.name for one in box.nodes], box.width)
    said = f'<text x="{box.left + 4:.1f}" y="{top + 16}">{_text(label)}</text>' if label else ""
    return (
        f'<g class="{kind}"><title>{_text(_described(box, root))}</title>'
        f'<rect x="{box.left:.1f}" y="{top}" width="{max(box.width - 0.8, 0.6):.1f}"'
        f' height="{_ROW - 1}" rx="2"/>{said}</g>'
    )


def _fitting(names: Sequence[str], width: float) -> str:
    """As much of the names as fits into a box: all, or the last ones, or the beginning of one."""
    letters = int((width - 8) / _LETTER)
    for first in range(len(names)):
        label = " -> ".join(["…"] * (first > 0) + list(names[first:]))
        if len(label) <= letters:
            return label
    return names[-1][: letters - 1] + "…" if letters >= 4 else ""


def _described(box: _Box, root: Node) -> str:
    last = box.nodes[-1]
    names = " -> ".join(one.frame.name for one in box.nodes)
    part = 100 * last.cycles.typical / root.cycles.typical
    lines = [
        names,
        f"~{two_digits(last.cycles.typical)} cycles ({_range(last.cycles)}), {part:.1f} %",
    ]
    if last.frame.kind:
        lines.append(f"{two_digits(last.times)} times in a pass")
    if last.frame.place:
        lines.append(f"{last.frame.place.path}:{last.frame.place.line}")
    return "\n".join([*lines, "modelled, not measured"])


def _legend(top: int) -> Iterator[str]:
    left = 8.0
    for kind, name in _KINDS:
        yield (
            f'<g class="{CLASSES[kind]}"><rect x="{left:.0f}" y="{top - 10}" width="12" height="12"'
            f' rx="2"/></g><text class="legend" x="{left + 17:.0f}" y="{top}">{name}</text>'
        )
        left += 17 + len(name) * _LETTER + 22


def _range(cycles: Interval) -> str:
    return f"{two_digits(cycles.low)}-{two_digits(cycles.high)}"


def _text(value: str) -> str:
    """Text of the page: harmless, but with the line ends that a tooltip keeps."""
    return "\n".join(html.escape(unobeyed(escape(line)), quote=False) for line in value.split("\n"))


def _attribute(value: str) -> str:
    return html.escape(escape(value), quote=True)
