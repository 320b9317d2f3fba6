"""The frames of a step, from the path down to the operation: what all pictures are drawn from."""

from __future__ import annotations

from typing import NamedTuple

from vmxlint.budget import Place, Step

TRANSITION, RECHECK = "vm_roundtrip_hw", "consistency_recheck"
_NAMES = {
    TRANSITION: "VM-exit and VM-entry in hardware",
    RECHECK: "re-check after",
    "msr": "MSR",
    "tlb": "TLB",
}


class Frame(NamedTuple):
    """One level of a picture: a function, or the operation at the end."""

    name: str
    place: Place | None
    kind: str = ""  # of an operation


def frames_of(step: Step) -> tuple[Frame, ...]:
    """The functions on the way, then the operation; what is done too seldom has no way."""
    calls = [Frame(f"{one.name}()", one.place) for one in step.calls]
    if not calls and step.kind != TRANSITION:
        calls = [Frame("seldom, on any path", None)]
    return (*calls, Frame(operation(step), step.place, step.kind))


def operation(step: Step) -> str:
    """An operation in words: VMREAD EXIT_QUALIFICATION."""
    row = {"rdmsr_generic": "RDMSR", "wrmsr_generic": "WRMSR"}.get(step.row, "")
    row = row or {"invept_single": "INVEPT", "invvpid": "INVVPID"}.get(step.row, "")
    name = row or _NAMES.get(step.kind, step.kind.upper())
    return f"{name} {step.operand}".strip()
