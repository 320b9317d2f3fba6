"""What git makes hard: odd repositories, hostile ones, and changes that can't be had."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.mutants import SWITCH, VMX, WANTED, define, entry, switch_vmcs
from tests.repositories import (
    AFTER,
    BEFORE,
    Repository,
    deltas,
    environment,
    is_toggle,
    rules,
    vmxlint,
)
from tests.test_change import CALL, COLD, TOGGLE


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def refused(repository: Repository, *arguments: str | Path, given: bytes = b"") -> str:
    """The one line that a run ends with which can't work."""
    done = repository.check(*arguments, given=given)
    assert (done.returncode, done.stdout) == (2, b"")
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("vmxlint: ")
    return line


def test_before_the_first_commit_all_is_new(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository", commit=False)
    repository.edit(*TOGGLE)
    repository.git("add", "-A")
    document = repository.change("--staged")
    assert is_toggle(document["findings"])
    assert document["change"]["base"] == "nothing"
    root = repository.commit("start")
    assert is_toggle(repository.change("--git", root)["findings"])


def test_new_files_count_and_ignored_ones_do_not(repository: Repository) -> None:
    Path(repository.top, ".git/info/exclude").write_text("scratch.c\n")
    text = f'#include "vmx.h"\nvoid once_more(struct vcpu_vmx *vmx)\n{{\n\t{WANTED}\n}}\n'
    repository.edit(entry("once_more(vmx);"), (SWITCH, "u32 pin", "void once_more();\n\nu32 pin"))
    Path(repository.files, "vmx/scratch.c").write_text(text)
    assert not repository.change("--diff", "HEAD")["findings"]
    Path(repository.files, "vmx/scratch.c").rename(repository.files / "vmx/once.c")
    assert rules(repository.change("--diff", "HEAD")["findings"]) == ["VMX102"]


def test_the_report_is_narrowed_and_paths_are_opened_from_here(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository", below="arch/x86/kvm")
    repository.committed("toggle", *TOGGLE, switch_vmcs(WANTED))
    everything = repository.change("--git", "HEAD")["findings"]
    assert {one["path"] for one in everything} == {
        f"arch/x86/kvm/{file}" for file in ("vmx/nested.c", VMX)
    }
    narrowed = repository.change("--git", "HEAD", "arch/x86/kvm/vmx/nested.c")["findings"]
    assert {one["path"] for one in narrowed} == {"nested.c"}
    below = vmxlint("--git", "HEAD", "--terse", "vmx", cwd=repository.files)
    assert below.stdout.startswith(b"vmx/nested.c:")
    absolute = vmxlint("--git", "HEAD", "--terse", repository.files, cwd=tmp_path)
    assert absolute.stdout.startswith(f"{repository.files}/vmx/nested.c:".encode())


def test_a_change_elsewhere_is_nothing(tmp_path: Path) -> None:
    repository = Repository(tmp_path / "repository", below="arch/x86/kvm")
    Path(repository.top, "tools").mkdir()
    Path(repository.top, "tools/one.c").write_text("int one;\n")
    repository.commit("tools: Add one")
    mail = repository.mails()
    assert not repository.change("--git", "HEAD")["findings"]
    repository.git("reset", "-q", "--hard", "HEAD~1")
    done = repository.check("--patch", "-", given=mail)
    assert (done.returncode, done.stdout) == (0, b"")


def test_a_repository_without_a_hypervisor_has_nothing_to_say(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    repository = Repository(tmp_path / "repository", tree=empty)
    Path(repository.top, "README").write_text("nothing\n")
    repository.git("add", "-A")
    assert repository.check("--staged").returncode == 0
    assert repository.check("--git", "HEAD").returncode == 0


def test_revisions_that_mean_nothing(repository: Repository) -> None:
    for arguments in (
        ["--diff", "no-such"],
        ["--git", "no-such"],
        ["--git", "HEAD..no-such"],
        ["--git", "HEAD^{tree}"],
        ["--diff=--output=/tmp/x"],
        ["--git=--all"],
        ["--git", "..--all"],
        ["--git", "^HEAD"],
        ["--git", "HEAD HEAD"],
        ["--git", "-1"],
    ):
        assert "no commit" in (line := refused(repository, *arguments)) or "no revision" in line
    assert "'no-such'" in refused(repository, "--git", "no-such")
    for option in ("--git", "--diff", "--patch", "--base"):  # as "$UNSET" in a script
        assert f"{option} is empty" in refused(repository, option, "")
        assert f"{option} is given twice" in refused(repository, option, "a", option, "b")
    assert "--base" in refused(repository, "--git", "HEAD", "--base", "HEAD")
    assert "--each-patch" in refused(repository, "--each-patch")
    assert "--staged" in refused(repository, "--git", "HEAD", "--staged")
    assert "no such file" in refused(repository, "--git", "HEAD", "no/such.c")
    assert "repository" in refused(repository, "--git", "HEAD", "/")


def test_a_range_and_what_checkpatch_means_by_it(repository: Repository) -> None:
    repository.committed("first", *TOGGLE)
    repository.committed("second", entry(WANTED))
    assert rules(repository.change("--git", "HEAD")["findings"]) == ["VMX102"]
    assert is_toggle(repository.change("--git", "HEAD~1")["findings"])
    for spelled in ("HEAD-2", "HEAD~2..HEAD", "HEAD~2..", "HEAD~2...HEAD", "main-2"):
        assert {"VMX101", "VMX102"} <= set(rules(repository.change("--git", spelled)["findings"]))
    repository.git("tag", "release-2")
    assert rules(repository.change("--git", "release-2")["findings"]) == ["VMX102"]


def test_a_merge_is_one_step(repository: Repository) -> None:
    repository.git("checkout", "-q", "-b", "side")
    repository.committed("toggle", *TOGGLE)
    repository.git("checkout", "-q", "main")
    repository.committed(
        "other",
        (SWITCH, "u32 pin_ctls_wanted(void)\n{", "int other;\n\nu32 pin_ctls_wanted(void)\n{"),
    )
    repository.git("merge", "-q", "--no-ff", "-m", "Merge side", "side")
    found = repository.change("--git", "HEAD~2..HEAD")["findings"]
    assert {one["patch"] for one in found} == {'patch 2/2 "Merge side"'}


def test_a_linked_work_tree_and_a_bare_repository(repository: Repository, tmp_path: Path) -> None:
    repository.git("worktree", "add", "-q", str(tmp_path / "linked"))
    linked = Repository(tmp_path / "linked", made=True)
    linked.edit(*TOGGLE)
    done = vmxlint("--diff", "HEAD", "--terse", cwd=linked.top)
    assert b"[VMX101]" in done.stdout
    repository.git("clone", "-q", "--bare", ".", str(tmp_path / "bare"))
    done = vmxlint("--git", "HEAD", cwd=tmp_path / "bare")
    assert done.returncode == 2
    assert b"bare repository" in done.stderr


def test_no_repository_and_no_git(tmp_path: Path) -> None:
    done = vmxlint("--staged", cwd=tmp_path)
    assert done.returncode == 2
    assert b"not a git repository" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    done = vmxlint("--staged", cwd=tmp_path, env={"PATH": "/nowhere"})
    assert done.returncode == 2
    assert b"not installed" in done.stderr


def test_a_shallow_clone_says_so(repository: Repository, tmp_path: Path) -> None:
    repository.committed("toggle", *TOGGLE)
    source = f"file://{repository.top}"
    repository.git("clone", "-q", "--depth=1", source, str(tmp_path / "shallow"))
    done = vmxlint("--git", "HEAD", cwd=tmp_path / "shallow")
    assert done.returncode == 2
    assert b"shallow" in done.stderr


def test_an_index_in_conflict_says_so(repository: Repository) -> None:
    repository.git("checkout", "-q", "-b", "side")
    repository.committed("one", entry("int one;"))
    repository.git("checkout", "-q", "main")
    repository.committed("two", entry("int two;"))
    subprocess.run(
        ["git", "merge", "-q", "side"], cwd=repository.top, env=environment(), capture_output=True
    )
    assert "conflict in 'vmx/vmx.c'" in refused(repository, "--staged")


def test_a_split_index_is_read(repository: Repository) -> None:
    repository.git("update-index", "--split-index")
    repository.edit(*TOGGLE)
    repository.git("add", "-A")
    assert is_toggle(repository.change("--staged")["findings"])


@pytest.mark.parametrize("kind", ("--no-cone", "--cone"))
def test_what_a_sparse_checkout_leaves_out_is_not_gone(tmp_path: Path, kind: str) -> None:
    repository = Repository(tmp_path / "repository", BEFORE)
    repository.git("sparse-checkout", "set", kind, "/x86.c" if kind == "--no-cone" else "none")
    assert not (repository.files / "vmx").exists()
    repository.edit(("x86.c", "vcpu_enter_guest(", "/* in */ vcpu_enter_guest("))
    change = repository.change("--diff", "HEAD")["change"]
    assert (change["new"], change["fixed"]) == ([], [])
    assert not deltas(change)
    (repository.files / "x86.c").unlink()
    assert deltas(repository.change("--diff", "HEAD")["change"])


def test_links_are_not_followed(repository: Repository, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    shutil.copytree(AFTER, outside)
    (outside / "evil.c").write_text("int evil;\n")
    Path(repository.files, "vmx/evil.c").symlink_to(outside / "evil.c")
    Path(repository.files, "linked").symlink_to(outside, target_is_directory=True)
    repository.git("add", "-A")
    assert not repository.change("--staged")["findings"]
    repository.commit("links")
    assert not repository.change("--git", "HEAD")["findings"]
    repository.edit(*TOGGLE)
    assert is_toggle(repository.change("--diff", "HEAD")["findings"])


HOSTILE = """
[core]
	fsmonitor = {trap}
	hooksPath = {hooks}
	sshCommand = {trap}
	gitProxy = {trap}
	askPass = {trap}
	pager = {trap}
	editor = {trap}
	alternateRefsCommand = {trap}
	attributesFile = {attributes}
	untrackedCache = true
[diff]
	external = {trap}
[diff "trap"]
	textconv = {trap}
	command = {trap}
[filter "trap"]
	clean = {trap}
	smudge = {trap}
	process = {trap}
	required = true
[merge "trap"]
	driver = {trap}
[gpg]
	program = {trap}
[log]
	showSignature = true
[credential]
	helper = "!{trap}"
[pager]
	log = {trap}
[alias]
	rev-parse = "!{trap}"
	apply = "!{trap}"
[uploadpack]
	packObjectsHook = {trap}
[init]
	templateDir = {hooks}
[sequence]
	editor = {trap}
[trace2]
	eventTarget = {trap}.trace
[remote "origin"]
	url = "ext::{trap}"
	promisor = true
	partialclonefilter = blob:none
	uploadpack = {trap}
[protocol]
	allow = always
[protocol "ext"]
	allow = always
[extensions]
	partialClone = origin
"""
HOOKS = (
    "post-index-change reference-transaction fsmonitor-watchman pre-commit post-checkout"
    " applypatch-msg pre-applypatch post-applypatch"
).split()


def test_a_hostile_repository_makes_git_run_nothing(repository: Repository, tmp_path: Path) -> None:
    repository.committed("cold", COLD)
    repository.committed("KVM: VMX: Call it", CALL)
    mails = repository.mails()
    Path(repository.top, ".gitattributes").write_text("* filter=trap diff=trap merge=trap text\n")
    repository.commit("attributes")
    hooks, mark, trap = tmp_path / "hooks", tmp_path / "sprung", tmp_path / "trap"
    hooks.mkdir()
    trap.write_text(f"#!/bin/sh\ntouch {mark}\nexit 1\n")
    trap.chmod(0o755)
    for folder in (hooks, repository.top / ".git/hooks"):
        for name in HOOKS:
            folder.mkdir(exist_ok=True)
            shutil.copy(trap, folder / name)
    config = Path(repository.top, ".git/config")
    plain = config.read_text().replace("repositoryformatversion = 0", "repositoryformatversion = 1")
    names = {"trap": trap, "hooks": hooks, "attributes": repository.top / ".gitattributes"}
    config.write_text(plain + HOSTILE.format(**names))
    file = repository.files / VMX
    file.write_text(file.read_text() + "\nint changed;\n")
    os.utime(file, (1, 1))
    for arguments in (
        ["--git", "HEAD~1"],
        ["--git", "HEAD-3"],
        ["--git", "HEAD~3...HEAD"],
        ["--diff", "HEAD"],
        ["--staged"],
        ["--patch", "-", "--base", "HEAD~2", "--mailback"],
    ):
        done = vmxlint(*arguments, cwd=repository.top, given=mails)
        assert done.returncode in (0, 1), done.stderr
        assert not mark.exists(), arguments
    assert not list(tmp_path.glob("*.trace"))
    for loose in Path(repository.top, ".git/objects").glob("??/*"):
        loose.unlink()
    assert not mark.exists()
    done = vmxlint("--git", "HEAD~1", cwd=repository.top)
    assert done.returncode == 2
    assert not mark.exists()
    subprocess.run(
        ["git", "diff", "HEAD"], cwd=repository.top, capture_output=True, stdin=subprocess.DEVNULL
    )
    assert mark.exists()  # the traps are armed


def test_a_work_tree_elsewhere_is_refused(repository: Repository) -> None:
    with Path(repository.top, ".git/config").open("a") as config:
        config.write("[core]\n\tworktree = /\n")
    done = vmxlint("--diff", "HEAD", cwd=repository.top)
    assert done.returncode == 2
    assert b"elsewhere" in done.stderr


def test_the_configuration_is_that_before_the_change(repository: Repository) -> None:
    repository.committed("toggle", *TOGGLE, ("vmxlint.toml", "", 'ignore = ["VMX101", "VMX103"]\n'))
    assert is_toggle(repository.change("--git", "HEAD")["findings"])
    back = [(file, new, old) for file, old, new in TOGGLE]
    repository.committed("back", *back)
    repository.committed("again", *TOGGLE, ("vmxlint.toml", "ignore = [", "select = ["))
    assert not repository.change("--git", "HEAD")["findings"]


def test_hostile_names_and_subjects_come_out_harmless(repository: Repository) -> None:
    name = "vmx/::error::\x1b[31m\u202e.c"
    text = f'#include "vmx.h"\nvoid quux(struct vcpu_vmx *vmx)\n{{\n\t{WANTED}\n}}\n'
    declared = define("void quux(struct vcpu_vmx *vmx);")
    repository.committed(
        "\x1b]52;c;eA==\x07 ::stop-commands::x", (name, "", text), declared, entry("quux(vmx);")
    )
    for form in ("text", "concise", "mailback"):
        done = repository.check("--git", "HEAD", "--format", form)
        assert b"[VMX102]" in done.stdout or b"VMX102:" in done.stdout
        assert b"\x1b" not in done.stdout + done.stderr
        assert "\u202e".encode() not in done.stdout
        assert not any(line.startswith(b"::") for line in done.stdout.splitlines())
    assert repository.change("--git", "HEAD")["findings"]
