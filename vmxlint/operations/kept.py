"""The operations that a helper passes on to its callers: how they are kept, and told apart."""

from __future__ import annotations

from collections.abc import Sequence

from vmxlint.facts import spelled, walk
from vmxlint.operations.templates import Template

_MOST_TEMPLATES = 32


def keep(templates: dict[tuple[str, str, str], Template], template: Template) -> None:
    """Add a template; `field + 1`, the high half on a 32-bit host, is no operation of its own, and
    of the two the other one is made in every build."""
    base = next((one.text for one in walk(template.field) if one.kind == "name"), "")
    value = spelled(template.value) if template.value else ""
    twins = [key for key in templates if key[:2] == (template.kind, base)]
    if template.field.kind == "binary" and twins:
        for key in twins:
            templates[key] = _in_every_build(templates[key])
        return
    for key in twins:
        if templates[key].field.kind == "binary":
            del templates[key]
            template = _in_every_build(template)
    if len(templates) < _MOST_TEMPLATES:
        templates.setdefault((template.kind, base, value), template)


def _in_every_build(template: Template) -> Template:
    conditions = tuple(one for one in template.conditions if one.test.kind != "number")
    return template._replace(conditions=conditions)


def shape(templates: Sequence[Template]) -> list[tuple[str, str, str]]:
    """What its callers see of some templates."""
    return [(t.kind, spelled(t.field), spelled(t.value) if t.value else "") for t in templates]
