"""A suppression comment names a rule that finds nothing there.

What: `vmxlint: ignore[VMX101] reason` where VMX101 looked and has nothing to report on the line of
the comment, or on the next line if the comment stands alone. Rules that did not look, because of
--select or without --audit, are not spoken of.

Why: the code was mended or moved, and the comment would hide the next finding without anybody
having looked at it.

Instead: delete the comment, or the name of that rule in it; or move it to the first line of the
finding.

False alarms: none known. In a branch of `#if` that vmxlint does not read, a comment holds nothing.

Misses: a comment that holds another finding of the same rule than the one it was written for.

How to measure: nothing to measure; the comment costs no cycles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vmxlint.hits import Hit
from vmxlint.suppress import Judged, quoted

ID = "VMX900"
SEVERITY = "warning"
TIER = "default"


def check(comments: Sequence[Judged]) -> Iterator[Hit]:
    """One hit for each comment with a name too many."""
    for one in comments:
        if one.unused:
            yield one.hit(
                f"this comment suppresses {quoted(one.unused)}, and there is nothing to suppress",
                "holds nothing",
                f"delete what holds nothing; vmxlint rule {ID}",
            )
