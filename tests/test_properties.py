"""What holds for any tree: where lines move findings move, and every format says the same."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.command import vmxlint
from tests.fixtures import FIXTURES, TREES, analysed, cases, options
from vmxlint.engine import run
from vmxlint.findings import Finding
from vmxlint.reading.source import SourceFile
from vmxlint.report import Report

BEFORE = FIXTURES / "kvm_before"
SOME = (*TREES, *cases()[::7])
PIECES = [b"a", b"\t", b" ", b"\n", b"\r", b"\r\n", b"\f", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xc3"]
PIECES += ["é".encode(), "\u2028".encode(), "\U0001f4a9".encode(), b"\\\n", b'"', b"/*"]


def copied(tree: Path, folder: Path) -> Path:
    shutil.copytree(tree, folder / "tree")
    return folder / "tree"


def said(report: Report, moved: int = 0) -> list[tuple[object, ...]]:
    """The findings, their lines `moved` back."""
    return [_said(one, moved) for one in report.findings]


def _said(one: Finding, moved: int) -> tuple[object, ...]:
    place = one.location
    span = (place.line - moved, place.column, place.end_line - moved, place.end_column)
    return (one.rule, place.path, *span, one.fingerprint, one.cost, one.call_path, one.message)


@pytest.mark.parametrize("tree", SOME, ids=lambda tree: tree.relative_to(FIXTURES).as_posix())
def test_a_line_above_moves_findings_by_one_line(tree: Path, tmp_path: Path) -> None:
    root = copied(tree, tmp_path)
    for file in root.rglob("*.[ch]"):
        file.write_bytes(b"/* One line more. */\n" + file.read_bytes())
    assert said(run([str(root)], options()), moved=1) == said(analysed(tree))


@pytest.mark.parametrize("tree", SOME, ids=lambda tree: tree.relative_to(FIXTURES).as_posix())
def test_blank_lines_at_the_end_change_nothing(tree: Path, tmp_path: Path) -> None:
    root = copied(tree, tmp_path)
    for file in root.rglob("*.[ch]"):
        file.write_bytes(file.read_bytes() + b"\n\n \n")
    assert said(run([str(root)], options())) == said(analysed(tree))


def test_every_format_says_the_same() -> None:
    out = {
        form: vmxlint("--format", form, BEFORE).stdout
        for form in ("text", "concise", "json", "rdjson", "sarif", "github")
    }
    document = json.loads(out["json"])["findings"]
    expected = sorted((one["rule"], one["path"], one["line"]) for one in document)
    assert len(expected) > 15

    def inside(path: str) -> str:
        return path.removeprefix(f"{BEFORE}/")

    # A note is about a place beside, and has the rule's id as well.
    first = re.compile(r"^(/[^:\n]+):(\d+):\d+: warning: .* \[(VMX\d+)\]$", re.M)
    for form in ("text", "concise"):
        found = [(rule, inside(path), int(line)) for path, line, rule in first.findall(out[form])]
        assert sorted(set(found)) == sorted(set(expected)), form
    results = json.loads(out["sarif"])["runs"][0]["results"]
    places = [(one["ruleId"], one["locations"][0]["physicalLocation"]) for one in results]
    assert expected == sorted(
        (rule, place["artifactLocation"]["uri"], place["region"]["startLine"])
        for rule, place in places
    )
    assert expected == sorted(
        (
            one["code"]["value"],
            inside(one["location"]["path"]),
            one["location"]["range"]["start"]["line"],
        )
        for one in json.loads(out["rdjson"])["diagnostics"]
    )
    line = re.compile(r"^::\w+ file=([^,]+),line=(\d+),.*?title=[^:]*?(VMX\d+)", re.M)
    found = [
        (rule, inside(path), int(number)) for path, number, rule in line.findall(out["github"])
    ]
    assert len(found) == 10, "GitHub takes ten annotations of a kind from a step"
    assert set(found) <= set(expected)


@given(st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join), st.data())
def test_a_span_of_bytes_is_a_place_and_back(data: bytes, draw: st.DataObject) -> None:
    mark = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    if len(data) <= mark:
        return
    start = draw.draw(st.integers(mark, len(data) - 1))
    end = draw.draw(st.integers(start + 1, len(data)))
    where = SourceFile("a.c", data).location(start, end, "a.c")
    lines = data[mark:].split(b"\n")

    def offset(line: int, column: int) -> int:
        return mark + sum(len(one) + 1 for one in lines[: line - 1]) + column - 1

    assert offset(where.line, where.column) == start
    assert offset(where.end_line, where.end_column) == end
    assert where.text == lines[where.line - 1].removesuffix(b"\r")
    assert 1 <= where.line <= where.end_line <= len(lines)
