"""`vmxlint-kbuild` as make calls it: any flags, one file, words on stderr, exit code 0."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.command import vmxlint
from tests.fixtures import FIXTURES, ROOT
from tests.kernels import kernel
from vmxlint.kbuild import named

BEFORE = FIXTURES / "kvm_before"
FLAGS = [
    *("-D__linux__", "-Dlinux", "-D__STDC__", "-Dunix", "-Wbitwise", "-Wno-return-void"),
    *("--arch=x86", "-mlittle-endian", "-m64", "-Wp,-MMD,arch/x86/kvm/vmx/.vmx.o.d", "-nostdinc"),
    *("-I./arch/x86/include", "-include", "./include/linux/kconfig.h", "-include", "./a.c"),
    *("-D__KERNEL__", "-fmacro-prefix-map=./=", "-std=gnu11", "-fno-strict-aliasing", "-O2"),
    *("-mcmodel=kernel", "-DKBUILD_MODNAME='\"kvm_intel\"'", "-o", "-q", "--format", "-j"),
]


def kbuild(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    code = "from vmxlint.kbuild import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment)


def test_it_says_what_check_says_of_that_file() -> None:
    file = "fixtures/kvm_before/vmx/vmx.c"
    done = kbuild(*FLAGS, file)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == vmxlint("--terse", file).stdout
    assert done.stderr.startswith(f"{file}:")


def test_findings_in_headers_are_told_once(tmp_path: Path) -> None:
    tree = tmp_path / "arch/x86/kvm"
    shutil.copytree(BEFORE, tree)
    said = [kbuild(file.relative_to(tmp_path), cwd=tmp_path) for file in tree.rglob("*.c")]
    lines = [line for done in said for line in done.stderr.splitlines()]
    assert sorted(lines) == sorted(vmxlint("--terse", ".", cwd=tmp_path).stdout.splitlines())
    assert any(".h:" in line for line in lines)


def test_a_header_that_no_finding_leads_from_goes_with_who_includes_it(tmp_path: Path) -> None:
    tree = tmp_path / "arch/x86/kvm"
    shutil.copytree(FIXTURES / "header_cycle/hit_pair", tree)
    (line,) = kbuild("arch/x86/kvm/vmx.c", cwd=tmp_path).stderr.splitlines()
    assert "[VMX504]" in line


def test_it_is_silent_where_there_is_nothing_to_say(tmp_path: Path) -> None:
    (tmp_path / "slab.c").write_text("int slab;\n")
    (tmp_path / "other.c").write_text("#error vmread\n")
    for arguments in ([], FLAGS, [*FLAGS, "fixtures/kvm_after/vmx/vmx.c"], [tmp_path / "slab.c"]):
        done = kbuild(*arguments)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_succeeds_whatever_happens(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    shutil.copytree(BEFORE, tree)
    (tree / "vmxlint.toml").write_text("output = 'x'\n")
    done = kbuild(*FLAGS, tree / "vmx" / "vmx.c")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.count("\n") == 1
    (tree / "vmxlint.toml").write_text("format = 'json'\nstatistics = false\n")
    assert "[VMX101]" in kbuild(*FLAGS, tree / "vmx" / "vmx.c").stderr
    for gone in ("no/such.c", tree / "vmx" / "vmx.c" / "x.c", "."):
        assert kbuild(*FLAGS, gone).returncode == 0


@given(st.lists(st.text()))
def test_the_last_c_file_counts_whatever_stands_around_it(arguments: list[str]) -> None:
    found = named(arguments)
    assert found == next((one for one in arguments[::-1] if one.endswith(".c")), None)
    assert named([*arguments, "a.c", "-o", "b.o"]) == "a.c"


def test_the_entry_point_is_declared() -> None:
    assert 'vmxlint-kbuild = "vmxlint.kbuild:main"' in (ROOT / "pyproject.toml").read_text()


def test_a_real_kernel() -> None:
    tree = kernel("5.0.1")
    file = "arch/x86/kvm/vmx/vmx.c"
    done = kbuild(*FLAGS, file, cwd=tree)
    assert done.returncode == 0
    places = {line.split(":")[0] for line in done.stderr.splitlines()}
    assert file in places
    assert all(one == file or one.endswith(".h") for one in places)
    assert "[VMX101]" in done.stderr
