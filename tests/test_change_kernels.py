"""The same changes made to a real kernel, as far as one is here: by git and by mail alike."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.kernels import KVM, kernel
from tests.mutants import Edit
from tests.repositories import Repository, deltas, rules

VMX = "vmx/vmx.c"
BIT = "PIN_BASED_VMX_PREEMPTION_TIMER"
PARK = "\t\tvmcs_write32(VMX_PREEMPTION_TIMER_VALUE, -1);\n"
START = "\t\tvmcs_write32(VMX_PREEMPTION_TIMER_VALUE, delta_tsc);\n"
TOGGLE: list[Edit] = [
    (VMX, PARK, f"\t\tpin_controls_clearbit(vmx, {BIT});\n"),
    (VMX, START, f"{START}\t\tpin_controls_setbit(vmx, {BIT});\n"),
]
BACK: list[Edit] = [(file, new, old) for file, old, new in TOGGLE]
UPDATE = "static void vmx_update_hv_timer("
RUN = "static fastpath_t vmx_exit_handlers_fastpath("
COLD = f"""static noinline void vmx_note_vector(struct kvm_vcpu *vcpu)
{{
	to_vmx(vcpu)->fail = vmcs_read32(VM_EXIT_INTR_INFO) == 0;
}}

{UPDATE}"""
LEAVE = "\tkvm_load_host_xsave_state(vcpu);\n"
WAYS = ("git", "patch")


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("kernel") / "repository"
    Repository(top, kernel("6.12") / KVM, below=KVM)
    return top


@pytest.fixture
def repository(start: Path, tmp_path: Path) -> Repository:
    top = tmp_path / "repository"
    shutil.copytree(start, top)
    return Repository(top, below=KVM, made=True)


def by(way: str, repository: Repository, count: int = 1) -> dict[str, Any]:
    """What vmxlint says of the last commits."""
    if way == "git":
        return repository.change("--git", f"HEAD-{count}")
    mails = repository.mails(count)
    repository.git("reset", "-q", "--hard", f"HEAD~{count}")
    return repository.change("--patch", "-", given=mails)


@pytest.mark.parametrize("way", WAYS)
def test_a_toggle_of_a_pin_control(way: str, repository: Repository) -> None:
    repository.committed("KVM: VMX: Toggle the timer's pin control", *TOGGLE)
    document = by(way, repository)
    assert set(rules(document["findings"])) == {"VMX101"}
    assert {one["function"] for one in document["findings"]} == {"vmx_update_hv_timer"}
    assert not document["change"]["fixed"]
    dearer = deltas(document["change"])
    assert dearer["entry"] > 20
    assert all(dearer[f"exit:{reason}"] > 1 for reason in ("HLT", "CPUID", "EXTERNAL_INTERRUPT"))
    assert not dearer.keys() & {"exit", "vcpu-load", "vcpu-put"}


@pytest.mark.parametrize("way", WAYS)
def test_moved_code_is_nothing(way: str, repository: Repository) -> None:
    repository.committed("plant", *TOGGLE)
    text = (repository.files / VMX).read_text()
    start = text.index(UPDATE)
    body = text[start : text.index("\n}\n", start) + 3]
    repository.committed(
        "KVM: VMX: Move and rename the timer's update",
        (VMX, body, ""),
        (VMX, RUN, f"{body}\n{RUN}"),
        (VMX, "vmx_update_hv_timer", "vmx_refresh_hv_timer"),
    )
    document = by(way, repository)
    assert not document["findings"]
    assert not document["change"]["fixed"]
    assert not deltas(document["change"])


@pytest.mark.parametrize("way", WAYS)
def test_a_caller_of_a_cold_function(way: str, repository: Repository) -> None:
    repository.committed("plant", (VMX, UPDATE, COLD))
    repository.committed(
        "KVM: VMX: Note the vector of each VM-Exit",
        (VMX, LEAVE, f"\tvmx_note_vector(vcpu);\n{LEAVE}"),
    )
    document = by(way, repository)
    assert "VMX201" in rules(document["findings"])
    assert {one["function"] for one in document["findings"]} == {"vmx_note_vector"}
    dearer = deltas(document["change"])
    assert dearer["exit"] > 10
    assert dearer["nested-round-trip"] > dearer["exit"]
    assert "entry" not in dearer


@pytest.mark.parametrize("way", WAYS)
def test_a_fix_of_a_planted_finding(way: str, repository: Repository) -> None:
    repository.committed("plant", *TOGGLE)
    repository.committed("KVM: VMX: Leave the pin controls alone", *BACK)
    document = by(way, repository)
    assert not document["findings"]
    assert set(rules(document["change"]["fixed"])) == {"VMX101"}
    assert deltas(document["change"])["entry"] < -20


@pytest.mark.parametrize("way", WAYS)
def test_a_series_that_undoes_its_first_patch(way: str, repository: Repository) -> None:
    repository.committed("KVM: VMX: Toggle", *TOGGLE)
    repository.committed("KVM: VMX: Note", (VMX, UPDATE, COLD))
    repository.committed("KVM: VMX: Leave it", *BACK)
    document = by(way, repository, 3)
    assert not document["findings"]
    assert not document["change"]["fixed"]
    first, second, third = document["change"]["patches"]
    assert set(rules(first["lost"])) == {"VMX101"}
    assert not second["new"]
    assert set(rules(third["fixed"])) == {"VMX101"}
    assert not deltas(document["change"])
    assert not deltas(second)
    assert deltas(first)["entry"] == -deltas(third)["entry"] > 20
