"""A suppression comment names a rule that vmxlint does not have.

What: `vmxlint: ignore[VMX999] reason`, or a name such as `control-togle`. Rules go by id or by
name; there is no word for all rules. Other names in the same bracket do their work.

Why: the comment holds nothing, and whoever reads it believes that it does.

Instead: look the id up with `vmxlint rule`, and write that.

False alarms: a rule of a later vmxlint, while an older one runs.

Misses: none known.

How to measure: nothing to measure; the comment costs no cycles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vmxlint.hits import Hit
from vmxlint.suppress import Judged, quoted

ID = "VMX902"
SEVERITY = "warning"
TIER = "default"


def check(comments: Sequence[Judged]) -> Iterator[Hit]:
    """One hit for each comment that names what is no rule."""
    for one in comments:
        if one.unknown:
            yield one.hit(
                f"this comment names {quoted(one.unknown)}, and there is no such rule",
                "not a rule",
                f"`vmxlint rule` lists the rules; vmxlint rule {ID}",
            )
