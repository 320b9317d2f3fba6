"""Frozen values to JSON and back, by the types that their classes declare.

A dataclass or NamedTuple is a list of its fields, bytes are text with a character for each. Nothing
but the declared classes is ever made of what is read, whoever wrote it.
"""

from __future__ import annotations

import dataclasses
import json
import types
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")
Unpack = Callable[[Any], Any]
_PLAIN = (str, int, float, bool, type(None))
_BROKEN = (ValueError, TypeError, KeyError, AttributeError, LookupError, RecursionError)


def pack(value: object) -> bytes:
    """The JSON of a value. Depth is bounded where the value was made, see `syntax.lower`."""
    return json.dumps(value, default=_listed, ensure_ascii=True, separators=(",", ":")).encode()


def _listed(value: Any) -> object:
    if dataclasses.is_dataclass(value):
        return [getattr(value, name) for name in _fields(value.__class__)]
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"can't be packed: {type(value)}")


def unpack(kind: type[T], data: bytes) -> T | None:
    """The value of a class that was packed, None if the bytes are not such a value."""
    declared: Any = kind
    try:
        value = _unpacker(declared)(json.loads(data))
    except _BROKEN:
        return None
    return value if isinstance(value, kind) else None


@cache
def _fields(kind: Any) -> tuple[str, ...]:
    return tuple(one.name for one in dataclasses.fields(kind))


@cache
def _unpacker(kind: Any) -> Unpack:
    """What makes a value of a declared type from JSON's."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind in _PLAIN:
        return _same
    if origin is tuple:
        return _of_tuple(inner)
    if origin is frozenset:
        return frozenset
    if origin in (Union, types.UnionType):
        return _or_none(next(one for one in inner if one is not type(None)))
    if origin is not None and issubclass(origin, Mapping):
        return _of_mapping(inner[1])
    if kind is bytes:
        return lambda text: text.encode("latin-1")
    return _of_named(kind) if issubclass(kind, tuple) else _of_dataclass(kind)


def _same(value: Any) -> Any:
    return value


def _or_none(kind: Any) -> Unpack:
    unpacker = _unpacker(kind)
    return lambda value: None if value is None else unpacker(value)


def _of_mapping(kind: Any) -> Unpack:
    """A mapping from text to values of a kind."""
    each = _unpacker(kind)
    return lambda values: {name: each(value) for name, value in values.items()}


def _of_tuple(inner: tuple[Any, ...]) -> Unpack:
    if len(inner) != 2 or inner[1] is not Ellipsis:
        each = [_unpacker(one) for one in inner]
        if all(one is _same for one in each):
            return tuple
        return lambda values: tuple([u(v) for u, v in zip(each, values, strict=True)])
    late = [inner[0]]  # a class may hold itself

    def unpacker(values: Any) -> Any:
        each = _unpacker(late[0])
        if each is _same or not values:
            return tuple(values)
        return tuple([each(value) for value in values])

    return unpacker


def _of_named(kind: Any) -> Unpack:
    """A NamedTuple; half a million of them are in a folder of code."""
    hints = get_type_hints(kind)
    places = [(n, _unpacker(hints[name])) for n, name in enumerate(kind._fields)]
    deep = [(n, each) for n, each in places if each is not _same]
    size = len(kind._fields)

    def unpacker(values: Any) -> Any:
        if len(values) != size:
            raise ValueError(f"not a {kind.__name__}")
        for n, each in deep:
            values[n] = each(values[n])
        return tuple.__new__(kind, values)

    return unpacker


def _of_dataclass(kind: Any) -> Unpack:
    hints = get_type_hints(kind)
    each = [_unpacker(hints[name]) for name in _fields(kind)]
    return lambda values: kind(*[u(v) for u, v in zip(each, values, strict=True)])
