"""The schemas that documents follow, each read and checked itself once."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]

SCHEMAS = Path(__file__).parent / "schemas"


def validate(document: Any, schema: str) -> None:
    """Raise if the document does not follow a schema, of that file name."""
    _validator(schema).validate(document)


@cache
def _validator(schema: str) -> Any:
    rules = json.loads((SCHEMAS / schema).read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(rules)
    return jsonschema.Draft202012Validator(rules)
