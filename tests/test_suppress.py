"""Suppression comments: which lines they speak for, what they say, and what comes of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.command import vmxlint
from tests.fixtures import FIXTURES
from vmxlint.comments import comments
from vmxlint.model import dialect
from vmxlint.reading.source import SourceFile
from vmxlint.suppress import suppressions, suppressions_below

HELD = FIXTURES / "unused_suppression" / "miss_on_the_line"


def lines(text: str) -> list[list[int]]:
    return [sorted(one.lines) for one in suppressions(SourceFile("a.c", text.encode()))]


def only(text: str) -> tuple[tuple[str, ...], str]:
    (one,) = suppressions(SourceFile("a.c", text.encode()))
    return one.names, one.reason


@pytest.mark.parametrize(
    ("text", "spoken_for"),
    [
        ("f(); /* vmxlint: ignore[A] r */", [[1]]),
        ("f(); // vmxlint: ignore[A] r", [[1]]),
        ("/* vmxlint: ignore[A] r */ f();", [[1]]),
        ("/* vmxlint: ignore[A] r */\nf();", [[2]]),
        ("/* vmxlint: ignore[A]\n * r\n */\nf();", [[4]]),
        ("g(); /* vmxlint: ignore[A]\n * r\n */ f();", [[1, 3]]),
        ("/* a */ /* vmxlint: ignore[A] r */ // b\nf();", [[2]]),
        ("/* vmxlint: ignore[A] r */\n/* vmxlint: ignore[B] r */\nf();", [[3], [3]]),
        ("// vmxlint: ignore[A] r\n// vmxlint: ignore[B]\\\n r\nf();", [[4], [4]]),
        ("/* vmxlint: ignore[A] r */\r\nf();\r\n", [[2]]),
        ("f(); /* vmxlint: ignore[A] not closed", [[1]]),
        ("f(\"/* vmxlint: ignore[A] r */\", '//', '\"'); // vmxlint: ignore[B] r", [[1]]),
        ("/* see vmxlint: ignore[A] r */ f(); // and vmxlint", []),
    ],
)
def test_the_lines_for_which_a_comment_speaks(text: str, spoken_for: list[list[int]]) -> None:
    assert lines(text) == spoken_for


@pytest.mark.parametrize(
    ("comment", "names", "reason"),
    [
        ("/* vmxlint: ignore[VMX101] because */", ("VMX101",), "because"),
        ("/*vmxlint:ignore[VMX101]because*/", ("VMX101",), "because"),
        (
            "/** vmxlint: ignore [VMX101, VMX102 a-b] -- a  b **/",
            ("VMX101", "VMX102", "a-b"),
            "a b",
        ),
        ("// vmxlint: ignore[VMX101]: see [1] and (2)", ("VMX101",), "see [1] and (2)"),
        (
            "/* vmxlint: ignore[VMX101,VMX101]\n\t * over\n\t * lines\n */",
            ("VMX101",),
            "over lines",
        ),
        ("/* vmxlint: ignore[VMX101] */", ("VMX101",), ""),
        ("// vmxlint: ignore[VMX101] ...", ("VMX101",), ""),
        ("/* vmxlint: ignore[] x */", (), ""),
        ("/* vmxlint: ignore x */", (), ""),
        ("/* vmxlint: */", (), ""),
        ("/* vmxlint: disable[VMX101] x */", (), ""),
    ],
)
def test_what_a_comment_says(comment: str, names: tuple[str, ...], reason: str) -> None:
    assert only(comment) == (names, reason)


@given(st.binary(max_size=300))
def test_any_bytes_have_comments_that_do_not_overlap(data: bytes) -> None:
    end = 0
    for one in comments(data):
        assert end <= one.start < one.end <= len(data)
        assert data[one.start : one.start + 2] in (b"/*", b"//")
        assert b"\n" not in one.text
        end = one.end
    suppressions(SourceFile("a.c", b"// vmxlint:\n" + data))


def test_all_comments_of_a_tree_are_listed(tmp_path: Path) -> None:
    (tmp_path / "b.c").write_text("int a;\n/* vmxlint: ignore[VMX101] one */\nint b;\n")
    (tmp_path / "a.S").write_text("nop /* vmxlint: ignore[VMX106, nonsense] */\n")
    listed = suppressions_below(str(tmp_path), dialect.load("kvm"))
    assert [(one.path, one.line, one.names, one.reason) for one in listed] == [
        ("a.S", 1, ("VMX106", "nonsense"), ""),
        ("b.c", 2, ("VMX101",), "one"),
    ]


def test_suppressed_findings_are_in_json_alone_unless_asked_for(tmp_path: Path) -> None:
    done = vmxlint("--format", "json", HELD)
    (finding,) = json.loads(done.stdout)["findings"]
    assert done.returncode == 0
    assert finding["suppressed"] == "never the same"
    assert finding["suppressed_by"] == "comment"
    for form in ("text", "concise", "github", "sarif", "rdjson"):
        out = vmxlint("--format", form, HELD).stdout
        if form == "sarif":
            assert json.loads(out)["runs"][0]["results"] == []
        else:
            assert "VMX102" not in out
    shown = vmxlint("--show-suppressed", HELD)
    assert shown.returncode == 0
    assert "[VMX102] (suppressed)" in shown.stdout
    assert "= suppressed: never the same" in shown.stdout
    assert "(1 suppressed" in shown.stderr


def test_rules_that_did_not_look_do_not_make_a_comment_unused(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(HELD, tree)
    source = (tree / "vmx.c").read_text()
    (tree / "vmx.c").write_text(source.replace("ignore[VMX102]", "ignore[VMX102, VMX105]"))
    assert vmxlint(tree).returncode == 0
    assert "suppresses 'VMX105', and there" in vmxlint("--audit", tree).stdout
    assert vmxlint("--select", "VMX101,VMX900", tree).returncode == 0
    assert vmxlint("--select", "VMX102", tree).returncode == 0


def test_narrowing_does_not_make_a_comment_unused(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(HELD, tree)
    (tree / "other.c").write_text("int a; /* vmxlint: ignore[VMX101] wrong */\n")
    done = vmxlint("--terse", tree / "vmx.c")
    assert (done.returncode, done.stdout) == (0, "")
    assert vmxlint("--terse", tree / "other.c").stdout.endswith("nothing to suppress [VMX900]\n")
