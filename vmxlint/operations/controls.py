"""The values of controls: what the functions return by which such a value is computed."""

from __future__ import annotations

from vmxlint.calls.link import Linker
from vmxlint.facts import Expr, called
from vmxlint.flow.routine import Routine
from vmxlint.operations.naming import Naming
from vmxlint.operations.templates import Template
from vmxlint.operations.values import returned

_COMPUTED = ("call", "binary", "cast", "ternary", "unary")


class Controls:
    """The VMWRITEs of controls in a unit."""

    def __init__(self, linker: Linker, naming: Naming) -> None:
        self._linker = linker
        self._naming = naming

    def answered(self, template: Template, routine: Routine) -> Template:
        """A VMWRITE of a control with what the functions return that compute its value."""
        value = template.value
        if template.kind != "vmwrite" or value is None or value.kind not in _COMPUTED:
            return template
        if not called(value) or not any(
            one.major for one in self._naming.of(template.field, routine)
        ):
            return template
        return template._replace(value=self._computed(value, routine))

    def _computed(self, value: Expr, routine: Routine) -> Expr:
        if value.kind == "call":
            callee = self._linker.resolve(value.kids[0].text, routine.path) if value.kids else None
            answer = returned(value.kids[1:], callee)
            return answer if answer and answer.kind == "binary" else value
        if value.kind not in _COMPUTED:
            return value
        kids = tuple(self._computed(kid, routine) for kid in value.kids)
        return value if kids == value.kids else value._replace(kids=kids)
