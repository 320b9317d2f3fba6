"""The baseline: what it knows is quiet, one more finding is exactly one, what is gone is said."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.command import vmxlint
from tests.fixtures import FIXTURES, analysed, cases
from vmxlint.baseline import BaselineError, Entry, as_json, entries_of, load, matched
from vmxlint.findings import Finding

BEFORE = FIXTURES / "kvm_before"
KNOWN = analysed(BEFORE).findings


def name(finding: Finding) -> str:
    return finding.location.path


def kind(one: Finding) -> tuple[str, str, str | None, str]:
    return one.rule, name(one), one.function, one.fingerprint


def new(findings: tuple[Finding, ...], entries: list[Entry]) -> list[Finding]:
    done = matched(findings, entries, name, lambda _: True)
    return [one for one in done.findings if one.suppressed is None]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the demo tree with its baseline beside it."""
    shutil.copytree(BEFORE, tmp_path / "kvm")
    done = vmxlint(*write(tmp_path / "kvm"))
    assert (done.returncode, done.stdout) == (0, "")
    return tmp_path / "kvm"


def write(tree: Path, *more: str) -> list[str]:
    file = ["--baseline", str(tree.parent / "known.json")]
    return ["baseline", "write", str(tree), *file, "--reason", "before our time", *more]


def check(tree: Path, *more: str | Path) -> tuple[int, list[str], str]:
    done = vmxlint("--terse", "--baseline", tree.parent / "known.json", *(more or (tree,)))
    return done.returncode, done.stdout.splitlines(), done.stderr


# As data


@given(st.permutations(KNOWN), st.integers(0, len(KNOWN) - 1))
def test_what_was_written_is_known_and_one_more_is_one(order: list[Finding], which: int) -> None:
    findings = tuple(order)
    entries = entries_of(findings, name, "known")
    assert new(findings, entries) == []
    assert matched(findings, entries, name, lambda _: True).left == ()
    fewer = entries_of([one for n, one in enumerate(order) if n != which], name, "known")
    assert new(findings, fewer) == [order[which]]
    assert len(new((*findings, order[which]), entries)) == 1


@given(st.lists(st.sampled_from(KNOWN)), st.lists(st.sampled_from(KNOWN)))
def test_new_and_left_are_the_two_differences(now: list[Finding], then: list[Finding]) -> None:
    done = matched(tuple(now), entries_of(then, name, "known"), name, lambda _: True)
    fresh = Counter(kind(one) for one in done.findings if one.suppressed is None)
    left = Counter({one.kind: one.count for one in done.left})
    assert fresh == Counter(map(kind, now)) - Counter(map(kind, then))
    assert left == Counter(map(kind, then)) - Counter(map(kind, now))


def test_the_same_entries_are_the_same_bytes(tmp_path: Path) -> None:
    entries = entries_of(KNOWN, name, "known")
    assert as_json(entries) == as_json(entries[::-1])
    (tmp_path / "b.json").write_text(as_json(entries))
    assert sorted(map(str, load(str(tmp_path / "b.json")))) == sorted(map(str, entries))


def test_a_file_that_may_not_have_moved_has_not() -> None:
    moved = tuple(one._replace(location=one.location._replace(path="new.c")) for one in KNOWN[:1])
    entries = entries_of(KNOWN[:1], name, "known")
    assert new(moved, entries) == []
    assert matched(moved, entries, name, lambda _: False).findings == moved


def test_suppressed_findings_use_up_no_entry() -> None:
    held = KNOWN[0]._replace(suppressed="comment", suppressed_by="comment")
    assert entries_of([held], name, "x") == []
    assert len(matched((held,), entries_of(KNOWN[:1], name, "x"), name, lambda _: True).left) == 1


@pytest.mark.parametrize("tree", cases()[::5], ids=lambda p: p.relative_to(FIXTURES).as_posix())
def test_of_any_tree_each_finding_is_known_or_exactly_one(tree: Path) -> None:
    findings = analysed(tree).findings
    shown = [one for one in findings if one.suppressed is None]
    assert new(findings, entries_of(findings, name, "known")) == []
    for one in shown:
        others = [other for other in shown if other is not one]
        assert new(findings, entries_of(others, name, "known")) == [one]


# On the command line


def test_written_then_checked_is_clean(tree: Path) -> None:
    code, lines, stderr = check(tree)
    assert (code, lines) == (0, [])
    assert f"({len(KNOWN)} suppressed)" in stderr
    document = json.loads((tree.parent / "known.json").read_text())
    assert sum(one["count"] for one in document["entries"]) == len(KNOWN)
    assert {one["reason"] for one in document["entries"]} == {"before our time"}
    assert document["entries"][0]["file"].startswith("kvm/vmx/")
    out = vmxlint("--format", "json", "--baseline", tree.parent / "known.json", tree).stdout
    assert {one["suppressed_by"] for one in json.loads(out)["findings"]} == {"baseline"}


def test_narrowed_runs_and_other_folders_are_clean_too(tree: Path) -> None:
    for path in (tree / "vmx", tree / "vmx" / "vmx.c", tree / "vmx" / "nested.c"):
        assert check(tree, path)[:2] == (0, [])
    done = vmxlint("--terse", "--baseline", "../../known.json", ".", cwd=tree / "vmx")
    assert (done.returncode, done.stdout) == (0, "")
    assert check(tree, "--select", "VMX101", tree)[:2] == (0, [])


def test_one_more_finding_is_exactly_one(tree: Path) -> None:
    source = (tree / "vmx" / "nested.c").read_text()
    line = next(line for line in source.splitlines(True) if "expect: VMX102" in line)
    (tree / "vmx" / "nested.c").write_text(source.replace(line, line + line, 1))
    code, lines, _ = check(tree)
    assert code == 1
    assert len([one for one in lines if "[VMX102]" in one]) == 1


def test_moved_lines_and_renamed_files_are_known(tree: Path) -> None:
    nested = tree / "vmx" / "nested.c"
    nested.write_text("/* moved */\n\n" + nested.read_text())
    nested.rename(nested.with_name("second_level.c"))
    assert check(tree)[:2] == (0, [])
    assert check(tree, tree / "vmx" / "second_level.c")[:2] == (0, [])


def test_what_is_gone_is_said_and_pruned(tree: Path) -> None:
    baseline = tree.parent / "known.json"
    before = json.loads(baseline.read_text())["entries"]
    shutil.copy(FIXTURES / "kvm_after" / "vmx" / "nested.c", tree / "vmx" / "nested.c")
    code, lines, stderr = check(tree)
    gone = stderr.count("stale in the baseline: VMX")
    assert code == 1
    assert gone
    assert "vmxlint baseline prune" in stderr
    assert check(tree, "--exit-zero", tree)[0] == 0
    out = vmxlint("--format", "json", "--baseline", baseline, tree).stdout
    assert len(json.loads(out)["stale_in_baseline"]) == gone
    done = vmxlint("baseline", "prune", tree, "--baseline", baseline)
    assert done.returncode == 0
    assert done.stderr.count("removed VMX") == gone
    after = json.loads(baseline.read_text())["entries"]
    assert len(after) == len(before) - gone
    assert all(one in before for one in after)
    assert check(tree)[1] == lines
    assert "stale" not in check(tree)[2]


def test_pruning_a_part_leaves_the_rest(tree: Path) -> None:
    baseline = tree.parent / "known.json"
    before = baseline.read_text()
    vmxlint("baseline", "prune", tree / "vmx" / "vmx.h", "--baseline", baseline)
    vmxlint("baseline", "prune", tree, "--select", "VMX602", "--baseline", baseline)
    assert baseline.read_text() == before


def test_writing_needs_a_reason_and_force(tree: Path) -> None:
    baseline = tree.parent / "known.json"
    before = baseline.read_text()
    again = vmxlint(*write(tree))
    assert again.returncode == 2
    assert "is there already" in again.stderr
    assert vmxlint("baseline", "write", tree, "--baseline", tree.parent / "b").returncode == 2
    empty = vmxlint("baseline", "write", tree, "--baseline", tree.parent / "b", "--reason", " ")
    assert (empty.returncode, empty.stderr.count("\n")) == (2, 1)
    assert not (tree.parent / "b").exists()
    forced = [one if one != "before our time" else "today" for one in write(tree, "--force")]
    assert vmxlint(*forced).returncode == 0
    assert baseline.read_text() == before  # what was known keeps its reason


def test_show_prints_each_entry(tree: Path) -> None:
    done = vmxlint("baseline", "show", "--baseline", tree.parent / "known.json")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == len(KNOWN)
    line = r"VMX102 in \w+\(\) in kvm/vmx/nested\.c: before our time"
    assert re.search(line, done.stdout)


GOOD = {
    "rule": "VMX101",
    "file": "a.c",
    "function": None,
    "fingerprint": "f",
    "count": 1,
    "reason": "r",
}


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("\xff", "is no JSON"),
        ("[]", "is no vmxlint baseline of version 1"),
        ('{"version": 2, "entries": []}', "is no vmxlint baseline of version 1"),
        ('{"version": 1, "entries": {}}', "is no vmxlint baseline of version 1"),
        ([1], "entry 1: is not an object"),
        ([GOOD, {**GOOD, "count": 0}], "entry 2: 'count' must be a whole number from 1"),
        ([{**GOOD, "count": True}], "entry 1: 'count' must be a whole number from 1"),
        ([{**GOOD, "count": 1.5}], "entry 1: 'count' must be a whole number from 1"),
        ([{**GOOD, "reason": ""}], "entry 1: 'reason' must be text"),
        ([{**GOOD, "rule": 7}], "entry 1: 'rule' must be text"),
        ([{**GOOD, "function": 7}], "entry 1: 'function' must be text or null"),
        ([{**GOOD, "line": 7}], "entry 1: no field 'line'"),
        ([GOOD, {**GOOD, "fingerprint": "g"}, GOOD], "entry 3: stands there twice"),
    ],
)
def test_what_is_wrong_in_a_baseline_is_named(content: object, named: str, tmp_path: Path) -> None:
    file = tmp_path / "known.json"
    text = content if isinstance(content, str) else json.dumps({"version": 1, "entries": content})
    file.write_text(text, "latin-1")
    with pytest.raises(BaselineError, match=re.escape(named)) as error:
        load(str(file))
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_or_damaged_baseline_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "damaged.json").write_text("[]")
    missing = "can't read baseline 'no/such.json': no such file or directory"
    damaged = f"'{tmp_path}/damaged.json' is no vmxlint baseline of version 1"
    for args in ((BEFORE,), ("baseline", "show")):
        for file, named in (("no/such.json", missing), (tmp_path / "damaged.json", damaged)):
            done = vmxlint(*args, "--baseline", file)
            assert (done.returncode, done.stdout, done.stderr) == (2, "", f"vmxlint: {named}\n")
