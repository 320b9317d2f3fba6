"""New findings as replies to the quoted hunks of a patch, in the words of KVM's maintainers.

Text for a person to read, judge and send: no greeting, no verdict, and no figure without the words
"modelled, not measured".
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from vmxlint import __version__
from vmxlint.findings import Finding
from vmxlint.report import Report
from vmxlint.reporters import NAME
from vmxlint.reporters.cycles import figures
from vmxlint.reporters.escape import escape, unobeyed
from vmxlint.reporters.text import opened

_COLUMNS = 75
_SPELLED = (("VM-entry", "VM-Entry"), ("VM-exit", "VM-Exit"), ("vm-entry", "VM-Entry"))
_MANUAL = re.compile(rf"; {NAME} rule VMX\d+$")


def render(report: Report) -> str:
    """A reply to each new finding, those of one patch under its name; "" if there are none."""
    shown = [one for one in report.findings if one.suppressed is None]
    return "".join(f"{unobeyed(line)}\n" for line in _lines(shown, report))


def _lines(findings: list[Finding], report: Report) -> Iterator[str]:
    patch = None
    for finding in sorted(findings, key=lambda one: one.patch_number):
        if finding.patch and finding.patch != patch:
            patch = finding.patch
            yield from (f"In reply to {escape(patch)}:", "")
        yield from _reply(finding, report)


def _reply(finding: Finding, report: Report) -> Iterator[str]:
    quote = finding.quote
    for line in quote.lines if quote else ():
        yield f"> {_tabbed(line)}".rstrip()
    if quote:
        yield ""
    where = "" if quote and quote.is_place else _place(finding, report)
    said = _sentence(f"{finding.message}{where}")
    yield from _filled(f"{finding.rule}: {said} {_price(finding)}")
    if finding.call_path:
        yield from _filled(" -> ".join(f"{name}()" for name in finding.call_path))
    if finding.help:
        yield from ("", *_filled(_sentence(_MANUAL.sub("", finding.help))))
    yield from ("", f"Found by {NAME} {__version__} ({finding.rule}).", "")


def _place(finding: Finding, report: Report) -> str:
    """Where the code is, if it is none of the quoted lines."""
    path = opened(finding.location.path, report.prefixes)
    return f" ({path}:{finding.location.line}, outside of the quoted lines)"


def _price(finding: Finding) -> str:
    cost = finding.cost
    if cost.is_none:
        return _sentence(cost.magnitude or "")
    return f"Modelled, not measured: {figures(cost)} on {cost.cpu}, grade {cost.grade}."


def _sentence(text: str) -> str:
    """`text` with a capital letter, unless it begins with a name of the code, and a full stop."""
    first = text.split(" ", 1)[0]
    capital = text if re.search(r"\W|_|\d", first) else text[:1].upper() + text[1:]
    return capital if capital.endswith(".") else f"{capital}."


def _filled(text: str) -> list[str]:
    for ours, theirs in _SPELLED:
        text = text.replace(ours, theirs)
    return textwrap.wrap(escape(text), _COLUMNS, break_long_words=False, break_on_hyphens=False)


def _tabbed(line: bytes) -> str:
    return "\t".join(map(escape, line.split(b"\t")))
