"""What the tables of a budget have in common: the order of the paths, counts and differences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vmxlint.budget import Budget, Change, Count, PathCost
from vmxlint.reporters.cycles import load_in_words, two_digits

KINDS = (
    ("vmread", "VMREAD"),
    ("vmwrite", "VMWRITE"),
    ("control_write", "controls"),
    ("msr", "MSR"),
    ("vmptrld", "VMPTRLD"),
    ("vmclear", "VMCLEAR"),
    ("tlb", "TLB"),
)
_EVEN = 0.5  # cycles; less is no difference
_TOLD = 0.05  # of an operation


def kinds_in(budget: Budget) -> list[tuple[str, str]]:
    """The kinds of operations that some path may do, each with the name of its column."""
    return [(k, name) for k, name in KINDS if any(one.operations[k].max for one in budget.paths)]


def is_exit(context: str) -> bool:
    """Whether a path is the way of one exit reason."""
    return context.startswith("exit:")


def ordered(budget: Budget) -> list[PathCost]:
    """The common and nested paths, then the exits by their share, then by their cost."""
    exits = [one for one in budget.paths if is_exit(one.context)]
    exits.sort(key=lambda one: (-budget.shares.get(one.context, 0), -one.cycles.typical))
    return [*(one for one in budget.paths if not is_exit(one.context)), *exits]


def moved(changes: Sequence[Change]) -> list[Change]:
    """The paths that cost more or less, or do what has no price more or less often: common and
    nested ones, then exits, the most moved first."""
    found = [one for one in changes if _moves(one)]
    return sorted(
        found,
        key=lambda one: (is_exit(one.context), -abs(one.delta.typical) * is_exit(one.context)),
    )


def _moves(change: Change) -> bool:
    if change.before is None or change.after is None:
        return True
    return _is_dearer(change) or bool(counts_changed(change))


def _is_dearer(change: Change) -> bool:
    return max(map(abs, change.delta)) >= _EVEN


def difference(change: Change) -> tuple[str, str]:
    """The typical cycles that a path costs more or less, and their interval."""
    if not _is_dearer(change) and counts_changed(change):
        return "not priced", ""
    low, typical, high = map(signed, change.delta)
    return typical, f"{low} to {high}"


def said_of_others(changes: Sequence[Change]) -> str:
    """How many paths cost the same; empty if none does."""
    same = len(changes) - len(moved(changes))
    noun = "path costs" if same == 1 else "paths cost"
    return f"{same} {noun} the same." if same else ""


def said_of_unpriced(paths: Iterable[PathCost]) -> str:
    """What is counted without a price; empty if nothing is."""
    found = dict.fromkeys(kind for one in paths for kind in one.unpriced)
    names = ", ".join(kind.upper() for kind in found)
    return f"Counted but not priced, for there is only a guess (grade X): {names}." if names else ""


def counted(count: Count) -> tuple[str, str]:
    """The expected count, and the fewest and most in brackets where they are not the same."""
    if not count.max:
        return "-", ""
    if count.min == count.max:
        return two_digits(count.min), ""
    expected = f"{count.expected:.1f}" if count.expected >= _TOLD else "~0"
    return expected, f"({count.min:.0f}-{count.max:.0f})"


def share_of(budget: Budget, path: PathCost) -> str:
    """How much of all exits a path is, in per cent; empty for one that the profile does not list"""
    share = budget.shares.get(path.context)
    return f"{100 * share:.1f} %" if share else ""


def priced(path: PathCost) -> tuple[str, str, str]:
    """A path's typical cycles, their interval and the grade."""
    if not path.cycles.high:
        return ("not priced", "", "X") if path.unpriced else ("0", "", "")
    low, typical, high = map(two_digits, path.cycles)
    return f"~{typical}", f"{low}-{high}", path.grade


def average_of(budget: Budget) -> str:
    """An average exit in words; empty if the profile lists none of the exits."""
    if budget.average is None:
        return ""
    low, typical, high = map(two_digits, budget.average)
    said = f"An average exit of the profile costs ~{typical} cycles ({low}-{high}), whole way"
    return f"{said}: {load_in_words(budget.load)}." if budget.load else f"{said}."


def side(path: PathCost | None) -> str:
    """A path's typical cycles on one side of a comparison."""
    return priced(path)[0] if path else "none"


def signed(value: float) -> str:
    """A difference to two digits, with its sign."""
    digits = two_digits(abs(value))
    if digits == "0":
        return "0"
    return f"-{digits}" if value < 0 else f"+{digits}"


def counts_changed(change: Change) -> str:
    """What is done more or less often: VMREAD -1.2, MSR +1.0."""
    found = []
    for kind, name in KINDS:
        more = _expected(change.after, kind) - _expected(change.before, kind)
        if abs(more) >= _TOLD:
            found.append(f"{name} {more:+.1f}")
    return ", ".join(found)


def _expected(path: PathCost | None, kind: str) -> float:
    return path.operations[kind].expected if path else 0.0
