"""A budget, or the difference of two, as a table for a terminal; plain text anywhere else."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vmxlint.budget import Budget, Change, PathCost, Step
from vmxlint.reporters.budget_frames import operation
from vmxlint.reporters.budget_rows import (
    average_of,
    counted,
    counts_changed,
    difference,
    kinds_in,
    moved,
    ordered,
    priced,
    said_of_others,
    said_of_unpriced,
    share_of,
    side,
)
from vmxlint.reporters.cycles import two_digits
from vmxlint.reporters.escape import escape

_WIDTH = 240  # wide enough that nothing is cut
_DEAREST, _SHOWN_IN = 6, ("entry", "exit", "nested-round-trip")
_LONGEST = {"operation": 52, "call path": 62}
_ALWAYS = ("path", "of exits", "cycles", "low-high", "grade")
_BAR = 16  # characters


def render(budget: Budget, path: str, color: bool, width: int | None = None) -> str:
    """The table of all paths, then the dearest steps of the main ones.

    `width` is that of a terminal in columns; where it is too narrow the seldom asked for columns
    are left out.
    """
    console = _console(color, width)
    console.print(_title(f"{path}: cycles per pass", budget))
    kinds, unlimited = kinds_in(budget), console.options.update(max_width=_WIDTH)
    table = _paths(budget, kinds, with_bars=True)
    for number in range(len(kinds), 1, -1):
        if console.measure(table, options=unlimited).maximum <= console.width:
            break
        table = _paths(budget, kinds[:number], with_bars=False)
    console.print(table)
    if len(table.columns) < len(_ALWAYS) + len(kinds):
        console.print("Columns are left out; a wider terminal or --format json has them.")
    for one in budget.paths:
        if one.context in _SHOWN_IN and one.cycles.typical:
            console.print()
            console.print(f"{one.context}: dearest steps", style="bold")
            console.print(_steps(one))
    console.print()
    for line in _notes(budget):
        console.print(line, style="dim")
    return _printed(console)


def render_difference(
    budget: Budget,
    changes: Sequence[Change],
    paths: Sequence[str],
    color: bool,
    width: int | None = None,
) -> str:
    """The table of all paths that cost more or less in the second tree; `width` as in `render`."""
    console = _console(color, width)
    old, new = paths
    console.print(_title(f"{new} against {old}: cycles per pass", budget))
    if moved(changes):
        console.print(_changes(moved(changes)))
    both = [path for one in changes for path in (one.before, one.after) if path]
    for said in filter(None, (said_of_others(changes), said_of_unpriced(both))):
        console.print(said, style="dim")
    return _printed(console)


def _console(color: bool, width: int | None) -> Console:
    return Console(
        file=io.StringIO(),
        force_terminal=color,
        color_system="standard" if color else None,
        width=width or _WIDTH,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )


def _printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().split("\n"))


def _title(what: str, budget: Budget) -> Text:
    basis = f" [{budget.cpu}, profile {budget.profile}, modelled, not measured]"
    title = Text(escape(what), style="bold", no_wrap=True, overflow="ignore")
    return title.append(escape(basis), style="not bold")


def _table(*columns: str, left: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for name in columns:
        table.add_column(
            name,
            justify="left" if name in left else "right",
            no_wrap=True,
            max_width=_LONGEST.get(name),
        )
    return table


def _paths(budget: Budget, kinds: Sequence[tuple[str, str]], with_bars: bool) -> Table:
    path, share, *figures = _ALWAYS
    bar = [""] if with_bars else []
    table = _table(path, share, *(name for _, name in kinds), *figures, *bar, left=[path, *bar])
    longest = max((one.cycles.typical for one in budget.paths), default=0.0)
    for one in ordered(budget):
        typical, interval, grade = priced(one)
        table.add_row(
            Text(escape(one.context)),
            share_of(budget, one),
            *(" ".join(counted(one.operations[kind])).strip() for kind, _ in kinds),
            Text(typical, style="bold"),
            interval,
            grade,
            *([_bar(one.cycles.typical / longest if longest else 0)] if with_bars else []),
        )
    return table


def _bar(part: float) -> Text:
    return Text("█" * round(_BAR * part), style="cyan")


def _steps(path: PathCost) -> Table:
    table = _table("cycles", "times", "operation", "call path", left=["operation", "call path"])
    for one in sorted(path.steps, key=lambda step: -step.cycles.typical)[:_DEAREST]:
        table.add_row(
            f"~{two_digits(one.cycles.typical)}",
            two_digits(one.expected),
            Text(escape(operation(one))),
            Text(escape(_way(one))),
        )
    return table


def _way(step: Step) -> str:
    """The call path, its beginning left out where it is long."""
    names = [f"{one.name}()" for one in step.calls]
    shown = " -> ".join(names)
    while len(shown) > _LONGEST["call path"] and len(names) > 1:
        names = names[1:]
        shown = " -> ".join(["...", *names])
    return shown


def _notes(budget: Budget) -> Iterator[str]:
    if said := average_of(budget):
        yield said
    yield "Counts: expected (fewest-most) in one pass; controls are those of the VMWRITEs that go"
    yield "to a major control. exit:REASON is the whole way from the exit to the next VM-entry."
    if said := said_of_unpriced(budget.paths):
        yield said


def _changes(changes: Sequence[Change]) -> Table:
    table = _table(
        "path",
        "before",
        "after",
        "difference",
        "low-high",
        "operations",
        left=["path", "operations"],
    )
    for one in changes:
        typical, interval = difference(one)
        table.add_row(
            Text(escape(one.context)),
            side(one.before),
            side(one.after),
            Text(typical, style="green" if one.delta.typical < 0 else "red"),
            interval,
            counts_changed(one),
        )
    return table
