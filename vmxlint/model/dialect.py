"""A dialect: what one hypervisor's code means where the code itself does not say it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from vmxlint.interval import Interval
from vmxlint.model import tables
from vmxlint.model.tables import ModelError, Table, bundled

SCHEMA = 1


class Accessor(NamedTuple):
    """A function that is one operation: the arguments that are its field or MSR, and its value."""

    operation: str
    field: int
    value: int | None


class Dialect(NamedTuple):
    """One hypervisor's spelling, for the linker and the classification of conditions.

    `folders` are where it lies below a source tree's root, `exclude` what of it is not Intel's.
    `call_back` are functions outside the tree that call what they are handed.
    `entry_slots` are the members of an ops struct whose function enters the guest; `slot_contexts`
    says in which context a slot's function runs if nothing in the tree calls it. `transparent` are
    macros that stand for their argument, or for what it points to. `known` maps a condition's name
    to the probability that it holds; `accessors` are those that may be defined outside of the tree.
    `enlightened_vmcs` are the structs of a VMCS in memory that the hypervisor below defines.
    """

    id: str
    name: str
    folders: tuple[str, ...]
    exclude: tuple[str, ...]
    call_forms: frozenset[str]
    call_prefixes: tuple[str, ...]
    entry_slots: tuple[str, ...]
    call_back: frozenset[str]
    slot_contexts: Mapping[str, str]
    reason_prefix: str
    reason_parts: frozenset[str]
    guest_mode: frozenset[str]
    request: frozenset[str]
    build: frozenset[str]
    static_key: frozenset[str]
    transparent: frozenset[str]
    known: Mapping[str, Interval]
    known_sources: Mapping[str, str]
    cold: frozenset[str]
    only_inside: frozenset[str]
    failure: frozenset[str]
    accessors: Mapping[str, Accessor]
    enlightened_vmcs: frozenset[str]

    def slot(self, name: str) -> str:
        """The ops slot that an argument of a call form names: `kvm_x86_run` is `run`."""
        for prefix in sorted(self.call_prefixes, key=len, reverse=True):
            if name.startswith(prefix):
                return name.removeprefix(prefix)
        return name


def names() -> tuple[str, ...]:
    """The bundled dialects, in alphabetical order."""
    return tables.names("dialects")


@cache
def load(name: str) -> Dialect:
    """The bundled dialect of that name; ModelError with the known names if there is none."""
    if name not in names():
        raise ModelError(f"no dialect {name!r}; known: {', '.join(names())}")
    return bundled(f"dialects/{name}.toml").all(_dialect)


def _section(table: Table, key: str) -> Table:
    return Table(f"{table.where}, [{key}]", table.take(key, dict))


def _dialect(table: Table) -> Dialect:
    if table.take("schema", int) != SCHEMA:
        raise table.error(f"schema should be {SCHEMA}")
    head, unit, ops, cold, conditions, reasons, layout = (
        _section(table, key)
        for key in ("dialect", "unit", "ops", "cold", "conditions", "exit_reasons", "layout")
    )
    head.text("source")
    contexts = _section(ops, "contexts")
    known = table.rows("known", _known)
    made = Dialect(
        id=head.text("id"),
        name=head.text("name"),
        folders=unit.texts("folders"),
        exclude=unit.texts("exclude"),
        call_forms=frozenset(ops.texts("call_forms")),
        call_prefixes=ops.texts("call_prefixes"),
        entry_slots=ops.texts("entry"),
        call_back=frozenset(ops.texts("call_back")),
        slot_contexts={
            slot: context for context in list(contexts.left) for slot in contexts.texts(context)
        },
        reason_prefix=reasons.text("prefix"),
        reason_parts=frozenset(reasons.texts("parts")),
        guest_mode=frozenset(conditions.texts("guest_mode")),
        request=frozenset(conditions.texts("request")),
        build=frozenset(conditions.texts("build")),
        static_key=frozenset(conditions.texts("static_key")),
        transparent=frozenset(conditions.texts("transparent")),
        known={name: chance for name, chance, _ in known},
        known_sources={name: source for name, _, source in known},
        cold=frozenset(cold.texts("functions")),
        only_inside=frozenset(cold.texts("only_inside")),
        failure=frozenset(cold.texts("failure")),
        accessors={
            name: made for names, made in table.rows("accessor", _accessor) for name in names
        },
        enlightened_vmcs=frozenset(layout.texts("enlightened_vmcs")),
    )
    for section in (head, unit, ops, cold, conditions, reasons, contexts, layout):
        section.all(lambda _: None)
    return made


def _known(row: Table) -> tuple[str, Interval, str]:
    return row.text("name"), row.interval(row.take("probability", list)), row.text("source")


def _accessor(row: Table) -> tuple[tuple[str, ...], Accessor]:
    value = row.take("value", int) if "value" in row.left else None
    return row.texts("names"), Accessor(row.text("operation"), row.take("field", int), value)
