"""Digests: short names for bytes, never the same for two different ones."""

from __future__ import annotations

try:
    from _blake2 import blake2b  # hashlib loads OpenSSL, which takes a tenth of a warm run
except ImportError:
    from hashlib import blake2b

SIZE = 20  # bytes


def digest(*parts: bytes) -> bytes:
    """The digest of some parts in order, each told from the next by its length."""
    found = blake2b(digest_size=SIZE)
    for part in parts:
        found.update(len(part).to_bytes(8, "little"))
        found.update(part)
    return found.digest()


def encoded(name: str) -> bytes:
    """A path's bytes, also of one that is no text."""
    return name.encode("utf-8", "surrogateescape")
