"""One Finding as one SARIF result."""

from __future__ import annotations

from itertools import pairwise

import sarif_om

from vmxlint.findings import Finding, Location
from vmxlint.reporters.cycles import as_data, in_words
from vmxlint.reporters.escape import escape
from vmxlint.reporters.sarif_places import physical, sentence

FORM = "finding"  # the message string that each rule has


def result(finding: Finding, rule_index: int) -> sarif_om.Result:
    """`finding` in full; `rule_index` is its rule's place in the run's list, -1 if it has none."""
    return sarif_om.Result(
        rule_id=finding.rule,
        rule_index=rule_index,
        level=finding.severity,
        message=_message(finding),
        locations=[
            sarif_om.Location(
                physical_location=physical(finding.location),
                logical_locations=_function(finding.function),
            )
        ],
        related_locations=_related(finding) or None,
        code_flows=[_code_flow(finding)] if finding.call_path else None,
        partial_fingerprints={"vmxlint/v1": finding.fingerprint},
        properties=_properties(finding),
    )


def _message(finding: Finding) -> sarif_om.Message:
    """The whole text, which all consumers want, and the parts of it, which the standard prefers."""
    parts = [sentence(finding.message), sentence(in_words(finding.cost)).removesuffix(".")]
    return sarif_om.Message(text=f"{parts[0]} Cost: {parts[1]}.", id=FORM, arguments=parts)


def _function(name: str | None) -> list[sarif_om.LogicalLocation] | None:
    if name is None:
        return None
    safe = escape(name)
    return [sarif_om.LogicalLocation(name=safe, fully_qualified_name=safe, kind="function")]


def _related(finding: Finding) -> list[sarif_om.Location]:
    shown = [related for related in finding.related if _is_below_root(related.location)]
    return [
        sarif_om.Location(
            id=number,
            physical_location=physical(related.location),
            message=sarif_om.Message(text=sentence(related.message)),
        )
        for number, related in enumerate(shown, 1)
    ]


def _code_flow(finding: Finding) -> sarif_om.CodeFlow:
    """The call path, one step a call, then the finding's own place."""
    steps = [
        _step(site, caller, f"{caller}() calls {callee}()")
        for site, (caller, callee) in zip(
            finding.call_sites, pairwise(finding.call_path), strict=True
        )
        if _is_below_root(site)
    ]
    last = finding.call_path[-1]
    end = _step(finding.location, last, f"{last}(): {in_words(finding.cost)}")
    locations = [
        sarif_om.ThreadFlowLocation(location=step, nesting_level=depth)
        for depth, step in enumerate([*steps, end])
    ]
    return sarif_om.CodeFlow(thread_flows=[sarif_om.ThreadFlow(locations=locations)])


def _is_below_root(place: Location) -> bool:
    """SARIF has no name for a place above the analysed root, where a narrowed PATH can lead."""
    return not place.path.startswith("../")


def _step(place: Location, function: str, text: str) -> sarif_om.Location:
    return sarif_om.Location(
        physical_location=physical(place),
        logical_locations=_function(function),
        message=sarif_om.Message(text=sentence(text)),
    )


def _properties(finding: Finding) -> dict[str, object]:
    return {
        "cycles": as_data(finding.cost),
        "tier": finding.tier,
        "contexts": list(finding.contexts),
        "conditions": list(finding.conditions),
    }
