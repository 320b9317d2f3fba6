"""The conditions that a price rests on, with their probabilities, where they matter."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.command import vmxlint

UNIT = """
struct vcpu_vmx { int nested_mode; int spare; };
static u32 read(u32 f) { u32 v; asm volatile("vmread %%1, %%0" : "=r"(v) : "r"(f)); return v; }
static void record(u32 info) { trace(info); }
static void take_info(struct vcpu_vmx *vmx)
{
	if (!(%s))
		return;
	record(read(0x4404));
}
static void enter(struct vcpu_vmx *vmx)
{
	asm volatile("vmresume");
	take_info(vmx);
}
static int vcpu_run(struct vcpu_vmx *vmx)
{
	for (;;)
		enter(vmx);
}
"""


def shown(tmp_path: Path, condition: str) -> str:
    """The cost and chance lines of the read of VM_EXIT_INTR_INFO behind a condition."""
    (tmp_path / "vmx.c").write_text(UNIT % condition)
    text = vmxlint("--select", "VMX201", "--no-cache", tmp_path).stdout
    return "\n".join(line for line in text.splitlines() if re.search("= (cost|chance|saves)", line))


@pytest.mark.parametrize(
    ("condition", "chance"),
    [
        ("vmx->spare", "vmx->spare: ~0.95 (0-1) guessed"),
        ("likely(vmx->spare)", None),
        ("1", None),
    ],
)
def test_a_guess_is_told_and_what_is_certain_is_not(
    condition: str, chance: str | None, tmp_path: Path
) -> None:
    found = shown(tmp_path, condition)
    assert "= cost: " in found
    assert ("= chance: " in found) == (chance is not None)
    assert (chance or "") in found
    assert ("grade X" in found) == (chance is not None)


@pytest.mark.parametrize(
    ("condition", "typical"),
    [
        ("vmx->spare == (PML_ENTITY_NUM - 1)", 0.99),
        ("vmx->spare == PML_HEAD_INDEX", 0.99),
        ("vmx->spare != (PML_ENTITY_NUM - 1)", 0.01),
        ("vmx->spare & KVM_GUESTDBG_SINGLESTEP", 0.0001),
        ("vmx->spare == (PML_ENTITY_NUM - 2)", 0.95),
    ],
)
def test_known_state_is_compared_with_a_constant_or_an_expression(
    condition: str, typical: float, tmp_path: Path
) -> None:
    (tmp_path / "vmx.c").write_text(UNIT % condition)
    told = json.loads(vmxlint("why", "take_info", "--format", "json", tmp_path).stdout)
    (read,) = told["functions"][0]["operations"]
    assert read["field"] == "VM_EXIT_INTR_INFO"
    told = json.loads(vmxlint("why", "record", "--format", "json", tmp_path).stdout)
    (context,) = told["functions"][0]["contexts"]
    assert context["per_exit"]["typical"] == pytest.approx(typical, abs=0.0001)
