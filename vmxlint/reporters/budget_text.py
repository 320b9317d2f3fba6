"""A budget, or the difference of two, as a table for a terminal; plain text anywhere else."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from vmxlint.budget import Budget, Change, Count, PathCost, Step
from vmxlint.reporters.budget_frames import operation
from vmxlint.reporters.cycles import two_digits
from vmxlint.reporters.escape import escape

_WIDTH = 132
_KINDS = (
    ("vmread", "VMREAD"),
    ("vmwrite", "VMWRITE"),
    ("control_write", "controls"),
    ("msr", "MSR"),
    ("vmptrld", "VMPTRLD"),
    ("vmclear", "VMCLEAR"),
    ("tlb", "TLB"),
)
_DEAREST, _SHOWN_IN = 6, ("entry", "exit", "nested-round-trip")
_BAR = 16  # characters
_EVEN = 0.5  # cycles; less is no difference


def render(budget: Budget, path: str, color: bool) -> str:
    """The table of all paths, then the dearest steps of the main ones."""
    console = _console(color)
    console.print(_title(f"{path}: cycles per pass", budget))
    console.print(_paths(budget))
    for one in budget.paths:
        if one.context in _SHOWN_IN:
            console.print()
            console.print(f"{one.context}: dearest steps", style="bold")
            console.print(_steps(one))
    console.print()
    for line in _notes(budget):
        console.print(line, style="dim")
    return _printed(console)


def render_difference(
    budget: Budget, changes: Sequence[Change], paths: Sequence[str], color: bool
) -> str:
    """The table of all paths that cost more or less in the second tree."""
    console = _console(color)
    old, new = paths
    console.print(_title(f"{new} against {old}: cycles per pass", budget))
    moved = [one for one in changes if _moves(one)]
    console.print(_changes(moved))
    same = len(changes) - len(moved)
    if same:
        console.print(f"{same} {'path costs' if same == 1 else 'paths cost'} the same", style="dim")
    return _printed(console)


def _console(color: bool) -> Console:
    return Console(
        file=io.StringIO(),
        force_terminal=color,
        color_system="standard" if color else None,
        width=_WIDTH,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
        _environ={},
    )


def _printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().split("\n")
    return "\n".join(line.rstrip() for line in lines)


def _title(what: str, budget: Budget) -> Text:
    basis = f" [{budget.cpu}, profile {budget.profile}, modelled, not measured]"
    return Text(escape(what), style="bold").append(escape(basis), style="not bold")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number == 0 else "right", no_wrap=True)
    return table


def _paths(budget: Budget) -> Table:
    shown = [(key, name) for key, name in _KINDS if any(_most(one, key) for one in budget.paths)]
    table = _table("path", "of exits", *(name for _, name in shown), "cycles", "low-high", "grade")
    table.add_column("")
    longest = max((one.cycles.typical for one in budget.paths), default=0.0)
    for one in _ordered(budget):
        low, typical, high = map(two_digits, one.cycles)
        table.add_row(
            Text(escape(one.context)),
            _share(budget.shares.get(one.context)),
            *(_count(one.operations[key]) for key, _ in shown),
            Text(f"~{typical}", style="bold"),
            f"{low}-{high}",
            one.grade,
            Text("█" * round(_BAR * one.cycles.typical / longest) if longest else "", style="cyan"),
        )
    return table


def _ordered(budget: Budget) -> list[PathCost]:
    """The common paths, the exits by their share and then their cost, the nested and other ones."""
    exits = [one for one in budget.paths if one.context.startswith("exit:")]
    exits.sort(key=lambda one: (-budget.shares.get(one.context, 0), -one.cycles.typical))
    common = [one for one in budget.paths if one.context in ("entry", "exit")]
    rest = [one for one in budget.paths if one not in exits and one not in common]
    return [*common, *rest, *exits]


def _most(path: PathCost, kind: str) -> float:
    return path.operations[kind].max


def _share(share: float | None) -> str:
    return f"{100 * share:.1f} %" if share else ""


def _count(count: Count) -> str:
    """`expected (min-max)`, or one figure where all are the same."""
    if not count.max:
        return "-"
    if count.min == count.max:
        return two_digits(count.min)
    return f"{_number(count.expected)} ({count.min:.0f}-{count.max:.0f})"


def _number(value: float) -> str:
    return f"{value:.1f}" if value >= 0.05 else "~0"


def _steps(path: PathCost) -> Table:
    table = _table("", "cycles", "times", "operation", "call path")
    table.columns[3].justify = table.columns[4].justify = "left"
    table.columns[4].overflow = "ellipsis"
    dearest = sorted(path.steps, key=lambda one: -one.cycles.typical)[:_DEAREST]
    for one in dearest:
        table.add_row(
            "",
            f"~{two_digits(one.cycles.typical)}",
            two_digits(one.expected),
            Text(escape(operation(one))),
            Text(escape(_way(one))),
        )
    return table


def _way(step: Step) -> str:
    names = [f"{one.name}()" for one in step.calls]
    shown = names if len(names) <= 3 else [names[0], "...", *names[-2:]]
    return " -> ".join(shown)


def _notes(budget: Budget) -> Iterable[str]:
    yield "Counts: expected (fewest-most) in one pass; controls are those of the VMWRITEs that go"
    yield "to a major control. exit:REASON is the whole way from the exit to the next VM-entry."
    unpriced = dict.fromkeys(kind for one in budget.paths for kind in one.unpriced)
    if unpriced:
        names = ", ".join(kind.upper() for kind in unpriced)
        yield f"Counted but not priced, for there is only a guess (grade X): {names}."


def _moves(change: Change) -> bool:
    if change.before is None or change.after is None:
        return True
    return max(map(abs, change.delta)) >= _EVEN


def _changes(changes: Sequence[Change]) -> Table:
    table = _table("path", "before", "after", "difference", "low-high", "operations")
    table.columns[5].justify = "left"
    for one in changes:
        style = "green" if one.delta.typical < 0 else "red"
        table.add_row(
            Text(escape(one.context)),
            _cycles(one.before),
            _cycles(one.after),
            Text(signed(one.delta.typical), style=style),
            f"{signed(one.delta.low)} to {signed(one.delta.high)}",
            counts_changed(one),
        )
    return table


def _cycles(path: PathCost | None) -> str:
    return f"~{two_digits(path.cycles.typical)}" if path else "none"


def signed(value: float) -> str:
    """A difference to two digits, with its sign."""
    digits = two_digits(abs(value))
    if digits == "0":
        return "0"
    return f"-{digits}" if value < 0 else f"+{digits}"


def counts_changed(change: Change) -> str:
    """What is done more or less often: VMREAD -1.2, MSR +1."""
    found = []
    for kind, name in _KINDS:
        more = _expected(change.after, kind) - _expected(change.before, kind)
        if abs(more) >= 0.05:
            found.append(f"{name} {more:+.1f}")
    return ", ".join(found)


def _expected(path: PathCost | None, kind: str) -> float:
    return path.operations[kind].expected if path else 0.0
