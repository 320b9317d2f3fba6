"""JSON as all formats write it: ASCII, so that no byte of it does anything to a terminal or log."""

from __future__ import annotations

import json
from collections.abc import Callable

from vmxlint.reporters.escape import commandless, well_formed


def dumped(document: object, indent: int | None = None) -> str:
    """`document` as JSON text that ends in a line end; every string in it is made well formed."""
    separators = (",", ": ") if indent else (",", ":")
    text = json.dumps(clean(document), indent=indent, allow_nan=False, separators=separators)
    return f"{commandless(text)}\n"


def clean(value: object, mended: Callable[[str], str] = well_formed) -> object:
    """`value` with every string in it made well formed, or mended otherwise."""
    if isinstance(value, dict):
        return {key: clean(item, mended) for key, item in value.items()}
    if isinstance(value, list):
        return [clean(item, mended) for item in value]
    return mended(value) if isinstance(value, str) else value
