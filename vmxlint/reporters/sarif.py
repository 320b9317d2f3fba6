"""SARIF 2.1.0 for GitHub code scanning, VS Code and Azure DevOps.

The document is built of sarif_om's objects and written by `_plain`, because jschema-to-python
drops every value that equals its default: a result's level "warning" would be read as "note".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import sarif_om

from vmxlint import __version__
from vmxlint.report import NotUnderstood, Report
from vmxlint.reporters import INFORMATION_URI, NAME
from vmxlint.reporters.cycles import dearest
from vmxlint.reporters.document import dumped
from vmxlint.reporters.escape import escape
from vmxlint.reporters.sarif_places import ROOT, artifact, is_below_root, sentence
from vmxlint.reporters.sarif_result import FORM, result

MOST_RESULTS = 5000  # GitHub shows no more
MOST_PLACES = 100
_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_TAGS = ["performance", "vmx", "kvm", "hot-path"]
_PRECISION = {"default": "high", "audit": "medium"}
_PROBLEM_SEVERITY = {"error": "error", "warning": "warning", "note": "recommendation"}
_LONGEST_DESCRIPTION = 1024  # characters, GitHub's limit


class RuleLike(Protocol):
    """What a rule says of itself."""

    @property
    def id(self) -> str:
        """`VMX101`."""

    @property
    def name(self) -> str:
        """`control-toggle`."""

    @property
    def severity(self) -> str:
        """`error`, `warning` or `note`."""

    @property
    def tier(self) -> str:
        """`default` or `audit`."""

    @property
    def summary(self) -> str:
        """One sentence."""

    @property
    def manual(self) -> str:
        """The long text, paragraphs apart by an empty line."""


class ProvenanceLike(Protocol):
    """A commit of a repository."""

    @property
    def repository(self) -> str:
        """An absolute URI."""

    @property
    def revision(self) -> str:
        """The commit's id."""

    @property
    def branch(self) -> str | None:
        """The branch that is checked out, if one is."""

    @property
    def is_root(self) -> bool:
        """Whether the analysed tree is the repository's root."""


def render(
    report: Report,
    rules: Sequence[RuleLike],
    *,
    suppressed: bool = False,
    category: str | None = None,
    provenance: ProvenanceLike | None = None,
) -> str:
    """One run with all `rules`, fired or not, and the findings, suppressed ones if asked for.

    Not indented: that takes six times as long for a full file.
    """
    findings = [one for one in report.findings if suppressed or one.suppressed is None]
    kept = dearest(findings, MOST_RESULTS)
    index = {rule.id: number for number, rule in enumerate(rules)}
    run = sarif_om.Run(
        tool=sarif_om.Tool(driver=_driver(rules)),
        invocations=[_invocation(report, left_out=len(findings) - len(kept))],
        original_uri_base_ids={ROOT: _described("The root of the tree that was analysed.")},
        column_kind="utf16CodeUnits",
        results=[result(finding, index.get(finding.rule, -1), suppressed) for finding in kept],
        automation_details=_automation(category) if category else None,
        version_control_provenance=[_commit(provenance)] if provenance else None,
    )
    log = sarif_om.SarifLog(schema_uri=_SCHEMA, version="2.1.0", runs=[run])
    return dumped(_plain(log))


def _automation(category: str) -> sarif_om.RunAutomationDetails:
    """GitHub takes what stands before the last slash for the category."""
    return sarif_om.RunAutomationDetails(id=f"{escape(category).rstrip('/')}/")


def _commit(one: ProvenanceLike) -> sarif_om.VersionControlDetails:
    return sarif_om.VersionControlDetails(
        repository_uri=one.repository,
        revision_id=one.revision,
        branch=None if one.branch is None else escape(one.branch),
        mapped_to=sarif_om.ArtifactLocation(uri_base_id=ROOT) if one.is_root else None,
    )


def _driver(rules: Sequence[RuleLike]) -> sarif_om.ToolComponent:
    return sarif_om.ToolComponent(
        name=NAME,
        full_name=f"{NAME} {__version__}",
        version=__version__,
        semantic_version=__version__,
        information_uri=INFORMATION_URI,
        rules=[_rule(rule) for rule in rules],
    )


def _rule(rule: RuleLike) -> sarif_om.ReportingDescriptor:
    text = sarif_om.MultiformatMessageString
    return sarif_om.ReportingDescriptor(
        id=rule.id,
        name="".join(word.capitalize() for word in rule.name.split("-")),
        short_description=text(text=rule.summary),
        full_description=text(text=_opening(rule.manual)),
        help=text(text=rule.manual, markdown=rule.manual),
        message_strings={FORM: text(text="{0} Cost: {1}.")},
        default_configuration=sarif_om.ReportingConfiguration(level=rule.severity),
        properties={
            "tags": _TAGS,
            "precision": _PRECISION[rule.tier],
            "problem.severity": _PROBLEM_SEVERITY[rule.severity],
        },
    )


def _opening(manual: str) -> str:
    """The first two paragraphs of a manual on one line, no longer than GitHub takes."""
    paragraphs = " ".join(" ".join(manual.strip().split("\n\n")[:2]).split())
    if len(paragraphs) <= _LONGEST_DESCRIPTION:
        return paragraphs
    return paragraphs[: _LONGEST_DESCRIPTION - 3] + "..."


def _invocation(report: Report, left_out: int) -> sarif_om.Invocation:
    """A run that worked, with what it could not read and what did not fit."""
    places = report.coverage.not_understood
    notifications = [_not_understood(place) for place in places[:MOST_PLACES]]
    if len(places) > MOST_PLACES:
        more = len(places) - MOST_PLACES
        notifications.append(_notification(f"{more} more places were not understood"))
    if left_out:
        notifications.append(_notification(f"{left_out} cheaper results were left out"))
    if report.replaced:
        rows = ", ".join(report.replaced)
        notifications.append(_notification(f"From {report.model_file}, measured here: {rows}"))
    return sarif_om.Invocation(
        execution_successful=True, tool_execution_notifications=notifications
    )


def _not_understood(place: NotUnderstood) -> sarif_om.Notification:
    text = f"Not understood: {place.reason}"
    if not is_below_root(place.path):
        return _notification(text, level="note")
    region = sarif_om.Region(start_line=place.line) if place.line > 0 else None
    physical = sarif_om.PhysicalLocation(artifact_location=artifact(place.path), region=region)
    where = sarif_om.Location(physical_location=physical)
    return _notification(text, level="note", locations=[where])


def _notification(text: str, **more: object) -> sarif_om.Notification:
    return sarif_om.Notification(message=sarif_om.Message(text=sentence(text)), **more)


def _described(text: str) -> sarif_om.ArtifactLocation:
    return sarif_om.ArtifactLocation(description=sarif_om.Message(text=text))


def _plain(node: object) -> object:
    """`node` as plain data: of an attrs object all but None and the -1 that stands for it."""
    if hasattr(node, "__attrs_attrs__"):
        values = ((field, getattr(node, field.name)) for field in node.__attrs_attrs__)
        return {
            field.metadata["schema_property_name"]: _plain(value)
            for field, value in values
            if value is not None and not value == field.default == -1
        }
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items()}
    return [_plain(value) for value in node] if isinstance(node, list) else node
