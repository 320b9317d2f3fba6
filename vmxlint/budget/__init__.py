"""Budgets: what each hot path of a program does and costs in one pass, finding or not."""

from __future__ import annotations

from vmxlint.budget.comparison import Change, Difference, compared
from vmxlint.budget.making import budget_of
from vmxlint.budget.paths import Budget, Call, Count, PathCost, Place, Step

__all__ = [
    "Budget",
    "Call",
    "Change",
    "Count",
    "Difference",
    "PathCost",
    "Place",
    "Step",
    "budget_of",
    "compared",
]
