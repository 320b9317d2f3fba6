"""A budget, or the difference of two, as JSON: a contract to which fields are only ever added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vmxlint import __version__
from vmxlint.budget import Budget, Change, PathCost, Place, Step
from vmxlint.reporters import NAME
from vmxlint.reporters.cycles import ends, load_data
from vmxlint.reporters.document import dumped

_DECIMALS = 6  # of counts and cycles, so that the steps still add up to their path


def render(budget: Budget) -> str:
    """Every path of a budget with its counts, cycles and call paths."""
    average = {
        "cycles": ends(budget.average, _DECIMALS),
        "load": load_data(budget.load) if budget.load else None,
    }
    paths = [{**_path(one), "share": _share(budget, one)} for one in budget.paths]
    return _written({**_head(budget), "average_exit": average, "paths": paths})


def render_difference(old: Budget, new: Budget, changes: Sequence[Change]) -> str:
    """The paths of the new budget, and what each costs more or less than in the old one."""
    return _written({**_head(new), "changes": [_change(one) for one in changes]})


def _head(budget: Budget) -> dict[str, object]:
    return {
        "version": 1,
        "tool": {"name": NAME, "version": __version__},
        "cpu": budget.cpu,
        "profile": budget.profile,
        "source": budget.source,
        "dialect": budget.dialect,
        "modelled": True,
    }


def _share(budget: Budget, path: PathCost) -> float | None:
    share = budget.shares.get(path.context)
    return None if share is None else round(share, _DECIMALS)


def _path(path: PathCost) -> dict[str, object]:
    return {
        "context": path.context,
        "operations": _operations(path),
        "cycles": ends(path.cycles, _DECIMALS),
        "grade": path.grade,
        "not_priced": list(path.unpriced),
        "steps": [_step(one) for one in path.steps],
    }


def _operations(path: PathCost) -> Mapping[str, object]:
    return {
        kind: {
            "min": round(count.min, _DECIMALS),
            "expected": round(count.expected, _DECIMALS),
            "max": round(count.max, _DECIMALS),
        }
        for kind, count in path.operations.items()
    }


def _step(step: Step) -> dict[str, object]:
    return {
        "call_path": [one.name for one in step.calls],
        "operation": step.kind,
        "operand": step.operand,
        **_place(step.place),
        "expected": round(step.expected, _DECIMALS),
        "cycles": ends(step.cycles, _DECIMALS),
        "row": step.row,
        "grade": step.grade,
    }


def _place(place: Place | None) -> dict[str, object]:
    return {"path": place.path, "line": place.line} if place else {"path": None, "line": None}


def _change(change: Change) -> dict[str, object]:
    return {
        "context": change.context,
        "before": _side(change.before),
        "after": _side(change.after),
        "delta": {
            "low": round(change.delta.low, _DECIMALS),
            "typical": round(change.delta.typical, _DECIMALS),
            "high": round(change.delta.high, _DECIMALS),
        },
        "operations": {
            "before": _operations(change.before) if change.before else None,
            "after": _operations(change.after) if change.after else None,
        },
    }


def _side(path: PathCost | None) -> dict[str, float] | None:
    return ends(path.cycles, _DECIMALS) if path else None


def _written(document: object) -> str:
    return dumped(document)
