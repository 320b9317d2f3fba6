"""A dialect: what one hypervisor's code means where the code itself does not say it.

Each is a file in `dialects/`, in which every key may be left out but the schema and the `[dialect]`
block; what C and much code that comes from Linux share is in `borrowed.toml`, and part of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple, TypeVar

from vmxlint.interval import Interval
from vmxlint.model import tables
from vmxlint.model.tables import ModelError, Table, bundled

SCHEMA = 1
NESTING = "nested guests"
ABILITIES = (NESTING,)
PLAIN = "kvm"  # what code is read as of which nothing tells whose it is

T = TypeVar("T")


class Accessor(NamedTuple):
    """A function that is one operation: the arguments that are its field or MSR, and its value."""

    operation: str
    field: int
    value: int | None


class Dialect(NamedTuple):
    """One hypervisor's spelling, for the linker and the classification of conditions.

    `words` tell its files from those of all others; without any, its folder does. `folders` are
    where it lies below a source tree's root, `exclude` what of it is not Intel's, `without` what
    it does not do at all: nothing is said of that.
    `call_back` are functions outside the tree that call what they are handed, `entering` those
    that enter the guest.
    `entry_slots` are the members of an ops struct whose function enters the guest; `slot_contexts`
    says in which context a slot's function runs if nothing in the tree calls it. `transparent` are
    macros that stand for their argument, or for what it points to. `request` are predicates, or
    what these are asked for. `known` maps the name of a condition, or of what a predicate is asked
    for, to the probability that it holds. `accessors` are those that may be defined outside of the
    tree.
    `enlightened_vmcs` are the structs of a VMCS in memory that the hypervisor below defines.
    """

    id: str
    name: str
    words: tuple[str, ...]
    folders: tuple[str, ...]
    exclude: tuple[str, ...]
    without: frozenset[str]
    call_forms: frozenset[str]
    call_prefixes: tuple[str, ...]
    entry_slots: tuple[str, ...]
    call_back: frozenset[str]
    entering: frozenset[str]
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

    def is_in(self, data: bytes) -> bool:
        """Whether a word that tells the dialect's files stands in one."""
        return any(word.encode() in data for word in self.words)

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
    return Dialect(*map(_joined, _read(f"dialects/{name}.toml"), _read("borrowed.toml")))


def candidates(named: Dialect | None) -> Iterator[Dialect]:
    """The dialects that code may be in, each read when it is asked for: the one that was named,
    which needs no words then; else the plain one, and behind it the others."""
    if named:
        yield named._replace(words=())
        return
    yield load(PLAIN)
    yield from map(load, filter(PLAIN.__ne__, names()))


def apart() -> Iterator[Dialect]:
    """What all dialects have in common, and what each says beside it."""
    yield _read("borrowed.toml")
    yield from (_read(f"dialects/{name}.toml") for name in names())


@cache
def _read(file: str) -> Dialect:
    return bundled(file).all(_dialect)


def _joined(own: Any, borrowed: Any) -> Any:
    """The value of a key: what a dialect says itself, and what it has in common with others."""
    match own:
        case str():
            return own or borrowed
        case tuple():
            return (*own, *borrowed)
        case frozenset():
            return own | borrowed
    return {**borrowed, **own}


def _dialect(table: Table) -> Dialect:
    if table.take("schema", int) != SCHEMA:
        raise table.error(f"schema should be {SCHEMA}")
    head = table.section("dialect")
    head.text("source")
    match, unit, ops, cold = map(table.section, ("match", "unit", "ops", "cold"))
    conditions, reasons, layout = map(table.section, ("conditions", "exit_reasons", "layout"))
    contexts = ops.section("contexts")
    known = _rows(table, "known", _known)
    made = Dialect(
        id=head.text("id"),
        name=head.text("name"),
        words=match.texts("words"),
        folders=unit.texts("folders"),
        exclude=unit.texts("exclude"),
        without=abilities(unit),
        call_forms=frozenset(ops.texts("call_forms")),
        call_prefixes=ops.texts("call_prefixes"),
        entry_slots=ops.texts("entry"),
        call_back=frozenset(ops.texts("call_back")),
        entering=frozenset(ops.texts("entering")),
        slot_contexts={
            slot: context for context in list(contexts.left) for slot in contexts.texts(context)
        },
        reason_prefix=reasons.optional("prefix") or "",
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
            name: made for names, made in _rows(table, "accessor", _accessor) for name in names
        },
        enlightened_vmcs=frozenset(layout.texts("enlightened_vmcs")),
    )
    for section in (head, match, unit, ops, cold, conditions, reasons, contexts, layout):
        section.all(lambda _: None)
    return made


def abilities(unit: Table) -> frozenset[str]:
    """What a hypervisor is said to be `without`; ModelError for what nobody asks about."""
    found = unit.texts("without")
    if unknown := [one for one in found if one not in ABILITIES]:
        raise unit.error(f"without: not one of {', '.join(ABILITIES)}: {unknown[0]!r}")
    return frozenset(found)


def _rows(table: Table, key: str, make: Callable[[Table], T]) -> tuple[T, ...]:
    return table.rows(key, make) if key in table.left else ()


def _known(row: Table) -> tuple[str, Interval, str]:
    return row.text("name"), row.interval(row.take("probability", list)), row.text("source")


def _accessor(row: Table) -> tuple[tuple[str, ...], Accessor]:
    value = row.take("value", int) if "value" in row.left else None
    return row.texts("names"), Accessor(row.text("operation"), row.take("field", int), value)
