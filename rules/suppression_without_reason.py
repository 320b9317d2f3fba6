"""A suppression comment does not say why.

What: `vmxlint: ignore[VMX101]` and nothing behind the bracket. Such a comment suppresses nothing.

Why: whoever reads the code next has to know whether the finding was measured, argued about, or only
in the way.

Instead: write the reason behind the bracket: `vmxlint: ignore[VMX101] set-up only, see the caller`.

False alarms: none known.

Misses: a reason that says nothing.

How to measure: nothing to measure; the comment costs no cycles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vmxlint.hits import Hit
from vmxlint.suppress import Judged

ID = "VMX901"
SEVERITY = "warning"
TIER = "default"


def check(comments: Sequence[Judged]) -> Iterator[Hit]:
    """One hit for each comment that names rules and gives no reason."""
    for one in comments:
        if one.suppression.names and not one.suppression.reason:
            yield one.hit(
                "this comment gives no reason, so it suppresses nothing",
                "no reason behind the bracket",
                f"say why behind the bracket; vmxlint rule {ID}",
            )
