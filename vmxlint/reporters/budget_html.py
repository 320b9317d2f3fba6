"""A budget, or the difference of two, as one page that needs no script, no network and no tool."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from importlib.resources import files

from vmxlint import __version__
from vmxlint.budget import Budget, Change, PathCost
from vmxlint.reporters.budget_icicle import picture
from vmxlint.reporters.budget_rows import (
    average_of,
    counted,
    counts_changed,
    difference,
    is_exit,
    kinds_in,
    moved,
    ordered,
    priced,
    said_of_others,
    said_of_unpriced,
    share_of,
    side,
)
from vmxlint.reporters.budget_tree import average, tree_of
from vmxlint.reporters.escape import escape

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_PICTURED = ("nested-round-trip", "entry", "exit")
_BAR = 120  # pixels
_LEGAL = (
    "Cycles are what an expected pass costs at the low, typical and high price of each operation: "
    "modelled, not measured. Counts are expected (fewest-most) in one pass, of a loop as often as "
    "its text says, else once. exit:REASON is the whole way from the exit to the next VM-entry."
)


def render(budget: Budget, path: str) -> str:
    """The page of one budget: pictures of the average exit and the main paths, a table of all."""
    body = [f"<h1>{_text(path)}: cycles per pass</h1>", _basis(budget)]
    body.append(f"<p>{_text(average_of(budget))}</p>")
    trees = [tree_of(one) for one in map(budget.path, _PICTURED) if one and one.cycles.typical]
    if mix := average(budget):
        body.append("<h2>An average VM-exit of the profile, to the next VM-entry</h2>")
        body.append(_wide(picture(mix, _said(budget))))
    for tree in trees:
        body.append(f"<h2>{_text(tree.frame.name)}</h2>")
        body.append(_wide(picture(tree, _said(budget))))
    body += ["<h2>All paths</h2>", _wide(_table(budget))]
    return _page(f"{path}: cycles per pass, modelled", body, budget)


def render_difference(budget: Budget, changes: Sequence[Change], paths: Sequence[str]) -> str:
    """The page of what the second tree costs more or less, path by path."""
    old, new = paths
    body = [
        f"<h1>{_text(new)} against {_text(old)}: cycles per pass</h1>",
        _basis(budget),
        _wide(_changes(moved(changes))),
        f'<p class="basis">{said_of_others(changes)}</p>',
    ]
    return _page(f"{new} against {old}: cycles per pass, modelled", body, budget)


def _page(title: str, body: Iterable[str], budget: Budget) -> str:
    style = files(__package__).joinpath("budget.css").read_text("utf-8")
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{_text(title)}</title>",
            f"<style>\n{style}</style></head><body>",
            *body,
            f"<footer><p>{_LEGAL} {said_of_unpriced(budget.paths)}</p>"
            f"<p>Exit mix: {_text(budget.source)}. vmxlint {__version__}.</p></footer>",
            "</body></html>\n",
        ]
    )


def _said(budget: Budget) -> str:
    return f"{budget.cpu}, profile {budget.profile}, not measured"


def _basis(budget: Budget) -> str:
    return (
        f'<p class="basis">TSC cycles, modelled, not measured; CPU family {_text(budget.cpu)}, '
        f"exit mix {_text(budget.profile)}</p>"
    )


def _wide(content: str) -> str:
    return f'<div class="wide">{content}</div>'


def _table(budget: Budget) -> str:
    kinds = kinds_in(budget)
    heads = ["path", "of exits", *(name for _, name in kinds), "cycles", "low-high", "grade", ""]
    longest = max((one.cycles.high for one in budget.paths), default=0.0)
    rows = "".join(
        _row(one.context, _cells(one, budget, [kind for kind, _ in kinds], longest))
        for one in ordered(budget)
    )
    return f"<table><tr>{''.join(f'<th>{name}</th>' for name in heads)}</tr>{rows}</table>"


def _row(context: str, cells: Sequence[str]) -> str:
    common = "" if is_exit(context) else ' class="common"'
    return f"<tr{common}><td>{_text(context)}</td>{''.join(cells)}</tr>"


def _cells(path: PathCost, budget: Budget, kinds: Sequence[str], longest: float) -> list[str]:
    typical, interval, grade = priced(path)
    counts = (counted(path.operations[kind]) for kind in kinds)
    cells = [
        share_of(budget, path),
        *(f"{expected} <small>{ends}</small>" for expected, ends in counts),
        f"<b>{typical}</b>",
        interval,
        grade,
        _bar(path, longest),
    ]
    return [f"<td>{cell}</td>" for cell in cells]


def _bar(path: PathCost, longest: float) -> str:
    """The interval, and the typical cycles in it, as a bar."""
    if not path.cycles.high:
        return ""
    low, typical, high = (_BAR * end / longest for end in path.cycles)
    return (
        f'<svg width="{_BAR}" height="14" aria-hidden="true">'
        f'<rect class="span" x="{low:.1f}" y="4" width="{high - low:.1f}" height="6" rx="3"/>'
        f'<rect class="bar" x="{max(typical - 1.5, 0):.1f}" y="1" width="3" height="12"/></svg>'
    )


def _changes(changes: Sequence[Change]) -> str:
    heads = ["path", "before", "after", "difference", "low-high", ""]
    longest = max((abs(end) for one in changes for end in one.delta), default=0.0)
    rows = "".join(_changed(one, longest) for one in changes)
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f'<table><tr>{head}<th class="left">operations</th></tr>{rows}</table>'


def _changed(change: Change, longest: float) -> str:
    way = "less" if change.delta.typical < 0 else "more"
    typical, interval = difference(change)
    cells = [
        side(change.before),
        side(change.after),
        f'<b class="{way}">{typical}</b>',
        interval,
        _moved(change, longest, way),
    ]
    listed = f'<td class="left">{_text(counts_changed(change))}</td>'
    return _row(change.context, [*(f"<td>{cell}</td>" for cell in cells), listed])


def _moved(change: Change, longest: float, way: str) -> str:
    """The difference as a bar from the middle: to the left for less, to the right for more."""
    if not longest:
        return ""
    middle = _BAR / 2
    low, typical, high = (middle + middle * end / longest for end in change.delta)
    return (
        f'<svg width="{_BAR}" height="14" aria-hidden="true">'
        f'<rect class="span {way}" x="{low:.1f}" y="4" width="{max(high - low, 1):.1f}" height="6"'
        f' rx="3"/><rect class="bar {way}" x="{typical - 1.5:.1f}" y="1" width="3" height="12"/>'
        f'<line class="axis" x1="{middle}" x2="{middle}" y1="0" y2="14"/></svg>'
    )


def _text(value: str) -> str:
    return html.escape(escape(value))
