"""Patches that name their files otherwise than from the top, and binary files in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.mutants import VMX
from tests.repositories import Repository, is_toggle, vmxlint
from tests.test_change import TOGGLE

KVM = "arch/x86/kvm"
TWO = ("--src-prefix=old/linux/", "--dst-prefix=new/linux/")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository", below=KVM)


def diffed(repository: Repository, *options: str) -> bytes:
    """What is staged as a diff; the repository is then as before."""
    repository.git("add", "-A")
    text = repository.git("diff", "--cached", *options).encode()
    repository.git("reset", "-q", "--hard")
    return text


@pytest.mark.parametrize(
    ("options", "paths"),
    [
        (["--no-prefix"], []),
        (["--no-prefix"], [f"{KVM}/vmx"]),
        (TWO, []),
        ([f"--relative={KVM}"], [KVM]),
        ([f"--relative={KVM}"], [f"{KVM}/{VMX}"]),
        ([f"--relative={KVM}", "--no-prefix"], [KVM]),
        ([f"--relative={KVM}/vmx"], [f"{KVM}/vmx"]),
    ],
)
def test_names_from_elsewhere(
    options: Sequence[str], paths: Sequence[str], repository: Repository
) -> None:
    repository.edit(*TOGGLE)
    text = diffed(repository, *options)
    assert is_toggle(repository.change("--patch", "-", *paths, given=text)["findings"])
    repository.edit(*TOGGLE)
    usual = diffed(repository)
    told = [
        repository.check("--patch", "-", "--mailback", *paths, given=one) for one in (usual, text)
    ]
    assert told[0].stdout
    assert told[0].stdout == told[1].stdout


def test_a_patch_without_context(repository: Repository) -> None:
    repository.edit(*TOGGLE)
    text = diffed(repository, "-U0")
    assert is_toggle(repository.change("--patch", "-", given=text)["findings"])
    other = text.replace(b"\n-", b"\n-never ")
    assert other != text
    done = repository.check("--patch", "-", given=other)
    assert done.returncode == 2 and b"doesn't apply" in done.stderr


def test_names_from_the_folder_that_one_is_in(repository: Repository) -> None:
    repository.edit(*TOGGLE)
    text = diffed(repository, f"--relative={KVM}")
    done = vmxlint("--patch", "-", "--terse", cwd=repository.files / "vmx", given=text)
    assert b"vmx.c:" in done.stdout, done.stderr
    assert repository.check("--patch", "-", given=text).returncode == 2


def test_a_file_renamed_without_prefix(repository: Repository) -> None:
    repository.edit(*TOGGLE)
    repository.git("mv", f"{KVM}/{VMX}", f"{KVM}/vmx/main \u00fc.c")
    text = diffed(repository, "--no-prefix", "-M")
    assert b"\nrename from arch/x86/kvm/vmx/vmx.c\n" in text
    found = repository.change("--patch", "-", given=text)["findings"]
    assert is_toggle(found)
    assert f"{KVM}/vmx/main \u00fc.c" in {one["path"] for one in found}


def test_a_binary_file_whose_content_is_not_in_the_patch(repository: Repository) -> None:
    for name in ("one.png", "two.png"):
        (repository.files / name).write_bytes(bytes(range(256)))
    repository.commit("pictures")
    repository.edit(*TOGGLE)
    (repository.files / "one.png").write_bytes(bytes(300))
    (repository.files / "two.png").unlink()
    (repository.files / "three.png").write_bytes(bytes(400))
    text = diffed(repository)
    assert b"\nBinary files " in text
    assert is_toggle(repository.change("--patch", "-", given=text)["findings"])
    (repository.files / "one.png").write_bytes(bytes(300))
    done = repository.check("--patch", "-", given=diffed(repository))
    assert (done.returncode, done.stdout) == (0, b"")
