"""Frozen values to bytes and back, by the types that their classes declare.

Nothing but the declared classes is ever made of what is read, whoever wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(f"can't be packed: {type(value)}")


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_plain)


def pack(value: object) -> bytes:
    """The bytes of a value; none at all if it holds text that can't be written, such as the name of
    a file that is not in UTF-8. Depth is bounded where the value was made, see `syntax.lower`."""
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return b""


def unpack(kind: type[T], data: bytes | None) -> T | None:
    """The value of a type that was packed, None if there are no bytes of such a value."""
    if data is None:
        return None
    declared: Any = kind
    try:
        value: T = _decoder(declared).decode(data)
    except (ValueError, RecursionError):
        return None
    return value


@cache
def _decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(kind)
