"""One condition on the way to some code, what it is about, and how probable it is."""

from __future__ import annotations

from typing import NamedTuple

from vmxlint.contexts.flags import Setter
from vmxlint.facts import spelled, walk
from vmxlint.flow import Condition
from vmxlint.interval import Interval, exactly
from vmxlint.model.probabilities import chance

# Probability that a condition holds where nothing is known of it. An early way out is seldom taken.
UNKNOWN = chance("condition")
STAYS = chance("no-early-return")
LEAVES = chance("early-return")
BUILD = chance("build")
LIKELY = chance("likely")
RARELY = chance("unlikely")
DECIDED = chance("decided-by-the-call")
NEVER = exactly(0)
_SELDOM = 0.5


class Gate(NamedTuple):
    """A condition on the way to some code, and what it is about.

    Kinds: "reason" (`reasons` are those for which it holds, or if not `among`, does not),
    "guest-mode", "request" (a queued request to the vCPU), "build" (configuration of the build, the
    module or the CPU), "failure", "table" (a handler table has a row for the reason), "flag"
    (`setters` make it true, the guarded code takes it back), "memo" (the guarded code updates what
    is tested, or fills a cache that is read behind it), "hint" (`likely`, `unlikely`, known state)
    and "state".
    `holds` is the truth value needed, `early` as in `flow.Condition`. Of a test of one parameter,
    `parameter` is its name: the call into the function may decide it.
    """

    kind: str
    condition: Condition
    holds: bool
    probability: Interval
    reasons: frozenset[str] = frozenset()
    among: bool = True
    setters: tuple[Setter, ...] = ()
    parameter: str = ""

    @property
    def early(self) -> bool:
        """Whether the condition holds because an earlier arm left the function."""
        return self.condition.early

    @property
    def is_exceptional(self) -> bool:
        """Whether the code behind runs for a request or after a failure only."""
        return self.kind in ("request", "failure") and self.probability.typical < _SELDOM

    @property
    def flag(self) -> str:
        """The same for all gates that wait for one flag."""
        names = [one.text for one in walk(self.condition.test)]  # of a bit: its member and mask
        return f"{' '.join(names if names[0] == '&' else names[:1])}:{self.holds}"

    @property
    def spelled(self) -> str:
        """The condition as C, in the form in which it holds."""
        if self.kind == "build" and self.condition.test.kind == "number":
            return "#if"
        text = spelled(self.condition.test)
        if self.condition.cases:
            text = f"{text} is {' or '.join(map(spelled, self.condition.cases))}"
        return text if self.condition.holds else _negated(text)


def _negated(text: str) -> str:
    if text.replace("->", "").replace(".", "").isidentifier():
        return f"!{text}"
    for operator, opposite in ((" == ", " != "), (" != ", " == "), (" is ", " is not ")):
        if text.count(operator) == 1 and not any(sign in text for sign in ("&&", "||", "?")):
            return text.replace(operator, opposite)
    return f"!({text})"
