"""No C is too deep, too long or too often expanded: what is, is said, and the rest is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.hostile import FINDING, LONG, MACROS, NESTED, unit, vmxlint

SHAPES = {
    f"{kind}-{name}": code
    for kind, shapes in (("nested", NESTED), ("long", LONG), ("macro", MACROS))
    for name, code in shapes.items()
}
# Which of the jumps lead to the write is too much to tell: no finding, but the write is known.
UNCERTAIN = {"long-gotos"}


@pytest.mark.parametrize("name", SHAPES)
def test_hostile_code_ends_and_hides_nothing(name: str, tmp_path: Path) -> None:
    root = unit(tmp_path / "unit", SHAPES[name].encode())
    done = vmxlint("--format", "json", root)
    assert done.returncode == 1, done.stderr
    assert b"Traceback" not in done.stderr
    document = json.loads(done.stdout)
    found = {(one["rule"], one["path"], one["line"]) for one in document["findings"]}
    assert FINDING in found
    understood = any(path == "hostile.c" for _, path, _ in found)
    if name in UNCERTAIN:
        understood = document["coverage"]["operations"] == 2
    gaps = [gap for gap in document["coverage"]["not_understood"] if gap["path"] == "hostile.c"]
    assert understood or gaps or "HOST_CR4, __read" not in SHAPES[name], "silence"
    assert all(gap["path"] in ("hostile.c", ".") for gap in document["coverage"]["not_understood"])
