"""`vmxlint why`: the answer on the demo trees, as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.documents import validate
from tests.facts import Analysed
from tests.fixtures import FIXTURES, options
from tests.kernels import KVM, kernel
from vmxlint.engine import why
from vmxlint.reading.source import InputError
from vmxlint.reporters.why import as_json, as_text

BEFORE = str(FIXTURES / "kvm_before")


def answer(function: str, path: str = BEFORE) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(as_json(why(function, path, options())))
    validate(document, "why-v1.schema.json")
    return document


def contexts(function: str, path: str = BEFORE) -> dict[str, dict[str, Any]]:
    (one,) = answer(function, path)["functions"]
    return {context["context"]: context for context in one["contexts"]}


def test_the_run_function_runs_once_at_each_entry() -> None:
    entry = contexts("demo_vcpu_run")["entry"]
    assert entry["per_exit"] == {"low": 1, "typical": 1, "high": 1}
    assert entry["per_nested_round_trip"] == {"low": 2, "typical": 2, "high": 2}
    assert entry["grade"] == "A"


def test_operations_have_their_line_field_and_conditions() -> None:
    (one,) = answer("arm_deadline_timer")["functions"]
    text = (FIXTURES / "kvm_before" / one["path"]).read_text("utf-8").split("\n")
    writes = [made for made in one["operations"] if made["op"] == "vmwrite"]
    assert {made["field"] for made in writes} >= {"PIN_BASED_VM_EXEC_CONTROL"}
    for made in one["operations"]:
        assert "vmcs_" in text[made["line"] - 1]


def test_a_handler_runs_as_often_as_its_exit() -> None:
    found = contexts("handle_cpuid")
    assert set(found) == {"exit:CPUID"}
    assert found["exit:CPUID"]["call_path"][-1] == "handle_cpuid"
    share = options().pricing.profile.share("CPUID")
    assert found["exit:CPUID"]["per_exit"]["typical"] == pytest.approx(share, abs=1e-6)


def test_setup_is_cold_and_says_so() -> None:
    (one,) = answer("hardware_setup")["functions"]
    assert one["cold"]
    assert one["contexts"] == []
    assert "cold" in as_text(why("hardware_setup", BEFORE, options()))


def test_the_text_gives_frequency_way_and_conditions() -> None:
    text = as_text(why("arm_deadline_timer", BEFORE, options()))
    assert text.startswith(str(FIXTURES / "kvm_before"))
    assert "per VM-exit" in text
    assert "modelled" in text
    assert "demo_vcpu_run() -> refresh_deadline_timer() -> arm_deadline_timer()" in text
    assert "when: vmx->leave_at_once" in text


def test_an_unknown_function_is_an_error_with_near_names() -> None:
    with pytest.raises(InputError, match=r"no function 'handle_cpid'.*handle_cpuid"):
        why("handle_cpid", BEFORE, options())


HOT: dict[tuple[str, str], dict[str, tuple[float, float]]] = {
    ("5.0.1", "vmx_handle_external_intr"): {"exit": (1, 2)},
    ("5.0.1", "handle_halt"): {"exit:HLT": (0.086, 0)},
    ("5.0.1", "vmx_switch_vmcs"): {"nested-entry": (0, 1), "nested-exit": (0, 1)},
    ("5.0.1", "prepare_vmcs02"): {"nested-entry": (0, 1)},
    ("6.12", "vmx_update_host_rsp"): {"entry": (1, 2)},
    ("6.12", "kvm_emulate_halt"): {"exit:HLT": (0.086, 0)},
    ("6.12", "nested_vmx_vmexit"): {"nested-exit": (0, 1)},
    ("6.12", "vmx_vcpu_load_vmcs"): {"nested-entry": (0, 1), "nested-exit": (0, 1)},
}


@pytest.mark.parametrize(("version", "function"), HOT)
def test_known_functions_of_real_kernels_run_as_often_as_known(version: str, function: str) -> None:
    found = contexts(function, str(kernel(version) / KVM))
    for context, (per_exit, per_nested) in HOT[version, function].items():
        assert found[context]["per_exit"]["typical"] == pytest.approx(per_exit, abs=0.001)
        assert found[context]["per_nested_round_trip"]["typical"] == pytest.approx(per_nested)


SELDOM, OFTEN = (0, 0.1), (0.8, 1)
IN_ROUND_TRIPS: dict[str, dict[str, dict[str, tuple[float, float]]]] = {
    "5.0.1": {
        "prepare_vmcs12": {"nested-exit": OFTEN, "nested-entry": SELDOM},
        "nested_get_vmcs12_pages": {"nested-entry": OFTEN, "entry": SELDOM},
        "load_vmcs12_host_state": {"nested-exit": OFTEN, "nested-entry": SELDOM},
        "nested_ept_inject_page_fault": {"nested-exit": SELDOM, "exit": SELDOM},
        "vmx_vcpu_load": {"nested-exit": OFTEN, "nested-entry": OFTEN, "vcpu-load": OFTEN},
    },
    "6.12": {
        "prepare_vmcs12": {"nested-exit": OFTEN, "nested-entry": SELDOM},
        "vmx_switch_vmcs": {"nested-entry": (1, 1), "nested-exit": (1, 1)},
        "load_vmcs12_host_state": {"nested-exit": OFTEN, "nested-entry": SELDOM},
        "handle_preemption_timer": {"nested-exit": (0, 1)},
    },
}


@pytest.mark.parametrize("version", IN_ROUND_TRIPS)
def test_nested_work_runs_where_l2_does(version: str) -> None:
    program = Analysed(kernel(version) / KVM).program
    for function, wanted in IN_ROUND_TRIPS[version].items():
        (routine,) = program.linker.names.routines[function]
        found = {name: one.expected for name, one in program.contexts.to(routine).items()}
        assert found.keys() <= wanted.keys(), function
        for context, expected in found.items():
            least, most = wanted[context]
            assert least <= expected.typical <= most, (function, context)


COLD = {
    "5.0.1": ("vmx_init", "hardware_setup", "vmx_create_vcpu", "dump_vmcs", "vmx_cpuid_update"),
    "6.12": ("vmx_init", "vmx_hardware_setup", "vmx_vcpu_create", "dump_vmcs"),
}


@pytest.mark.parametrize("version", COLD)
def test_set_up_module_code_and_dumps_are_cold(version: str) -> None:
    for function in COLD[version]:
        assert not contexts(function, str(kernel(version) / KVM)), function


def test_work_behind_a_flag_runs_as_often_as_the_flag_is_set() -> None:
    found = contexts("nested_sync_from_vmcs12", str(kernel("5.0.1") / Path(KVM)))
    assert found.get("entry", {"per_exit": {"typical": 0}})["per_exit"]["typical"] < 0.001
    assert found["nested-exit"]["per_nested_round_trip"]["typical"] > 0
    assert any("need_vmcs12_sync" in one for one in found["nested-exit"]["conditions"])
