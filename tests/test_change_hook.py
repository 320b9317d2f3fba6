"""`--hook` as pre-commit calls it: only what the change brings, in whatever batches."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures import ROOT
from tests.mutants import NESTED, SWITCH, VMX, WANTED, after, define, entry
from tests.repositories import Repository, environment, vmxlint
from tests.test_change import CALL, COLD, TOGGLE

NOWHERE = "0" * 40


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def staged(repository: Repository) -> list[str]:
    repository.git("add", "-A")
    listed = repository.git("diff", "--cached", "--name-only", "--diff-filter=ACM")
    return listed.split()


def told(repository: Repository, *files: str, **env: str) -> list[str]:
    """The places that the hook names, without those of notes."""
    done = repository.check("--hook", "--terse", *files, env=env)
    assert done.returncode == bool(done.stdout), done.stderr
    assert bool(done.stderr) == bool(done.stdout)
    return [line.split(": ")[0] for line in done.stdout.decode().splitlines()]


def test_it_is_silent_when_clean(repository: Repository) -> None:
    assert not told(repository, VMX)
    repository.edit(define("/* nothing */"))
    assert not told(repository, *staged(repository))
    assert not told(repository)


def test_only_what_is_staged_is_told(repository: Repository) -> None:
    repository.committed("old", entry(WANTED))
    repository.edit(define("/* one */"))
    staged(repository)
    assert not told(repository, VMX)
    repository.edit(*TOGGLE)
    assert not told(repository, VMX)
    assert len(told(repository, *staged(repository))) == 2


def test_a_file_without_a_staged_change_is_told_whole(repository: Repository) -> None:
    repository.committed("old", entry(WANTED))
    assert len(told(repository, VMX)) == 1
    assert not told(repository, SWITCH)
    repository.edit(after(SWITCH, "vmcs_write32(PLE_GAP, 128);", "int x;"))
    assert len(told(repository, VMX, *staged(repository))) == 1


def test_batches_tell_all_and_nothing_else(repository: Repository) -> None:
    repository.committed("cold", COLD, define("void now_and_then(struct vcpu_vmx *v);", NESTED))
    repository.edit(
        *TOGGLE,
        CALL,
        after(SWITCH, "vmcs_write32(PLE_GAP, 128);", "int x;"),
        after(NESTED, "hand_over_host_save(vmx, last);", WANTED),
    )
    files = staged(repository)
    whole = told(repository, *files)
    assert len(files) == 3
    assert len(whole) >= 4
    apart = [set(told(repository, file)) for file in files]
    assert set().union(*apart) == set(whole)
    assert len(apart[files.index(SWITCH)]) < len(whole)


def test_a_finding_in_a_file_that_is_not_staged(repository: Repository) -> None:
    text = f'#include "vmx.h"\nvoid renew(struct vcpu_vmx *vmx)\n{{\n\t{WANTED}\n}}\n'
    repository.committed("cold", ("vmx/new.c", "", text), define("void renew(struct vcpu_vmx *v);"))
    repository.edit(entry("renew(vmx);"))
    (file,) = staged(repository)
    assert [place.rpartition(":")[0] for place in told(repository, file)] == ["vmx/new.c:4"]


def test_assembly_that_calls_what_was_cold(repository: Repository) -> None:
    repository.committed("cold", COLD)
    repository.edit(after("vmx/vmenter.S", "call\tupdate_host_rsp_of_vmcs", "call\tnow_and_then"))
    (file,) = staged(repository)
    assert len(told(repository, file)) == 1


def test_all_hooks_take_c_files_headers_and_assembly() -> None:
    yaml, identify = pytest.importorskip("yaml"), pytest.importorskip("identify.identify")
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert len(hooks) == 3
    for hook in hooks:
        for name in ("vmx.c", "vmx.h", "vmenter.S"):
            assert identify.tags_from_filename(name) & set(hook["types_or"])


def test_a_push_is_what_it_changes_since_it_left(repository: Repository) -> None:
    start = repository.git("rev-parse", "HEAD").strip()
    repository.committed("toggle", *TOGGLE)
    refs = {"PRE_COMMIT_FROM_REF": start, "PRE_COMMIT_TO_REF": "HEAD"}
    assert len(told(repository, VMX, **refs)) == 2
    repository.committed("more", define("int more;"))
    assert not told(repository, VMX, **{**refs, "PRE_COMMIT_FROM_REF": "HEAD~1"})
    done = repository.check("--hook", VMX, env={**refs, "PRE_COMMIT_FROM_REF": NOWHERE})
    assert (done.returncode, done.stdout) == (2, b"")


def test_files_that_concern_no_hypervisor(repository: Repository) -> None:
    other = Path(repository.top, "tools/one.c")
    other.parent.mkdir()
    other.write_text("int one;\n")
    Path(repository.top, "two.c").symlink_to("tools/one.c")
    repository.edit(*TOGGLE)
    staged(repository)
    assert not told(repository, "tools/one.c")
    told(repository, "two.c")
    done = vmxlint("--hook", "/etc/hostname", cwd=repository.top)
    assert done.returncode == 2


@pytest.mark.parametrize("kind", ("plain", "linked", "submodule"))
def test_within_git_commit(kind: str, repository: Repository, tmp_path: Path) -> None:
    hook = Path(repository.top, ".git/hooks/pre-commit")
    if kind == "linked":
        repository.git("worktree", "add", "-q", str(tmp_path / "linked"))
        repository = Repository(tmp_path / "linked", made=True)
    elif kind == "submodule":
        above = Repository(tmp_path / "above", repository.files / "vmx")
        allowed = ("-c", "protocol.file.allow=always")
        above.git(*allowed, "submodule", "--quiet", "add", str(repository.top), "below")
        hook = Path(above.top, ".git/modules/below/hooks/pre-commit")
        repository = Repository(above.top / "below", made=True)
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nexec {sys.executable} -m vmxlint check --hook {VMX}\n")
    hook.chmod(0o755)
    repository.edit(define("int fine;"))
    repository.git("commit", "-q", "-a", "-m", "fine")
    repository.edit(*TOGGLE)
    done = subprocess.run(
        ["git", "commit", "-a", "-m", "toggle"],
        cwd=repository.top,
        env=environment(),
        capture_output=True,
    )
    assert done.returncode == 1
    assert b"[VMX101]" in done.stdout + done.stderr


def test_the_real_pre_commit(repository: Repository, tmp_path: Path) -> None:
    tool = shutil.which("pre-commit", path=str(Path(sys.executable).parent)) or shutil.which(
        "pre-commit"
    )
    if not tool:
        pytest.skip("pre-commit is not installed")
    config = tmp_path / "config.yaml"
    config.write_text(
        "repos:\n- repo: local\n  hooks:\n"
        "  - id: vmxlint\n    name: vmxlint\n    language: system\n"
        f"    entry: {sys.executable} -m vmxlint check --hook\n"
        "    types_or: [c]\n    require_serial: true\n"
    )
    own = environment({"PRE_COMMIT_HOME": str(tmp_path / "home")})

    def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [tool, "run", "-c", str(config), *arguments]
        return subprocess.run(command, cwd=repository.top, env=own, capture_output=True)

    repository.edit(define("int fine;"))
    staged(repository)
    clean = run()
    assert clean.returncode == 0, clean.stdout
    assert len(clean.stdout.splitlines()) == 1
    repository.edit(*TOGGLE)
    staged(repository)
    repository.edit(entry(WANTED))  # not staged: put aside by pre-commit
    done = run()
    assert done.returncode == 1
    assert b"[VMX101]" in done.stdout
    assert b"[VMX102]" not in done.stdout
    repository.commit("toggle")
    assert run("--all-files").returncode == 1
    assert run("--from-ref", "HEAD~1", "--to-ref", "HEAD").returncode == 1
