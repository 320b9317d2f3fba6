"""Which units a path means: kernels and other hypervisors side by side, and large trees."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import vmxlint
from tests.fixtures import PLAIN, options
from tests.test_cli import BEFORE
from vmxlint.engine import run
from vmxlint.reading import units
from vmxlint.reading.source import InputError, read_unit

ENTERS = 'static void enter(void) { asm volatile("vmlaunch"); }\n'
IDLE = "static int idle(void) { return 0; }\n"


@pytest.fixture(autouse=True)
def _everything_is_large(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(units, "SMALL", 0)
    yield


def tree(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path = path.with_name(path.name.replace("_c", ".c").replace("_h", ".h"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def found(root: Path, jobs: int = 1) -> list[str]:
    made = units.targets([str(root)], None, jobs)
    return [one.unit.relative_to(root).as_posix() for one in made]


def test_each_kernel_and_each_other_hypervisor_is_a_unit_of_its_own(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        b__linux__arch__x86__kvm__vmx_c=ENTERS,
        b__linux__drivers__other_c=ENTERS,
        a__linux__arch__x86__kvm__vmx__vmx_c=ENTERS,
        xen__arch__x86__hvm__vmx__entry_c=ENTERS,
        xen__arch__x86__hvm__hvm_c=IDLE,
        xen__common__sched_c=IDLE,
        editor__main_c=IDLE,
    )
    expected = ["a/linux/arch/x86/kvm", "b/linux/arch/x86/kvm", "xen/arch/x86/hvm"]
    assert found(root) == expected
    assert found(root / "b" / "linux") == ["arch/x86/kvm"]


def test_what_is_for_other_processors_is_left_out_wherever_it_lies(tmp_path: Path) -> None:
    root = tree(tmp_path, x86__svm_c=ENTERS, x86__svm__entry_c=ENTERS, x86__vmx_c=ENTERS)
    assert [one.path for one in read_unit(root, PLAIN).files] == ["x86/vmx.c"]


def test_many_files_are_looked_through_by_several_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "_PARALLEL_FROM", 0)
    monkeypatch.setattr(units, "_TOLD", 3)
    files = {f"d{number}__f{number}_c": IDLE for number in range(20)}
    root = tree(tmp_path, **files, d7__hv_c=ENTERS, d13__hv_c=ENTERS)
    told: list[int] = []
    made = units.targets([str(root)], PLAIN, 2, told.append)
    assert [one.unit.name for one in made] == ["d13", "d7"]
    assert max(told) >= 18
    assert found(root, 2) == found(root, 1)


def test_what_holds_no_hypervisor_is_said(tmp_path: Path) -> None:
    root = tree(tmp_path, drivers__one_c=IDLE, drivers__two_c=IDLE)
    with pytest.raises(InputError, match="none of its 2 C files enters a guest"):
        found(root)


def test_a_small_tree_is_one_unit_whatever_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "SMALL", 1000)
    assert found(tree(tmp_path, one__a_c=ENTERS, two__b_c=IDLE)) == ["."]


def test_folders_of_one_project_are_one_unit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "SMALL", 150)
    root = tree(
        tmp_path,
        one__README_md=IDLE,
        one__core__include__vmx_h=ENTERS,
        one__core__src__vmx__enter_c=ENTERS,
        one__core__src__main_c=IDLE,
        one__tools__main_c=IDLE,
        two__COPYING=IDLE,
        two__vmx__enter_c=ENTERS,
        big__LICENSE=IDLE,
        big__include__vmx_h=ENTERS,
        big__more__enter_c=ENTERS,
        big__src__enter_c=ENTERS + 20 * IDLE,
    )
    assert found(root) == ["big/more", "big/src", "one/core", "two/vmx"]
    assert found(root / "one" / "core" / "include") == ["."]


def test_neighbours_are_no_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units, "SMALL", 150)
    root = tree(
        tmp_path,
        one__enter_c=ENTERS,
        two__include__vmx_h=ENTERS,
        two__src__enter_c=ENTERS,
        three__README=IDLE,
        three__linux__arch__x86__kvm__vmx_c=ENTERS,
        three__include__vmx_h=ENTERS,
        three__src__enter_c=ENTERS,
    )
    assert found(root) == ["one", "three/linux/arch/x86/kvm", "three/src", "two"]
    (root / "LICENSE").write_text(IDLE)  # of a whole kernel, too: nothing is joined around that
    assert found(root) == ["one", "three/linux/arch/x86/kvm", "three/src", "two/src"]


def test_links_and_folders_that_cannot_be_read_do_not_matter(tmp_path: Path) -> None:
    root = tree(tmp_path / "tree", hv__vmx_c=ENTERS)
    (root / "loop").symlink_to(root)
    (root / "elsewhere").symlink_to(tree(tmp_path / "more", hv__other_c=ENTERS))
    (root / "hv" / "link.c").symlink_to(root / "hv" / "vmx.c")
    (root / "closed").mkdir(mode=0)
    assert found(root) == ["hv"]


def test_findings_of_all_units_are_named_from_the_path(tmp_path: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(BEFORE, tmp_path / name / "arch" / "x86" / "kvm")
    single = run([str(tmp_path / "one")], options())
    both = run([str(tmp_path)], options())
    names = [one.location.path for one in single.findings]
    assert [one.location.path for one in both.findings] == [
        f"{folder}/{name}" for folder in ("one", "two") for name in names
    ]
    assert both.coverage.files == 2 * single.coverage.files


def test_why_wants_one_of_several(tmp_path: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(BEFORE, tmp_path / name / "arch" / "x86" / "kvm")
    done = vmxlint("why", "vcpu_run", tmp_path)
    assert done.returncode == 2
    assert "one/arch/x86/kvm, two/arch/x86/kvm" in done.stderr
    assert vmxlint("why", "vcpu_run", tmp_path / "one").returncode == 0
