"""The formats of a budget; only the one asked for is imported."""

from __future__ import annotations

from collections.abc import Sequence

from vmxlint.budget import Budget, compared

DIFFERENCES = ("text", "json", "html")


class NoFormatError(Exception):
    """A difference has no such form."""


def rendered(budget: Budget, path: str, form: str, color: bool) -> str:
    """A budget in one of the formats; `path` is what the user asked for."""
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

    return budget_text.render(budget, path, color)


def rendered_difference(
    old: Budget, new: Budget, paths: Sequence[str], form: str, color: bool
) -> str:
    """The difference of two budgets; NoFormatError for a format of one tree only."""
    if form not in DIFFERENCES:
        raise NoFormatError(f"two trees are compared as {', '.join(DIFFERENCES)}, not as {form}")
    changes = compared(old, new)
    if form == "json":
        from vmxlint.reporters import budget_json

        return budget_json.render_difference(old, new, changes)
    if form == "html":
        from vmxlint.reporters import budget_html

        return budget_html.render_difference(new, changes, paths)
    from vmxlint.reporters import budget_text

    return budget_text.render_difference(new, changes, paths, color)
