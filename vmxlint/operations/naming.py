"""Which VMCS fields an expression can name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from vmxlint.calls.link import Linker
from vmxlint.facts import Expr, spelled
from vmxlint.flow.routine import Routine
from vmxlint.model.fields import Field, FieldTable
from vmxlint.numbers import evaluate
from vmxlint.operations.arrays import Arrays
from vmxlint.operations.values import returned, values_before

_DEEPEST = 3
_HIGH = 1  # the bit of an encoding


class Naming:
    """The fields that the expressions of a unit can name."""

    def __init__(self, linker: Linker, fields: FieldTable) -> None:
        self._linker = linker
        self._fields = fields
        self._arrays = Arrays(linker)

    def fields(
        self, expr: Expr, routine: Routine, before: int, is_strange: Callable[[], bool]
    ) -> Sequence[Field | None]:
        """Each field that an operation may have, at least one: None if it is not known, as of the
        elements of an array where the VMCS is a strange one."""
        if fields := self.of(expr, routine, before=before):
            return fields
        names = self._arrays.elements(expr, routine, before)
        found = [self._constant(name) for name in names if not is_strange()]
        return found if found and all(found) else [None]

    def of(
        self, expr: Expr, routine: Routine, depth: int = 0, before: int | None = None
    ) -> list[Field]:
        """The fields that an expression can name in `routine`, ahead of the site of that number."""
        if depth > _DEEPEST:
            return []
        match expr:
            case Expr("cast", _, (inner,)):
                return self.of(inner, routine, depth, before)
            case Expr("ternary", _, (_, yes, no)):
                both = (self.of(one, routine, depth + 1, before) for one in (yes, no))
                return [field for fields in both for field in fields]
            case Expr("name", name) if name in routine.variables:
                return self._through_local(name, routine, depth, before)
            case Expr("call", _, (Expr("name", name), *given)):
                answer = returned(given, self._linker.resolve(name, routine.path))
                return self.of(answer, routine, depth + 1, before) if answer else []
            case Expr("name" | "number" | "binary"):
                field = self._constant(spelled(expr))
                return [field] if field else []
        return []

    def _through_local(
        self, name: str, routine: Routine, depth: int, before: int | None
    ) -> list[Field]:
        found: dict[str, Field] = {}
        for change in values_before(routine, name, before):
            for field in self.of(change.value, routine, depth + 1, change.number):
                found[field.name] = field
        return list(found.values())

    def is_high(self, expr: Expr) -> bool:
        """Whether a constant expression is the encoding of the high half of a field."""
        number = evaluate(spelled(expr), self._names)
        return number is not None and bool(number & _HIGH)

    def _constant(self, text: str) -> Field | None:
        number = evaluate(text, self._names)
        return self._fields.by_encoding(number) if number is not None else None

    @cached_property
    def _names(self) -> Mapping[str, str]:
        """The value of each name: the tree's own where it has one, else that of the SDM."""
        fields = self._fields.fields
        encodings = {field.name: str(field.encoding) for field in fields}
        high = {f"{field.name}_HIGH": str(field.high) for field in fields if field.high}
        return high | encodings | self._linker.constants
