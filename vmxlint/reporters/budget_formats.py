"""The formats of a budget; only the one asked for is imported."""

from __future__ import annotations

from collections.abc import Sequence

from vmxlint.budget import Budget, compared


def rendered(budget: Budget, path: str, form: str, color: bool, width: int | None) -> str:
    """A budget in one of the formats; `path` is what the user asked for, `width` a terminal's."""
    if form == "json":
        from vmxlint.reporters import budget_json

        return budget_json.render(budget)
    if form == "folded":
        from vmxlint.reporters import budget_folded

        return budget_folded.render(budget)
    if form == "speedscope":
        from vmxlint.reporters import budget_speedscope

        return budget_speedscope.render(budget, path)
    if form == "html":
        from vmxlint.reporters import budget_html

        return budget_html.render(budget, path)
    from vmxlint.reporters import budget_text

    return budget_text.render(budget, path, color, width)


def rendered_difference(
    old: Budget, new: Budget, paths: Sequence[str], form: str, color: bool, width: int | None
) -> str:
    """The difference of two budgets as JSON, HTML or text."""
    changes = compared(old, new)
    if form == "json":
        from vmxlint.reporters import budget_json

        return budget_json.render_difference(old, new, changes)
    if form == "html":
        from vmxlint.reporters import budget_html

        return budget_html.render_difference(new, changes, paths)
    from vmxlint.reporters import budget_text

    return budget_text.render_difference(new, changes, paths, color, width)
