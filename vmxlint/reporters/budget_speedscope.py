"""speedscope's own file format: one profile a path, for its time order, left heavy and sandwich
views. A sample is a call path, its weight the typical cycles in one pass."""

from __future__ import annotations

from vmxlint import __version__
from vmxlint.budget import Budget, PathCost
from vmxlint.reporters.budget_frames import Frame, frames_of
from vmxlint.reporters.document import dumped

SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def render(budget: Budget, path: str) -> str:
    """The budget of what lies at `path`."""
    frames: dict[Frame, int] = {}
    profiles = [_profile(one, frames) for one in budget.paths if one.cycles.typical]
    document = {
        "$schema": SCHEMA,
        "exporter": f"vmxlint@{__version__}",
        "name": f"{path}: cycles per pass, modelled [{budget.cpu}, profile {budget.profile}]",
        "activeProfileIndex": 0,
        "shared": {"frames": [_frame(one) for one in frames]},
        "profiles": profiles,
    }
    return dumped(document)


def _profile(path: PathCost, frames: dict[Frame, int]) -> dict[str, object]:
    steps = [step for step in path.steps if step.cycles.typical]
    weights = [step.cycles.typical for step in steps]
    return {
        "type": "sampled",
        "name": f"{path.context} (modelled cycles)",
        "unit": "none",
        "startValue": 0,
        "endValue": sum(weights),
        "samples": [
            [frames.setdefault(frame, len(frames)) for frame in frames_of(step)] for step in steps
        ],
        "weights": weights,
    }


def _frame(frame: Frame) -> dict[str, object]:
    if frame.place is None or frame.place.line < 1:
        return {"name": frame.name}
    return {"name": frame.name, "file": frame.place.path, "line": frame.place.line}
