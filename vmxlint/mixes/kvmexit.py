"""bcc's `kvmexit`: a title, a head that ends in KVM_EXIT_REASON COUNT, and rows."""

from __future__ import annotations

import re
from collections.abc import Iterable

from vmxlint.mixes.lines import Line, MixError
from vmxlint.mixes.mix import INTEGER, Counting, Mix

NAME = "bcc kvmexit"
_HEAD = re.compile(r"^(?:\^C)?\s*(?:\w+\s+)*KVM_EXIT_REASON\s+(?:COUNT|STAT)\b")
_ROW = re.compile(
    rf"^(?:\^C)?\s*(?:\d.*\s)?(?P<reason>[A-Za-z]\w*)\s+(?P<count>{INTEGER})(?:\s+[\d.]+)*\s*$"
)
_SLEPT = re.compile(r"after sleeping (\d{1,9}) secs")
_TITLE = "kvm exit reasons and statistics"
_OTHER = re.compile(r"^\s*(?:\S*[#$](?:\s.*)?|Traceback\b.*)$")  # a prompt, or what it is about


def recognises(text: str) -> bool:
    """Whether a line is the title or the head of a table."""
    return bool(_HEAD.match(text) or _TITLE in text)


def read(path: str, lines: Iterable[Line]) -> Mix:
    """The samples of all tables; MixError for a damaged row."""
    counting = Counting(path)
    slept: list[float | None] = []
    within = False
    for line in lines:
        if _TITLE in line.text:
            found = _SLEPT.search(line.text)
            slept.append(float(found[1]) if found else None)
            within = False
        elif _HEAD.match(line.text):
            within = True
        elif within and (row := _ROW.match(line.text)):
            counting.add(row["reason"], row["count"], line)
        elif _OTHER.match(line.text):
            within = False
        elif within and line.text.strip() not in ("", "^C"):
            raise MixError(path, line.number, f"not a row of {NAME}: {line.text.strip()[:60]!r}")
    known = [one for one in slept if one]
    return counting.mix(sum(known) if known and len(known) == len(slept) else None)
