"""One function of a unit and what can be read from it alone; its body is read when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from vmxlint.facts import Asm, Body, Expr, Facts, Function, Gap, Variable, spelled
from vmxlint.flow import Conditions, Flow, Site, flow_of


class Change(NamedTuple):
    """An assignment of a local: the number of its site, the operator, the value, the conditions."""

    number: int
    operator: str
    value: Expr
    conditions: Conditions


def filled(site: Site) -> Iterator[tuple[Expr, Expr]]:
    """What a call is handed the address of, for it may fill that; and as the value then the number
    of the argument with the call."""
    call = site.expr
    if call.kind == "call" and not site.kind:
        for number, given in enumerate(call.kids[1:]):
            if given.kind == "unary" and given.text == "&":
                value = Expr("filled", str(number), (call,), call.start, call.end)
                yield given.kids[0], value


@dataclass(frozen=True, eq=False)
class Routine:
    """A function in its file; every routine is itself only, whatever its name."""

    file: Facts
    function: Function
    read: Callable[[Facts, Function], Body]

    @property
    def path(self) -> str:
        """The file that the routine stands in."""
        return self.file.path

    @property
    def name(self) -> str:
        """The function's name."""
        return self.function.name

    @cached_property
    def body(self) -> Body:
        """The function's locals and statements."""
        return self.read(self.file, self.function)

    @property
    def gaps(self) -> tuple[Gap, ...]:
        """What could not be understood of the body, if anybody has asked for it."""
        return self.body.gaps if self.is_read else ()

    @property
    def is_read(self) -> bool:
        """Whether anybody has asked for the body."""
        return "body" in vars(self)

    @cached_property
    def flow(self) -> Flow:
        """The function's sites in order, with their conditions."""
        return flow_of(self.body)

    def is_in_loop(self, number: int) -> bool:
        """Whether the site of that number stands in a loop."""
        start = self.flow.sites[number].expr.start
        return any(first <= start < last for first, last in self.flow.loops)

    @cached_property
    def numbers(self) -> Mapping[int, int]:
        """The place of each site, by its identity, in the routine's order."""
        return {id(site): number for number, site in enumerate(self.flow.sites)}

    @cached_property
    def changes(self) -> Mapping[str, list[Change]]:
        """The assignments of each local variable, in order."""
        found: dict[str, list[Change]] = {}
        for number, site in enumerate(self.flow.sites):
            if site.kind == "decl":
                change = Change(number, "=", site.expr, site.conditions)
                found.setdefault(site.target, []).append(change)
            elif site.expr.kind == "assign" and len(site.expr.kids) == 2:
                target, value = site.expr.kids
                if target.kind == "name" and target.text in self.variables:
                    change = Change(number, site.expr.text, value, site.conditions)
                    found.setdefault(target.text, []).append(change)
            for target, value in filled(site):
                if target.kind == "name" and target.text in self.variables:
                    change = Change(number, "=", value, site.conditions)
                    found.setdefault(target.text, []).append(change)
        return found

    @cached_property
    def answer(self) -> Expr | None:
        """The expression that the function returns in any case, as the only one."""
        if self.function.text.count("return") != 1:
            return None
        returns = [site for site in self.flow.sites if site.kind == "return"]
        return returns[0].expr if len(returns) == 1 and not returns[0].conditions else None

    @cached_property
    def stores(self) -> tuple[Site, ...]:
        """The plain assignments to struct members and through pointers, in order."""
        return tuple(
            site
            for site in self.flow.sites
            if site.expr.kind == "assign"
            and site.expr.text == "="
            and site.expr.kids[0].kind in ("member", "unary")
        )

    @cached_property
    def stored(self) -> tuple[tuple[Site, str, str], ...]:
        """Each of the stores, with its target and its value as spelled."""
        return tuple(
            (one, spelled(one.expr.kids[0]), spelled(one.expr.kids[-1])) for one in self.stores
        )

    @cached_property
    def variables(self) -> Mapping[str, Variable]:
        """Parameters and locals by name."""
        return {one.name: one for one in (*self.body.locals, *self.function.params)}

    def type_of(self, expr: Expr) -> str:
        """The struct or basic type of a plain variable; "" for all else."""
        variable = self.variables.get(expr.text) if expr.kind == "name" else None
        return variable.type if variable else ""

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters in order."""
        return tuple(one.name for one in self.function.params)

    def asm(self, expr: Expr) -> Asm:
        """The inline assembly that an asm expression stands for."""
        return self.file.asms[int(expr.text)]
