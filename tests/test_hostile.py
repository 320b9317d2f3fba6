"""Strings from strangers come out harmless in every format: names, code, reasons, configuration."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command import forked
from tests.fixtures import FIXTURES, ROOT
from tests.test_reporters import COST, PLAIN, RULES, report
from vmxlint.findings import Finding, Location, Related
from vmxlint.report import Coverage, NotUnderstood, Report
from vmxlint.reporters import github, json_v1, mailback, rdjson, sarif, text
from vmxlint.reporters.escape import well_formed

HOSTILE = {
    "escape": "a\x1b[2J\x1b]52;c;eA==\x07b",
    "c1": "a\x9b31m\x85b",
    "line": "a\n::error::b\r\n::warning file=x::c",
    "command": "::error::a",
    "legacy": "##[error]a##vso[task.complete]b",
    "percent": "%0A::error::a%0D%25",
    "property": "a,line=1:col=2::b",
    "link": "[a](command:b)![c](http://d/e.png)[f]: g",
    "html": "<script>alert(1)</script><img src=x onerror=y>]]>&lt;",
    "quotes": "a\"b'c`d`$(e)\\f",
    "bidi": "a\u202egnp.c\u2066b\u2069\u200f",
    "invisible": "a\u200bb\ufeffc\u2060",
    "separators": "a\u2028::error::b\u2029c\x0bd\x0ce",
    "nul": "a\0b",
    "surrogate": "a\udcff\udc80b\ud800",
    "placeholder": "{0}{1}{{a}}%s{}",
    "mention": "@everyone #1 **a** _b_",
}
FORMS = ("text", "color", "concise", "json", "sarif", "github", "rdjson", "mailback")
DOCUMENTS = ("json", "sarif", "rdjson")
HIDDEN = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)
RENDER: dict[str, Callable[[Report], str]] = {
    "json": json_v1.render,
    "github": github.render,
    "rdjson": rdjson.render,
    "mailback": mailback.render,
}
COMMAND = re.compile(r"##(?:vso)?\[")
LINK = re.compile(r"\[[^\]]*\]\([^)]*\)")
OURS = re.compile(r"::(?:error|warning|notice) file=[^:,]*,line=\d+,[\w=,]*title=[^:]*::[^\n]*")


def path(raw: str) -> str:
    """`raw` as far as a file can be called so."""
    return raw.replace("\ud800", "")


def everywhere(raw: str) -> Finding:
    """A finding with `raw` in every string that comes from a stranger."""
    place = Location(path(raw), 1, 1, 1, 9, raw.encode("utf-8", "surrogatepass"))
    return PLAIN._replace(
        location=place,
        function=raw,
        message=f"{raw} toggles '{raw}'",
        label=raw,
        help=raw,
        call_path=(raw, raw),
        call_sites=(place,),
        contexts=(raw,),
        conditions=(raw, raw),
        cost=COST._replace(profile=raw, sources=(raw,)),
        related=(Related(place, raw),),
        suppressed=None,
        patch=raw,
    )


def rendered(form: str, finding: Finding, raw: str) -> str:
    coverage = Coverage(1, 1, 1, (NotUnderstood(path(raw), 1, raw),))
    whole = report(finding, coverage=coverage)._replace(stale=(raw,))
    known = whole._replace(findings=(finding._replace(suppressed=raw, suppressed_by="comment"),))
    if form == "sarif":
        suppressed = sarif.render(known, RULES, suppressed=True)
        return sarif.render(whole, RULES, category=raw) + suppressed
    if form in ("text", "color"):
        shown = text.render(whole, form == "color") + text.render(known, form == "color", True)
        return shown + text.summary(whole) + "\n" + text.stale(whole)
    if form == "concise":
        return text.concise(whole, color=False) + text.concise(known, False, True)
    return RENDER[form](whole)


def walk(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Each string in a document from a stranger, with the key that it stands under."""
    if isinstance(node, str):
        yield key, node
    elif isinstance(node, dict):
        for name, value in node.items():
            if name not in ("rules", "newlineSequences", "snippet"):
                yield from walk(value, name)
    elif isinstance(node, list):
        for item in node:
            yield from walk(item, key)


@pytest.mark.parametrize(("form", "kind"), list(itertools.product(FORMS, HOSTILE)))
def test_no_format_hides_or_obeys_it(form: str, kind: str) -> None:
    raw = HOSTILE[kind]
    out = rendered(form, everywhere(raw), raw)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out) if form == "color" else out
    assert out.encode("utf-8").decode("utf-8") == out
    assert not HIDDEN.search(plain)
    assert not COMMAND.search(plain)
    commands = [line for line in plain.splitlines() if line.lstrip().startswith("::")]
    assert all(OURS.fullmatch(line) for line in commands)
    assert len(commands) == (form == "github")
    if form in DOCUMENTS:
        assert out.isascii()


@pytest.mark.parametrize("kind", HOSTILE)
def test_json_carries_it_as_it_is(kind: str) -> None:
    raw = HOSTILE[kind]
    (finding,) = json.loads(rendered("json", everywhere(raw), raw))["findings"]
    assert finding["path"] == well_formed(path(raw))
    assert finding["function"] == well_formed(raw)


@pytest.mark.parametrize(("form", "kind"), list(itertools.product(("sarif", "rdjson"), HOSTILE)))
def test_what_a_viewer_shows_has_no_markup_and_nothing_hidden(form: str, kind: str) -> None:
    raw = HOSTILE[kind]
    out = rendered(form, everywhere(raw), raw)
    for document in map(json.loads, out.splitlines() if form == "sarif" else [out]):
        for key, shown in walk(document):
            assert (form == "rdjson" and key == "path") or not HIDDEN.search(shown)
            if key in ("text", "message"):
                assert not LINK.search(shown)
                assert form == "sarif" or "<" not in shown


# The whole way: a tree of such names, comments, baseline and configuration

NAMES = [
    raw.encode("utf-8", "surrogateescape").replace(b"/", b"_").replace(b"\0", b"_") + b".c"
    for kind, raw in HOSTILE.items()
    if kind != "surrogate"
] + [b"a\xff\xfe.c", b"-o x.c", b"--help.c"]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small hypervisor whose every file has a hostile name, code, and suppressions."""
    folder = tmp_path_factory.mktemp("hostile") / "tree"
    folder.mkdir()
    case = FIXTURES / "suppression_of_unknown_rule" / "hit_id" / "vmx.c"
    source = case.read_bytes()
    for number, name in enumerate(NAMES):
        evil = b" ".join(raw.encode("utf-8", "surrogatepass") for raw in HOSTILE.values())
        evil = evil.replace(b"*/", b"").replace(b"\0", b"")
        code = source.replace(b"never the same", evil.replace(b"\n", b" ").replace(b"\r", b" "))
        code = code.replace(b"VMX999", b"VMX999," + re.sub(rb"[\]\[\s,]", b"", evil))
        code = code.replace(b"run_vcpu", b"run_vcpu%d" % number)
        (folder / os.fsdecode(name)).write_bytes(code)
    return folder


def vmxlint(*args: str | Path, cwd: Path = ROOT) -> tuple[int, bytes, bytes]:
    done = forked(*args, cwd=cwd, encoding="ascii")
    return done.returncode, done.stdout, done.stderr


def harmless(out: bytes) -> None:
    shown = out.decode("utf-8")
    assert not HIDDEN.search(shown)
    assert not COMMAND.search(shown)
    assert "Traceback" not in shown
    commands = [line for line in shown.splitlines() if line.lstrip().startswith("::")]
    assert all(OURS.fullmatch(line) for line in commands)


@pytest.mark.parametrize("form", ["text", "concise", "json", "sarif", "github", "rdjson"])
def test_a_hostile_tree(form: str, tree: Path) -> None:
    code, out, err = vmxlint("--format", form, "--show-suppressed", "--statistics", tree)
    assert code == 1
    assert out
    harmless(out)
    harmless(err)
    assert out.startswith(b"::warning ") == (form == "github")


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_each_hostile_name_alone(name: bytes, tree: Path) -> None:
    code, out, err = vmxlint("--terse", "--", os.fsdecode(name), cwd=tree)
    assert code == 1
    harmless(out)
    harmless(err)


@pytest.mark.parametrize("form", ["text", "json", "folded", "speedscope", "html"])
def test_a_hostile_tree_has_a_budget(form: str, tree: Path) -> None:
    code, out, err = vmxlint("budget", "--format", form, tree)
    assert code == 0
    harmless(out)
    harmless(err)
    assert form != "html" or (b"<script" not in out and b"<img" not in out)


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_hostile_tree_is_explained(form: str, tree: Path) -> None:
    code, out, err = vmxlint("why", "--format", form, "run_vcpu3", tree)
    assert code == 0
    harmless(out + err)


ALL = " ".join(HOSTILE.values()).replace("\0", "").encode("utf-8", "replace").decode()


def test_a_hostile_baseline(tree: Path, tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    assert vmxlint("baseline", "write", tree, "--baseline", file, "--reason", ALL)[0] == 0
    assert file.read_bytes().isascii()
    document = json.loads(file.read_text())
    entry = {**document["entries"][0], "rule": "VMX102"}
    for raw in HOSTILE.values():
        evil = {"file": raw, "function": raw, "reason": raw, "fingerprint": raw}
        document["entries"].append({**entry, **evil})
    file.write_text(json.dumps(document))
    for args in (
        ("baseline", "show"),
        ("--show-suppressed", tree),
        ("--format", "json", tree),
        ("baseline", "prune", tree),
    ):
        code, out, err = vmxlint(*args, "--baseline", file)
        assert code in (0, 1)
        harmless(out)
        harmless(err)
    file.write_text(json.dumps({"version": 1, "entries": [{**entry, ALL: 1}]}))
    code, out, err = vmxlint("--baseline", file, tree)
    assert (code, out, err.count(b"\n")) == (2, b"", 1)
    harmless(err)


@pytest.mark.parametrize(
    "content",
    [
        f"{json.dumps(ALL)} = 1",
        f"select = [{json.dumps(ALL)}]",
        f"fail-on = {json.dumps(ALL)}",
        f"baseline = {json.dumps(ALL)}",
        f"cpu = {json.dumps(ALL)}",
        f"[per-file-ignores]\n{json.dumps(ALL)} = 1",
        f"= {ALL}",
    ],
    ids=range(7),
)
def test_a_hostile_configuration(content: str, tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "unused_suppression" / "miss_on_the_line", tmp_path / "tree")
    (tmp_path / "tree" / "vmxlint.toml").write_text(content, "utf-8")
    code, out, err = vmxlint(tmp_path / "tree")
    assert (code, out, err.count(b"\n")) == (2, b"", 1)
    harmless(err)
    code, out, err = vmxlint("--show-settings", tmp_path / "tree")
    harmless(out + err)


@pytest.mark.parametrize(
    "option",
    ["--select", "--output", "--format", "--cpu", "--baseline", "--config", "--", "rule", "-"],
)
def test_hostile_arguments(option: str) -> None:
    case = FIXTURES / "unused_suppression" / "miss_on_the_line"
    args = [f"-{ALL}", case] if option == "-" else [option, ALL]
    code, out, err = vmxlint(*args, *([case] if option not in ("--", "rule", "-") else []))
    assert (code, out, err.count(b"\n")) == (2, b"", 1)
    harmless(err)
