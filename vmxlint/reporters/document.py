"""JSON as all formats write it: ASCII, so that no byte of it does anything to a terminal or log."""

from __future__ import annotations

import json

from vmxlint.reporters.escape import commandless, well_formed


def dumped(document: object, indent: int | None = None) -> str:
    """`document` as JSON text that ends in a line end; every string in it is made well formed."""
    separators = (",", ": ") if indent else (",", ":")
    text = json.dumps(clean(document), indent=indent, allow_nan=False, separators=separators)
    return f"{commandless(text)}\n"


def clean(value: object) -> object:
    """`value` with every string in it well formed."""
    if isinstance(value, dict):
        return {key: clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean(item) for item in value]
    return well_formed(value) if isinstance(value, str) else value
