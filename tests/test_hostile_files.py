"""Whatever lies in a folder, under whatever name: the rest is read, and nothing is obeyed."""

from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.hostile import FINDING, WRITE, function, unit, vmxlint

CODE = function(WRITE).encode()
FORMATS = ("text", "concise", "github", "json", "rdjson", "sarif")
NAMES = {
    "newline": b"a\nb.c",
    "escape": b"\x1b[2J\x1b]52;c;cm0gLXJm\x07.c",
    "dash": b"-rf.c",
    "command": b"::error file=x::y.c",
    "azure": b"##vso[task.complete].c",
    "bytes": b"\xff\xfe.c",
    "turned": "c.\u202ecod.c".encode(),
    "separator": "a\u2028b.c".encode(),
    "percent": b"%s%n%0A.c",
    "markup": b"<b>[red]&amp;.c",
    "quotes": b"'\"`$(id)`.c",
    "backslash": b"a\\b.c",
    "colons": b"a:1:2: error: b.c",
    "long": b"x" * 250 + b".c",
}
UNSAFE = re.compile(rb"[\x00-\x09\x0b-\x1f\x7f]|\xe2\x80[\xa8\xa9\xae]")
COMMAND = re.compile(rb"^ *(?:::|%)|^##|##(?:vso)?\[", re.M)


def document(*args: str | bytes | Path, code: int = 1) -> Any:
    done = vmxlint("--format", "json", *args)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def places(report: Any) -> set[tuple[str, str, int]]:
    return {(one["rule"], one["path"], one["line"]) for one in report["findings"]}


def reasons(report: Any) -> dict[str, str]:
    return {one["path"]: one["reason"] for one in report["coverage"]["not_understood"]}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_commands_nothing(name: str, form: str, tmp_path: Path) -> None:
    root = unit(tmp_path / "unit", CODE)
    (root / "hostile.c").rename(os.fsdecode(os.fsencode(root) + b"/" + NAMES[name]))
    done = vmxlint("--format", form, "--color", "never", root)
    assert done.returncode == 1
    assert not UNSAFE.search(done.stdout + done.stderr)
    text = done.stdout.decode("utf-8")
    if form in ("json", "rdjson", "sarif"):
        json.loads(text)
    elif form == "github":
        assert all(line.startswith("::warning file=") for line in text.splitlines())
    else:
        assert not COMMAND.search(done.stdout)
        assert len(re.findall(r"\[VMX\d{3}\]$", text, re.M)) == 2


@pytest.mark.parametrize("name", NAMES)
def test_a_name_may_be_given(name: str, tmp_path: Path) -> None:
    root = unit(tmp_path / "unit", CODE)
    path = os.fsencode(root) + b"/" + NAMES[name]
    (root / "hostile.c").rename(os.fsdecode(path))
    done = vmxlint("--format", "json", "--", NAMES[name], cwd=root)
    assert done.returncode == 1, done.stderr
    assert len(json.loads(done.stdout)["findings"]) == 1
    Path(os.fsdecode(path)).unlink()
    gone = vmxlint("--", NAMES[name], cwd=root)
    assert (gone.returncode, gone.stdout, gone.stderr.count(b"\n")) == (2, b"", 1)
    assert not UNSAFE.search(gone.stderr)


def test_what_is_no_file_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = unit(tmp_path / "unit", CODE)
    os.mkfifo(root / "fifo.c")
    (root / "folder.c").mkdir()
    (root / "folder.c" / "inside.c").write_bytes(CODE)
    for name, target in {
        "zero.c": "/dev/zero",
        "tty.h": "/dev/tty",
        "itself.c": "itself.c",
        "first.c": "second.c",
        "second.c": "first.c",
        "outside.h": "/etc/passwd",
    }.items():
        (root / name).symlink_to(target)
    (root / "loop").symlink_to(".")
    (root / "folder.c" / "up").symlink_to("..")
    monkeypatch.chdir(root)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket.c")
        report = document(root)
    link, special = "is a symbolic link, which is not followed", "is not a regular file"
    assert reasons(report) == {
        "fifo.c": special,
        "socket.c": special,
        **dict.fromkeys(("first.c", "itself.c", "outside.h", "second.c", "tty.h", "zero.c"), link),
    }
    assert places(report) == {FINDING, ("VMX106", "hostile.c", 4)}
    assert report["coverage"]["files"] == 4


def test_a_unit_does_not_lie_behind_a_link(tmp_path: Path) -> None:
    outside = unit(tmp_path / "outside", CODE)
    tree = unit(tmp_path / "tree", b"")
    (tree / "arch" / "x86").mkdir(parents=True)
    (tree / "arch" / "x86" / "kvm").symlink_to(outside)
    assert places(document(tree)) == {FINDING}


@pytest.mark.parametrize("name", ["fifo.c", "zero.c", "folder.c", "empty"])
def test_what_holds_no_code_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.c")
    (tmp_path / "zero.c").symlink_to("/dev/zero")
    (tmp_path / "folder.c").mkdir()
    (tmp_path / "empty").mkdir()
    done = vmxlint(tmp_path / name)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)
    assert name.encode() in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read_is_said(tmp_path: Path) -> None:
    root = unit(tmp_path / "unit", CODE)
    (root / "locked").mkdir(0)
    (root / "hostile.c").chmod(0)
    assert reasons(document(root)) == {
        "hostile.c": "can't be read: permission denied",
        "locked": "can't be read: permission denied",
    }


BYTES = {
    "byte-order-mark": (b"\xef\xbb\xbf" + CODE, 4, 1),
    "crlf": (CODE.replace(b"\n", b"\r\n"), 4, 1),
    "form-feed": (CODE.replace(b"\nvmcs", b"\n\fvmcs"), 4, 2),
    "form-feed-line": (CODE.replace(b"{\n", b"{\n\f\n"), 5, 1),
    "line-separator": (CODE.replace(b"{\n", "{ /*\u2028\u2029\u0085*/\n".encode()), 4, 1),
    "invalid-utf-8": (
        CODE.replace(b"{\nvmcs", b"{ // \xff\xc0\xed\xa0\x80\n/*\xff*/ vmcs"),
        4,
        7,
    ),
    "wide": (CODE.replace(b"\nvmcs", "\n/*\U0001f4a9é*/vmcs".encode()), 4, 11),
    "late-nul": (CODE + b"\n" * 10_000 + b"\0\0", 4, 1),
    "no-last-line-end": (CODE.rstrip(b"\n"), 4, 1),
    "trigraphs": (CODE.replace(b"{\n", b"??<\n").replace(b"}\n", b"??>\n"), None, None),
}


@pytest.mark.parametrize("name", BYTES)
def test_places_are_right_in_any_bytes(name: str, tmp_path: Path) -> None:
    data, line, column = BYTES[name]
    report = document(unit(tmp_path / "unit", data))
    found = [one for one in report["findings"] if one["path"] == "hostile.c"]
    assert FINDING in places(report)
    assert [(one["line"], one["column"]) for one in found] == ([(line, column)] if line else [])


def test_the_first_column_is_behind_a_byte_order_mark(tmp_path: Path) -> None:
    code = f"void hostile(void) {{ {WRITE} }}".encode()
    bare = document(unit(tmp_path / "bare", code))["findings"]
    marked = document(unit(tmp_path / "marked", b"\xef\xbb\xbf" + code))["findings"]
    assert bare == marked
    assert {one["column"] for one in bare if one["path"] == "hostile.c"} == {22}


@pytest.mark.parametrize("more", [b"", b"// a comment\n", b"#define HOSTILE \\\n\t1\n"])
def test_a_lone_cr_ends_a_line_of_code_but_counts_for_none(more: bytes, tmp_path: Path) -> None:
    """As for compilers the one, as for editors and SARIF the other: the line ends of an old
    Macintosh."""
    code = (more + CODE).replace(b"\n", b"\r")
    found = document(unit(tmp_path / "unit", code))["findings"]
    assert [(one["line"], one["column"]) for one in found if one["path"] == "hostile.c"] == [
        (1, code.index(b"vmcs_writel") + 1)
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_what_is_no_c_text_is_said(encoding: str, tmp_path: Path) -> None:
    report = document(unit(tmp_path / "unit", CODE.decode().encode(encoding)))
    assert reasons(report) == {"hostile.c": "holds NUL bytes, so it is no C text"}
    assert places(report) == {FINDING}


def test_what_is_too_large_is_said(tmp_path: Path) -> None:
    report = document(unit(tmp_path / "unit", b"x" * 5_000_000))
    assert reasons(report) == {"hostile.c": "is larger than 2000000 bytes"}
    assert places(report) == {FINDING}


@pytest.mark.parametrize("form", FORMATS)
def test_source_text_commands_nothing(form: str, tmp_path: Path) -> None:
    hostile = b'::error::x(); vmcs_writel(HOST_CR4, "\x1b[2J\x07\x9b\r##[command]\xe2\x80\xaeab");'
    root = unit(tmp_path / "unit", CODE.replace(WRITE.encode(), hostile))
    done = vmxlint("--format", form, "--color", "never", root)
    assert done.returncode == 1
    assert b"hostile" in done.stdout
    assert not UNSAFE.search(done.stdout + done.stderr)
    if form in ("text", "concise"):
        assert not COMMAND.search(done.stdout)
