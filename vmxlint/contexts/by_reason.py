"""The ways through a test of the exit reason."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial

from vmxlint.contexts.gate import Gate
from vmxlint.contexts.reach import (
    EXIT,
    NESTED_ENTRY,
    NESTED_EXIT,
    exit_for,
    nested_share,
    share_of,
)
from vmxlint.interval import ONCE, Interval, exactly
from vmxlint.model.profiles import Profile


def through_reason(
    context: str, gate: Gate, handled: Collection[str], profile: Profile
) -> list[tuple[str, Interval]]:
    """The contexts behind a test of the exit reason, each with its probability; `handled` are the
    reasons that have a handler of their own, or are tested for."""
    here = context.removeprefix("exit:")
    if context == EXIT:
        if gate.among:
            chance = partial(share_of, handled=handled)
            return [(exit_for(one), chance(one)) for one in sorted(gate.reasons)]
        rest = max(0.0, 1 - sum(map(profile.share, gate.reasons)))
        return [(EXIT, exactly(rest))]
    if here != context and (here in gate.reasons) != gate.among:
        return []
    if context == NESTED_ENTRY:
        share = nested_share(gate.reasons, handled)
        return [(NESTED_ENTRY, share if gate.among else share.complement())]
    if context == NESTED_EXIT:
        share = Interval(0, min(1.0, sum(map(profile.share, gate.reasons))), 1)
        return [(NESTED_EXIT, share if gate.among else share.complement())]
    return [(context, ONCE)]
