"""VMX operations: found in assembly, followed through wrappers to where the field is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from vmxlint.calls.link import Edge, Linker
from vmxlint.facts import ASM_WORD, VMX_INSTRUCTIONS, Expr, walk
from vmxlint.flow import Conditions, Site
from vmxlint.flow.routine import Routine
from vmxlint.model.fields import Field, FieldTable
from vmxlint.operations.controls import Controls
from vmxlint.operations.elsewhere import Elsewhere
from vmxlint.operations.entries import entered_at, entries
from vmxlint.operations.kept import keep, shape
from vmxlint.operations.naming import Naming
from vmxlint.operations.templates import (
    Template,
    at_parameter,
    bound,
    folded,
    inside,
    of_accessor,
    of_assembly,
)
from vmxlint.operations.values import plain_names, substituted

_ROUNDS = 8


@dataclass(frozen=True, eq=False)
class Operation:
    """One VMX operation at the place where its field is named.

    `kind` is the instruction; `operand` is its field, VMCS or MSR as the code spells it, `field`
    the field if the text gives it; `value` is what a VMWRITE writes, in the names of `routine`.
    `conditions` hold inside the helpers on the way, `site` has those of `routine`. `through` are
    the helpers, outermost first. `computed` is the value with locals replaced by what they were
    computed from, `from_local` says that the whole of it was kept in one. `is_high` tells the high
    half of a field.
    """

    kind: str
    field: Field | None
    operand: Expr
    value: Expr | None
    routine: Routine
    site: Site
    conditions: Conditions = ()
    through: tuple[Routine, ...] = ()
    computed: Expr | None = None
    from_local: bool = False
    is_high: bool = False


class Operations:
    """All operations of a linked unit."""

    def __init__(self, linker: Linker, fields: FieldTable) -> None:
        self._linker = linker
        self._templates: dict[Routine, tuple[Template, ...]] = {}
        self._found: dict[Routine, tuple[Operation, ...]] = {}
        self._passed: dict[Routine, tuple[Operation, ...]] = {}
        self._naming = Naming(linker, fields)
        self._controls = Controls(linker, self._naming)
        self._elsewhere = Elsewhere(linker, self.made_in)
        self._search()
        for routine, made in self._found.items():
            self._found[routine] = tuple(map(self._elsewhere.placed, made))

    @property
    def by_routine(self) -> Mapping[Routine, tuple[Operation, ...]]:
        """The operations that stand in each routine, in order; accessors themselves have none."""
        return self._found

    def is_read_of(self, field: Field, call: Expr, routine: Routine) -> bool:
        """Whether a call, in the names of `routine`, is a VMREAD of the field."""
        if call.kind != "call" or not call.kids:
            return False
        if self._declared(call):
            said = of_accessor(call, self._linker.dialect)
            if said is None or said.kind != "vmread":
                return False
            return field in self._naming.of(said.field, routine)
        callee = self._linker.resolve(call.kids[0].text, routine.path)
        if callee is None:
            return False
        given = dict(zip(callee.parameters, call.kids[1:], strict=False))
        return any(
            one.kind == "vmread"
            and field in self._naming.of(substituted(one.field, given), routine)
            and not self._elsewhere.is_through((callee, *one.through))
            for one in self._templates.get(callee, ())
        ) or any(one.kind == "vmread" and one.field == field for one in self._found.get(callee, ()))

    def reads_behind(self, field: Field, call: Expr, routine: Routine) -> Iterator[Operation]:
        """The VMREADs of the field in a function that a call, in the names of `routine`, asks."""
        if self.is_read_of(field, call, routine):
            callee = self._linker.resolve(call.kids[0].text, routine.path)
            made = self._found.get(callee, ()) if callee else ()
            yield from (one for one in made if one.kind == "vmread" and one.field == field)

    def made_in(self, routine: Routine) -> tuple[Operation, ...]:
        """The operations that a call of `routine` makes on the spot, its callers' own included."""
        return self._found.get(routine, ()) + self._passed.get(routine, ())

    @cached_property
    def entries(self) -> frozenset[Routine]:
        """The routines in which VMLAUNCH or VMRESUME stands."""
        return entries(self._linker)

    def entered_at(self, routine: Routine) -> list[int]:
        """The numbers of the sites of a routine in which VMLAUNCH or VMRESUME stands."""
        return entered_at(routine, self._linker)

    def reads(self, expr: Expr, routine: Routine) -> set[Field]:
        """The fields that evaluating `expr` in `routine` reads by VMREAD."""
        spans = {one.start for one in walk(expr) if one.kind in ("call", "asm")}
        return {
            one.field
            for one in self._found.get(routine, ())
            if one.kind == "vmread" and one.field and one.site.expr.start in spans
        }

    def _search(self) -> None:
        """Go up from the assembly, caller by caller, as long as a wrapper passes its field on.

        Headers first, for that is where wrappers stand: what calls them then is looked at once.
        """
        able = self._linker.mentions.of_any(ASM_WORD, *self._linker.dialect.accessors)
        todo = sorted(able, key=lambda one: not one.path.endswith(".h"))
        for _ in range(_ROUNDS):
            waiting, changed = dict.fromkeys(todo), dict[Routine, None]()
            for routine in todo:
                del waiting[routine]
                if self._update(routine):
                    above = (edge.caller for edge in self._linker.callers(routine))
                    changed |= dict.fromkeys(one for one in above if one not in waiting)
            todo = list(changed)
            if not todo:
                return

    def _declared(self, call: Expr) -> bool:
        """Whether a call is that of an accessor of which only the dialect says what it does: it is
        not in the tree, or in assembly that nobody can read."""
        if call.kind != "call" or not call.kids:
            return False
        name = call.kids[0].text
        if name not in self._linker.dialect.accessors:
            return False
        alike = self._linker.names.routines.get(name, ())
        return not any(self._templates.get(one) or self._found.get(one) for one in alike)

    def _update(self, routine: Routine) -> bool:
        """Compute a routine's operations again; whether what its callers see of it has changed."""
        templates: dict[tuple[str, str, str], Template] = {}
        own: list[Operation] = []
        passed: list[Operation] = []
        for site, template in self._standing(routine):
            spelled_out = at_parameter(template, routine)
            computed = self._controls.answered(folded(spelled_out, routine, site), routine)
            made_here = self._operations(spelled_out, computed, site, routine)
            if self._passes_on(computed, routine, site):
                keep(templates, inside(computed, site.conditions))
                passed += made_here
            else:
                own += made_here
        self._found[routine], self._passed[routine] = tuple(own), tuple(passed)
        after = tuple(templates.values())
        changed = shape(after) != shape(self._templates.get(routine, ()))
        self._templates[routine] = after
        return changed

    def _standing(self, routine: Routine) -> Iterator[tuple[Site, Template]]:
        """The operations that the routine's sites make, in order, in the routine's own names."""
        if routine.function.origin == "assembly" and routine.name in self._linker.dialect.accessors:
            return
        edges: dict[int, list[Edge]] = {}
        for edge in self._linker.edges(routine):
            if self._templates.get(edge.callee):
                edges.setdefault(id(edge.site), []).append(edge)
        for site in routine.flow.sites:
            if site.kind or site.expr.kind not in ("asm", "call"):
                continue
            if site.expr.kind == "asm":
                for template in of_assembly(routine.asm(site.expr)):
                    yield site, template
            for edge in edges.get(id(site), ()):
                for template in self._templates[edge.callee]:
                    if (ours := bound(template, edge)) is not None:
                        yield site, ours
            if self._declared(site.expr) and (
                declared := of_accessor(site.expr, self._linker.dialect)
            ):
                yield site, declared

    def _passes_on(self, template: Template, routine: Routine, site: Site) -> bool:
        """Whether the operation is the callers': it is theirs to say what it is."""
        if routine.function.origin in ("macro", "alias"):
            return True
        if any(one.text in routine.parameters for one in plain_names(template.field)):
            if template.kind in VMX_INSTRUCTIONS:
                return True
            wraps = site.expr.kind == "asm" or _is_wrapper(routine, site)
            return wraps and self._linker.has_callers(routine)
        if template.kind != "vmwrite" or template.value is None:
            return False
        scalars = {one.name for one in routine.function.params if not one.pointers}
        if not any(one.text in scalars for one in plain_names(template.value)):
            return False
        field = next(iter(self._naming.of(template.field, routine)), None)
        return field is not None and field.major and self._linker.has_callers(routine)

    def _operations(
        self, template: Template, computed: Template, site: Site, routine: Routine
    ) -> Iterator[Operation]:
        for field in self._named(template, routine, site):
            yield Operation(
                template.kind,
                field,
                template.field,
                template.value,
                routine,
                site,
                template.conditions,
                template.through,
                computed.value,
                computed.from_local,
                bool(field and field.high) and self._naming.is_high(template.field),
            )

    def _named(self, template: Template, routine: Routine, site: Site) -> Sequence[Field | None]:
        if template.kind not in ("vmread", "vmwrite"):
            return [None]
        elsewhere = partial(self._loads_another, routine)
        before = routine.numbers[id(site)]
        return self._naming.fields(template.field, routine, before, elsewhere)

    def _loads_another(self, routine: Routine) -> bool:
        return any(one.kind == "vmptrld" for _, one in self._standing(routine))


def _is_wrapper(routine: Routine, site: Site) -> bool:
    """Whether a routine does nothing but the call at a site, maybe to return what it answers."""
    rest = (one for one in routine.flow.sites if one is not site)
    return all(one.kind == "return" and one.expr.start <= site.expr.start for one in rest)
