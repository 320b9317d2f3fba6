"""One Finding as one SARIF result."""

from __future__ import annotations

import sarif_om

from vmxlint.cost import RECHECK
from vmxlint.findings import Cost, Finding, Location, Term
from vmxlint.reporters.cycles import as_data, ends, in_words, two_digits
from vmxlint.reporters.document import clean
from vmxlint.reporters.escape import escape
from vmxlint.reporters.sarif_places import is_below_root, physical, sentence, unmarked

FORM = "finding"  # the message string that each rule has


def result(finding: Finding, rule_index: int, suppressions: bool = False) -> sarif_om.Result:
    """`finding` in full; `rule_index` is its rule's place in the run's list, -1 if it has none.

    With `suppressions` it says whether it is suppressed, which all results of a run say or none.
    """
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
        partial_fingerprints=_fingerprints(finding),
        suppressions=_suppressions(finding) if suppressions else None,
        properties=_properties(finding),
    )


def _fingerprints(finding: Finding) -> dict[str, str]:
    """GitHub's own, which says that a line is the same, and ours, which holds when lines move."""
    own = {"vmxlint/v1": finding.fingerprint}
    return {"primaryLocationLineHash": finding.line_hash, **own} if finding.line_hash else own


def _suppressions(finding: Finding) -> list[sarif_om.Suppression]:
    if finding.suppressed is None:
        return []
    kind = "inSource" if finding.suppressed_by == "comment" else "external"
    return [sarif_om.Suppression(kind=kind, justification=escape(finding.suppressed))]


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
    shown = [related for related in finding.related if is_below_root(related.location.path)]
    return [
        sarif_om.Location(
            id=number,
            physical_location=physical(related.location),
            message=sarif_om.Message(text=sentence(related.message)),
        )
        for number, related in enumerate(shown, 1)
    ]


def _code_flow(finding: Finding) -> sarif_om.CodeFlow:
    """The hot path: a step for each function on it, then one for each operation that a fix saves,
    with the cycles that it adds."""
    places = [*finding.call_sites, finding.location]
    steps = [
        _step(place, function, f"{function}() +0")
        for place, function in zip(places, finding.call_path, strict=True)
        if is_below_root(place.path)
    ]
    last = finding.call_path[-1]
    steps += [_step(finding.location, last, _added(term)) for term in finding.cost.terms]
    locations = [
        sarif_om.ThreadFlowLocation(location=step, nesting_level=min(depth, len(places)))
        for depth, step in enumerate(steps)
    ]
    return sarif_om.CodeFlow(thread_flows=[sarif_om.ThreadFlow(locations=locations)])


def _added(term: Term) -> str:
    """What doing an operation once costs: `VMWRITE +28 (20-50) cycles each time, modelled`."""
    low, typical, high = map(two_digits, term.cycles)
    name = "consistency checks" if term.operation == RECHECK else term.operation.upper()
    return f"{name} +{typical} ({low}-{high}) cycles each time, modelled"


def _step(place: Location, function: str, text: str) -> sarif_om.Location:
    return sarif_om.Location(
        physical_location=physical(place),
        logical_locations=_function(function),
        message=sarif_om.Message(text=unmarked(text)),
    )


def _properties(finding: Finding) -> object:
    """What VS Code shows beside a result, each key of it."""
    return clean(
        {
            "cycles": {**_cycles(finding.cost), **as_data(finding.cost)},
            "tier": finding.tier,
            "contexts": list(finding.contexts),
            "conditions": list(finding.conditions),
        },
        escape,
    )


def _cycles(cost: Cost) -> dict[str, object]:
    """The first figure of a cost, what it is per, and how often its dearest operation happens."""
    nested = not (cost.per_exit and cost.per_exit.high)
    figure = cost.per_nested_round_trip if nested else cost.per_exit
    counts = [one.per_nested_round_trip if nested else one.per_exit for one in cost.terms]
    return {
        **(ends(figure) or {}),
        "unit": "TSC cycles",
        "per": "nested round trip" if nested else cost.unit,
        "weight": ends(max(counts, key=lambda count: count.typical, default=None), 6),
        "model": f"{cost.cpu}, {cost.environment}, profile {cost.profile}",
    }
