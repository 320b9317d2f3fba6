"""What the rules say of real kernels: the bug where it is, nothing where it was fixed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures import options
from tests.kernels import KVM, kernel
from vmxlint.engine import run
from vmxlint.findings import Finding

SEED = {
    ("VMX101", "vmx_arm_hv_timer"),
    ("VMX101", "vmx_update_hv_timer"),
    ("VMX201", "vmx_handle_external_intr"),
    ("VMX301", "host_rsp"),
    ("VMX301", "vm_entry_controls_shadow"),
    ("VMX301", "vm_exit_controls_shadow"),
}
# Mended upstream after 5.3: VM_EXIT_INTR_INFO cached on demand in 5.8, the ratio dropped in 5.14.
LATER = {("VMX201", "nested_vmx_exit_reflected"), ("VMX301", "current_tsc_ratio")}


def places(*paths: Path) -> dict[tuple[str, str], Finding]:
    """Each finding by its rule and its function, or the member that it is about."""
    report = run(map(str, paths), options("VMX101", "VMX201", "VMX301"))
    return {(f.rule, f.function or f.message.split("'")[1]): f for f in report.findings}


def test_the_anti_patterns_of_5_0_are_found_and_priced() -> None:
    found = places(kernel("5.0.1") / KVM)
    assert set(found) == SEED | LATER
    for finding in found.values():
        assert finding.call_path[0] in ("vmx_vcpu_run", "vcpu_enter_guest")
        assert finding.cost.grade == "B"
    timer = found["VMX101", "vmx_arm_hv_timer"]
    assert timer.contexts[0] == "entry"
    assert timer.call_path == ("vmx_vcpu_run", "vmx_update_hv_timer", "vmx_arm_hv_timer")


def test_5_3_has_only_what_was_mended_later() -> None:
    assert set(places(kernel("5.3.1") / KVM)) == LATER


@pytest.mark.parametrize("version", ["6.1", "6.12"])
def test_modern_kernels_are_clean(version: str) -> None:
    assert not places(kernel(version) / KVM)


@pytest.mark.parametrize("path", [".", "arch/x86", KVM, f"{KVM}/vmx"])
def test_the_answer_does_not_depend_on_the_path(path: str) -> None:
    assert set(places(kernel("5.0.1") / path)) == SEED | LATER


def test_a_file_gets_its_part_of_the_answer() -> None:
    found = places(kernel("5.0.1") / KVM / "vmx" / "vmx.c")
    assert set(found) == {place for place in SEED if place[0] != "VMX301"}
    assert all(finding.location.path == "vmx.c" for finding in found.values())
