"""The command as users call it: exit codes, streams, formats, and the same bytes each time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documents import validate
from tests.fixtures import FIXTURES, ROOT, expected
from vmxlint.cli import COMMANDS

BEFORE, AFTER = FIXTURES / "kvm_before", FIXTURES / "kvm_after"


def vmxlint(
    *args: str | Path, cwd: Path = ROOT, timeout: float = 120, **env: str
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **env}
    command = [sys.executable, "-m", "vmxlint", *map(str, args)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=cwd, env=environment, timeout=timeout
    )


def test_findings_exit_1_and_go_to_stdout() -> None:
    done = vmxlint(BEFORE)
    assert done.returncode == 1
    firsts = [line for line in done.stdout.splitlines() if line.endswith("]") and "warning" in line]
    assert len(firsts) == len(expected(BEFORE))
    assert done.stderr.startswith(f"{len(firsts)} warnings in ")


def test_check_is_the_default_command() -> None:
    assert vmxlint("check", BEFORE).stdout == vmxlint(BEFORE).stdout


def test_a_clean_tree_exits_0_and_says_nothing_on_stdout() -> None:
    done = vmxlint(AFTER)
    assert (done.returncode, done.stdout) == (0, "")
    assert "no findings" in done.stderr


def test_exit_zero_and_quiet() -> None:
    done = vmxlint("--exit-zero", "-q", BEFORE)
    assert done.returncode == 0
    assert done.stdout
    assert not done.stderr


def test_one_large_file_and_several_processes(tmp_path: Path) -> None:
    (tmp_path / "vmx.c").write_text("int filler;\n" * 60_000)
    done = vmxlint("-j", "4", tmp_path)
    assert (done.returncode, done.stdout) == (0, "")


def test_an_entry_that_only_recursion_reaches(tmp_path: Path) -> None:
    (tmp_path / "loop.c").write_text(
        'static u32 read(u32 f) { u32 v; asm("vmread %1, %0" : "=r"(v) : "r"(f)); return v; }\n'
        'static void a(void) { asm volatile("vmresume"); read(0x4404); b(); }\n'
        "static void b(void) { a(); }\n"
    )
    assert vmxlint(tmp_path, timeout=20).returncode in (0, 1)


def test_select_and_ignore_take_ids_and_names() -> None:
    def found(*args: str) -> set[str]:
        document = json.loads(vmxlint(*args, "--format", "json", BEFORE).stdout)
        return {finding["rule"] for finding in document["findings"]}

    assert found("--select", "VMX201") == {"VMX201"}
    assert found("--select", "VMX301,interrupt-info-on-every-exit") == {"VMX201", "VMX301"}
    assert found() - found("--ignore", "control-toggle,VMX301") == {"VMX101", "VMX301"}


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["no/such/path"], "no such file or folder: 'no/such/path'"),
        (["README.md"], "not a C file or folder: 'README.md'"),
        (["--select", "VMX999", "fixtures"], "no rule 'VMX999'"),
        (["--select", "control-togle", "fixtures"], "did you mean VMX101 control-toggle?"),
        (["--cpu", "z80", "fixtures"], "no CPU family 'z80'"),
        (["--profile", "nope", "fixtures"], "no profile 'nope'"),
        (["rule", "VMX999"], "no rule 'VMX999'"),
    ],
)
def test_bad_input_is_one_line_that_names_it(args: list[str], named: str) -> None:
    done = vmxlint(*args)
    assert done.returncode == 2
    assert not done.stdout
    assert done.stderr.count("\n") == 1
    assert named in done.stderr


def test_a_folder_without_c_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("vmread")
    done = vmxlint(tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"vmxlint: no C files in '{tmp_path}'\n"


def test_an_unreadable_file_is_a_line_in_the_coverage(tmp_path: Path) -> None:
    tree = tmp_path / "kvm"
    shutil.copytree(BEFORE, tree)
    whole = json.loads(vmxlint("--format", "json", tree).stdout)
    (tree / "vmx" / "broken.c").symlink_to("nowhere.c")
    os.mkfifo(tree / "vmx" / "pipe.c")
    (tree / "vmx" / "nul.c").write_bytes(b"int a;\0")
    locked = tree / "vmx" / "locked.c"
    locked.write_text("int b;\n")
    locked.chmod(0)
    document = json.loads(vmxlint("--format", "json", tree).stdout)
    assert document["findings"] == whole["findings"]
    unread = {gap["path"] for gap in document["coverage"]["not_understood"]}
    assert unread >= {"vmx/broken.c", "vmx/pipe.c", "vmx/nul.c"}
    assert ("vmx/locked.c" in unread) == (os.geteuid() != 0)


@pytest.mark.parametrize(
    "args",
    [
        ("",),
        ("budget", ""),
        ("why", "f", ""),
        ("--config", "", str(BEFORE)),
        ("--cache-dir", "", str(BEFORE)),
        ("cache", "clean", "--cache-dir", ""),
        ("--each-patch", str(BEFORE)),
    ],
)
def test_nothing_in_place_of_a_name_is_refused(args: tuple[str, ...], tmp_path: Path) -> None:
    done = vmxlint(*args, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("part", ["vmx", "vmx/vmx.c"])
def test_narrowing_changes_the_report_and_not_the_answer(part: str) -> None:
    whole = json.loads(vmxlint("--format", "json", BEFORE).stdout)["findings"]
    narrow = json.loads(vmxlint("--format", "json", BEFORE / part).stdout)["findings"]
    below = [f for f in whole if f"{f['path']}/".startswith(f"{part}/")]
    assert below
    assert [f["fingerprint"] for f in narrow] == [f["fingerprint"] for f in below]
    assert [f["cost"] for f in narrow] == [f["cost"] for f in below]


@pytest.mark.parametrize("form", ["text", "json", "sarif"])
def test_the_same_bytes_from_anywhere(form: str, tmp_path: Path) -> None:
    first = vmxlint("--format", form, BEFORE, PYTHONHASHSEED="1").stdout
    link = tmp_path / "linked"
    link.symlink_to(BEFORE)
    assert vmxlint("--format", form, BEFORE, cwd=tmp_path, PYTHONHASHSEED="2").stdout == first
    if form != "text":
        assert vmxlint("--format", form, link).stdout == first
        assert vmxlint("--format", form, ".", cwd=BEFORE).stdout == first


def test_paths_in_the_text_open_from_where_it_was_called() -> None:
    for cwd, path in ((ROOT, "fixtures/kvm_before"), (BEFORE, "."), (BEFORE, "vmx/vmx.c")):
        lines = vmxlint(path, cwd=cwd).stdout.splitlines()
        firsts = [line for line in lines if line.endswith("]") and not line.startswith(" ")]
        assert firsts
        assert all((cwd / line.split(":")[0]).is_file() for line in firsts)


@pytest.mark.skipif(not shutil.which("vim"), reason="no vim")
def test_vim_reads_the_first_lines(tmp_path: Path) -> None:
    report, listed = tmp_path / "report", tmp_path / "listed"
    report.write_text(vmxlint("fixtures/kvm_before").stdout)
    script = (
        f"call writefile(map(filter(getqflist(), 'v:val.valid'), {{_, v -> bufname(v.bufnr) . ':' ."
        f" v.lnum . ':' . v.col . ':' . v.text}}), '{listed}')"
    )
    vim = ["vim", "-Nu", "NONE", "-es", "-q", str(report), "-c", script, "-c", "qa!"]
    subprocess.run(vim, cwd=ROOT, timeout=30, stdin=subprocess.DEVNULL, capture_output=True)
    entries = [line.split(":") for line in listed.read_text().splitlines()]
    assert all((ROOT / file).is_file() for file, *_ in entries)
    warnings = {
        (file, int(line)) for file, line, _, text in map(_parts, entries) if "note" not in text
    }
    assert warnings == {(f"fixtures/kvm_before/{p}", line) for p, line, _ in expected(BEFORE)}


def _parts(entry: list[str]) -> tuple[str, int, int, str]:
    file, line, column, *text = entry
    assert int(column) > 0
    return file, int(line), int(column), ":".join(text)


def test_colours_only_on_a_terminal_or_when_asked() -> None:
    assert "\x1b" not in vmxlint(BEFORE).stdout
    assert "\x1b" in vmxlint("--color", "always", BEFORE).stdout
    assert "\x1b" in vmxlint(BEFORE, FORCE_COLOR="1", NO_COLOR="").stdout
    assert "\x1b" not in vmxlint(BEFORE, FORCE_COLOR="1", NO_COLOR="1").stdout
    assert "\x1b" not in vmxlint("--color", "never", BEFORE, FORCE_COLOR="1").stdout


SMALL = FIXTURES / "control_toggle" / "hit_entry_and_exit"
BUDGETS = ("text", "json", "folded", "speedscope", "html")
STARTS: list[tuple[str | Path, ...]] = [
    *((command, "--help") for command in COMMANDS),
    *(("--exit-zero", "--format", form, SMALL) for form in ("concise", "github", "rdjson")),
    *(("budget", "--format", form, SMALL) for form in BUDGETS),
    ("model",),
]


@pytest.mark.parametrize("arguments", STARTS, ids=lambda one: "-".join(map(str, one[:3])))
def test_a_new_interpreter_imports_all_that_it_needs(arguments: tuple[str | Path, ...]) -> None:
    """Most tests call the command where all has been imported already."""
    done = vmxlint(*arguments)
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0)
    assert done.stdout


@pytest.mark.parametrize("tree", [BEFORE, AFTER])
def test_documents_follow_their_schemas(tree: Path) -> None:
    for form, schema in (("json", "vmxlint-v1"), ("sarif", "sarif-2.1.0")):
        document = json.loads(vmxlint("--format", form, tree).stdout)
        validate(document, f"{schema}.schema.json")


def test_rules_are_listed_and_explained() -> None:
    listed = vmxlint("rule").stdout
    ids = [line.split()[0] for line in listed.splitlines()]
    assert ids == sorted(ids)
    assert {"VMX101", "VMX201", "VMX301", "VMX504", "VMX602"} <= set(ids)
    manual = vmxlint("rule", "VMX101").stdout
    assert manual == vmxlint("rule", "control-toggle").stdout
    for part in ("Why it costs", "Instead", "False alarms", "Misses", "How to measure"):
        assert part in manual


def test_why_answers_in_text_and_json() -> None:
    done = vmxlint("why", "handle_cpuid", BEFORE)
    assert done.returncode == 0
    assert done.stdout.startswith(f"{BEFORE}/vmx/exits.c:")
    document = json.loads(vmxlint("why", "--format", "json", "handle_cpuid", BEFORE).stdout)
    assert document["functions"][0]["contexts"][0]["context"] == "exit:CPUID"


def test_why_of_an_unknown_function_or_path_exits_2_with_one_line() -> None:
    for arguments in (("handle_cpiud", BEFORE), ("handle_cpuid", "/no/such/path")):
        done = vmxlint("why", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
        assert str(arguments[0] if arguments[1] == BEFORE else arguments[1]) in done.stderr
