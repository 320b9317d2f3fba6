"""A comment begins with vmxlint's name and says nothing that it understands.

What: a comment that begins with `vmxlint:` and does not go on as `ignore[RULE] reason`: without
brackets, with nothing in them, or with a misspelt word. Such a comment suppresses nothing; above
all there is no form that suppresses every rule.

Why: whoever wrote it believes that it suppresses something.

Instead: name the rules, and say why: `/* vmxlint: ignore[VMX101] set-up only, see the caller */`.

False alarms: prose that happens to begin that way.

Misses: a comment in which something else comes first is read as prose.

How to measure: nothing to measure; the comment costs no cycles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vmxlint.hits import Hit
from vmxlint.suppress import Judged

ID = "VMX903"
SEVERITY = "warning"
TIER = "default"


def check(comments: Sequence[Judged]) -> Iterator[Hit]:
    """One hit for each comment that speaks to vmxlint in a form it does not know."""
    for one in comments:
        if not one.suppression.names:
            yield one.hit(
                "this comment is no suppression that vmxlint understands",
                "not `vmxlint: ignore[RULE] reason`",
                f"name rules and say why; vmxlint rule {ID}",
            )
