"""For pre-commit: what a change brings to the files that were passed, in any number of batches."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from vmxlint.change.compare import difference
from vmxlint.change.look import Looking, Seen, look, nothing
from vmxlint.change.parts import Snapshot, part, snapshot
from vmxlint.change.series import Series
from vmxlint.change.subtract import opened
from vmxlint.model.dialect import candidates
from vmxlint.report import Report

_VMX = re.compile(rb"vmcs|vmread|vmwrite|vmptrld|vmlaunch|vmresume|invept|invvpid", re.I)


def hooked(series: Series, passed: Sequence[bytes], looking: Looking) -> Report:
    """The report on what the change brings that touches a file that is `passed`.

    A passed file that the change leaves alone is reported whole. A finding that touches none of the
    changed files goes with the first of them, so that one batch of several tells it.
    """
    dialects = list(candidates(looking.options.dialect))
    parts = {
        found
        for path in passed
        for tree in (series.trees[0], series.trees[-1])
        if (found := part(tree, path, dialects)) is not None
    }
    old, new = (snapshot(tree, sorted(parts)) for tree in (series.trees[0], series.trees[-1]))
    if not any(map(_VMX.search, (*old.files.values(), *new.files.values()))):
        return nothing(looking.options)
    changed = _changed(old, new)
    whole = {path for path in passed if path in new.files} - changed
    if not changed and not whole:
        return nothing(looking.options)
    before, after = look([old, new], replace(looking, paths=sorted(parts)))
    brought = difference(before, after, old, new).new
    wanted = [one for one in brought if _is_for(one, set(passed), changed)]
    wanted += [one for one in after.seen if one.file in whole and one not in wanted]
    order = {id(one): number for number, one in enumerate(after.seen)}
    findings = [one.finding for one in sorted(wanted, key=lambda one: order[id(one)])]
    report = after.report._replace(findings=tuple(findings))
    return report._replace(prefixes=opened(looking.shown, [after]))


def _changed(old: Snapshot, new: Snapshot) -> set[bytes]:
    paths = {*old.files, *new.files}
    return {path for path in paths if old.files.get(path) != new.files.get(path)}


def _is_for(seen: Seen, passed: set[bytes], changed: set[bytes]) -> bool:
    touched = {seen.file, *(file for file, _ in seen.places)}
    if touched & changed:
        return bool(touched & changed & passed)
    return min(changed) in passed
