"""The formats by name: a report as the text of one of them, importing no other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vmxlint.report import Report

if TYPE_CHECKING:
    from vmxlint.change.provenance import Provenance

FORMATS = ("text", "concise", "json", "sarif", "github", "rdjson", "mailback")


class Style(NamedTuple):
    """What a user may ask of the formats; each takes what concerns it."""

    color: bool = False
    show_suppressed: bool = False
    sarif_suppressed: bool = False
    sarif_category: str | None = None
    provenance: Provenance | None = None


def rendered(report: Report, form: str, style: Style) -> str:
    """`report` in the format called `form`, which is one of FORMATS."""
    if form == "json":
        from vmxlint.reporters import json_v1

        return json_v1.render(report)
    if form == "sarif":
        from vmxlint.registry import rules
        from vmxlint.reporters import sarif

        return sarif.render(
            report,
            rules(),
            suppressed=style.sarif_suppressed,
            category=style.sarif_category,
            provenance=style.provenance,
        )
    if form == "github":
        from vmxlint.reporters import github

        return github.render(report)
    if form == "rdjson":
        from vmxlint.reporters import rdjson

        return rdjson.render(report)
    if form == "mailback":
        from vmxlint.reporters import mailback

        return mailback.render(report)
    from vmxlint.reporters import change, text

    if form == "concise":
        return text.concise(report, style.color, style.show_suppressed)
    return text.render(report, style.color, style.show_suppressed) + change.render(report)
