"""`vmxlint budget`: what one pass of each path does, counted on small trees by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.fixtures import FIXTURES, options
from vmxlint.budget import Budget, Count, Step, budget_of, compared
from vmxlint.engine import budget, examined
from vmxlint.reading.source import InputError
from vmxlint.reading.units import targets

HEAD = """
enum vmcs_field { GUEST_RIP = 0x681e, GUEST_RSP = 0x681c, HOST_RSP = 0x6c14, TPR_THRESHOLD = 0x401c,
        PIN_BASED_VM_EXEC_CONTROL = 0x4000, CPU_BASED_VM_EXEC_CONTROL = 0x4002,
        VM_EXIT_REASON = 0x4402, EXIT_QUALIFICATION = 0x6400, IDT_VECTORING_INFO_FIELD = 0x4408 };
static inline unsigned long get(unsigned long field)
{
        unsigned long value;
        asm volatile("vmread %1, %0" : "=r"(value) : "r"(field));
        return value;
}
static inline void put(unsigned long field, unsigned long value)
{
        asm volatile("vmwrite %1, %0" : : "r"(field), "r"(value));
}
struct vcpu { int state, mode, exit_reason; unsigned long host_rsp, bits; };
"""
HANDLERS = """
static int handle_cpuid(struct vcpu *v) { return get(GUEST_RIP); }
static int handle_hlt(struct vcpu *v) { put(GUEST_RSP, 1); return 1; }
static int handle_io(struct vcpu *v) { return 1; }
static int (*handlers[])(struct vcpu *) = {
        [EXIT_REASON_CPUID] = handle_cpuid,
        [EXIT_REASON_HLT] = handle_hlt,
        [EXIT_REASON_IO_INSTRUCTION] = handle_io,
};
"""
RUN = """
static void enter(struct vcpu *v) { asm volatile("vmlaunch"); }
static void run(struct vcpu *v)
{
        %s
        enter(v);
        v->exit_reason = get(VM_EXIT_REASON);
        %s
        handlers[v->exit_reason](v);
}
"""


def tree(folder: Path, before: str = "", after: str = "", more: str = "") -> Budget:
    text = HEAD + more + HANDLERS + RUN % (before, after)
    (folder / "vmx.c").write_text(text, "utf-8")
    return budget(str(folder), options())


def count(found: Budget, context: str, kind: str) -> Count:
    path = found.path(context)
    assert path is not None
    return path.operations[kind]


def bounds(one: Count) -> tuple[float, float, float]:
    return one.min, one.expected, one.max


def test_what_is_unconditional_is_done_in_every_pass(tmp_path: Path) -> None:
    found = tree(tmp_path, "put(TPR_THRESHOLD, 1);", "get(IDT_VECTORING_INFO_FIELD);")
    assert count(found, "entry", "vmwrite") == Count(1, 1, 1)
    assert count(found, "exit", "vmread") == Count(2, 2, 2)
    assert count(found, "exit:CPUID", "vmread") == Count(3, 3, 3)
    assert count(found, "exit:CPUID", "vmwrite") == Count(1, 1, 1)
    assert count(found, "exit:HLT", "vmwrite") == Count(2, 2, 2)
    assert count(found, "exit:IO_INSTRUCTION", "vmread") == Count(2, 2, 2)


ARMS = {
    "if (v->state) put(TPR_THRESHOLD, 1);": (0, 1),
    "if (v->state) put(TPR_THRESHOLD, 1); else put(TPR_THRESHOLD, 2);": (1, 1),
    "if (v->state) { put(TPR_THRESHOLD, 1); put(GUEST_RSP, 1); } else put(GUEST_RIP, 2);": (1, 2),
    "if (v->state && v->mode) put(GUEST_RSP, 1); else put(GUEST_RIP, 2);": (1, 1),
    "if (v->state) put(GUEST_RSP, 1); if (v->mode) put(GUEST_RIP, 2);": (0, 2),
    "switch (v->mode) { case 1: put(GUEST_RSP, 1); break; case 2: put(GUEST_RIP, 1); break; }": (
        0,
        1,
    ),
    "switch (v->mode) { case 1: put(GUEST_RSP, 1); default: put(GUEST_RIP, 1); }": (1, 2),
    "while (v->mode) put(GUEST_RSP, 1);": (0, 1),
    "if (0) put(GUEST_RSP, 1);": (0, 0),
}


@pytest.mark.parametrize("code", ARMS)
def test_arms_that_exclude_each_other_do_not_add_up(tmp_path: Path, code: str) -> None:
    found = count(tree(tmp_path, code), "entry", "vmwrite")
    assert (found.min, found.max) == ARMS[code]
    assert found.min <= found.expected <= found.max


def test_the_reason_of_the_exit_decides(tmp_path: Path) -> None:
    gated = "if (v->exit_reason == EXIT_REASON_HLT) get(EXIT_QUALIFICATION);"
    found = tree(tmp_path, "", gated)
    assert count(found, "exit:HLT", "vmread") == Count(2, 2, 2)
    assert count(found, "exit:CPUID", "vmread") == Count(2, 2, 2)
    assert count(found, "exit", "vmread") == Count(1, 1, 1)


def test_an_early_way_out_leaves_the_rest_uncertain(tmp_path: Path) -> None:
    helper = "static void sync(struct vcpu *v) { if (v->mode) return; put(GUEST_RSP, 1); }\n"
    found = count(tree(tmp_path, "sync(v);", "", helper), "entry", "vmwrite")
    assert (found.min, found.max) == (0, 1)


def test_a_constant_argument_chooses_the_arm(tmp_path: Path) -> None:
    helper = """static void save(struct vcpu *v, int which)
{
        switch (which) {
        case REG_RIP: put(GUEST_RIP, 1); break;
        case REG_RSP: put(GUEST_RSP, 1); put(TPR_THRESHOLD, 1); break;
        }
}
"""
    found = tree(tmp_path, "save(v, REG_RSP);", "", helper)
    assert count(found, "entry", "vmwrite") == Count(2, 2, 2)


def test_a_register_cached_until_the_next_exit_is_read_once(tmp_path: Path) -> None:
    helper = """static unsigned long rip(struct vcpu *v)
{
        if (!test_bit(1, &v->bits))
                return get(GUEST_RIP);
        return 0;
}
"""
    found = tree(tmp_path, "", "v->bits = 0; rip(v); rip(v);", helper)
    assert count(found, "exit", "vmread") == Count(2, 2, 2)


def test_several_control_writes_cost_one_more_check(tmp_path: Path) -> None:
    once = tree(tmp_path, "put(PIN_BASED_VM_EXEC_CONTROL, 1);").path("entry")
    both = "put(PIN_BASED_VM_EXEC_CONTROL, 1); put(CPU_BASED_VM_EXEC_CONTROL, 1);"
    twice = tree(tmp_path, both).path("entry")
    assert once is not None
    assert twice is not None
    assert once.cycles == (15 + 200, 27 + 350, 60 + 700)
    assert twice.cycles == pytest.approx((30 + 200, 54 + 350, 120 + 700))


SHADOW = """
struct shadows { unsigned long pin; };
struct vcpu_vmx { struct shadows shadow; };
static inline void pin_set(struct vcpu_vmx *vmx, unsigned long value)
{
        if (vmx->shadow.pin != value) {
                put(PIN_BASED_VM_EXEC_CONTROL, value);
                vmx->shadow.pin = value;
        }
}
static inline void pin_set_bit(struct vcpu_vmx *vmx, unsigned long bit)
{
        pin_set(vmx, vmx->shadow.pin | bit);
}
static inline void pin_clear_bit(struct vcpu_vmx *vmx, unsigned long bit)
{
        pin_set(vmx, vmx->shadow.pin & ~bit);
}
"""
PIN, TIMER = "PIN_BASED_VM_EXEC_CONTROL", "PIN_BASED_VMX_PREEMPTION_TIMER"


def test_what_a_helper_compares_with_its_copy_seldom_changes(tmp_path: Path) -> None:
    found = tree(tmp_path, "pin_set(v, v->state);", "", SHADOW)
    assert bounds(count(found, "entry", "control_write")) == pytest.approx((0, 0.1, 1))


def test_a_toggled_bit_is_written_as_often_as_the_model_says(tmp_path: Path) -> None:
    toggle = f"if (v->state) pin_set_bit(v, {TIMER}); else pin_clear_bit(v, {TIMER});"
    found = tree(tmp_path, toggle, "", SHADOW)
    assert bounds(count(found, "entry", "control_write")) == pytest.approx((0, 0.1, 1))
    plain = (
        f"unsigned long pin = get({PIN}); put({PIN}, v->state ? pin | {TIMER} : pin & ~{TIMER});"
    )
    found = tree(tmp_path, plain, "", SHADOW)
    assert count(found, "entry", "control_write") == Count(1, 1, 1)


def test_the_exit_that_a_bit_asks_for_finds_it_set(tmp_path: Path) -> None:
    more = (
        SHADOW.replace("pin", "exec").replace("PIN_BASED", "CPU_BASED")
        + """
static int handle_window(struct vcpu *v)
{
        exec_clear_bit(v, CPU_BASED_INTR_WINDOW_EXITING);
        return 1;
}
static int (*windows[])(struct vcpu *) = {
        [EXIT_REASON_INTERRUPT_WINDOW] = handle_window,
        [EXIT_REASON_INIT_SIGNAL] = handle_window,
};
"""
    )
    found = tree(tmp_path, "", "windows[v->exit_reason](v);", more)
    assert count(found, "exit:INTERRUPT_WINDOW", "control_write") == Count(1, 1, 1)
    assert bounds(count(found, "exit:INIT_SIGNAL", "control_write")) == pytest.approx((0, 0.1, 1))


def test_the_next_vmreads_of_a_run_cost_less(tmp_path: Path) -> None:
    found = tree(tmp_path, "", "get(GUEST_RIP); get(GUEST_RSP);").path("exit")
    assert found is not None
    assert found.cycles == (5 + 5 + 5, 25 + 5 + 5, 50 + 30 + 30)


def test_the_transition_in_hardware_is_a_step_of_its_own(tmp_path: Path) -> None:
    found = tree(tmp_path).path("exit:HLT")
    assert found is not None
    (hardware,) = [step for step in found.steps if step.kind == "vm_roundtrip_hw"]
    assert hardware.cycles == (550, 650, 850)
    assert not hardware.calls


def test_calls_in_a_circle_are_unfolded_once(tmp_path: Path) -> None:
    more = """
static void pong(struct vcpu *v);
static void ping(struct vcpu *v)
{
        int i;
        for (i = 0; i < 4; i++)
                pong(v);
}
static void pong(struct vcpu *v)
{
        get(EXIT_QUALIFICATION);
        if (v->state)
                ping(v);
}
"""
    found = tree(tmp_path, "", "ping(v);", more)
    for path in found.paths:
        done = sum(one.expected for one in path.steps if one.kind == "vmread")
        assert done == pytest.approx(path.operations["vmread"].expected)


def test_what_only_leads_to_a_function_of_a_slot_is_nothing_of_vmx(tmp_path: Path) -> None:
    more = """
    static int sync(struct vcpu *v) { return v->bits; }
    static struct kvm_x86_ops { int (*sync_pir_to_irr)(struct vcpu *); } *kvm_x86_ops;
    static struct kvm_x86_ops ops = { .sync_pir_to_irr = sync };
    static int highest(struct vcpu *v) { return kvm_x86_ops->sync_pir_to_irr(v); }
    """
    found = tree(tmp_path, "put(GUEST_RSP, highest(v));", "", more)
    assert count(found, "entry", "vmwrite") == Count(1, 1, 1)


def test_two_trees_are_compared_path_by_path(tmp_path: Path) -> None:
    old = tree(tmp_path, "put(PIN_BASED_VM_EXEC_CONTROL, 1); put(GUEST_RSP, 1);")
    new = tree(tmp_path, "put(GUEST_RSP, 1);")
    deltas = {one.context: one.delta for one in compared(old, new)}
    assert deltas["entry"] == pytest.approx((-760, -377, -215))
    assert deltas["exit"] == (0, 0, 0)
    assert deltas["exit:HLT"] == pytest.approx((-760, -377, -215))


def test_code_that_enters_no_guest_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("int f(void) { return 1; }\n", "utf-8")
    with pytest.raises(InputError, match="enters a VMX guest"):
        budget(str(tmp_path), options())


def test_a_nested_round_trip_toggles_a_bit_on_one_of_its_entries() -> None:
    found = budget(str(FIXTURES / "kvm_before"), options())
    entry, there, back, whole = (
        sum(one.expected for one in path.steps if _is_toggle(one))
        for path in map(found.path, ("entry", "nested-entry", "nested-exit", "nested-round-trip"))
        if path
    )
    assert entry == pytest.approx(0.1)
    assert whole - there - back == pytest.approx(0.1 + 1)


def _is_toggle(step: Step) -> bool:
    callers = {call.name for call in step.calls}
    return (step.kind, step.operand) == ("vmwrite", PIN) and bool(
        callers & {"arm_deadline_timer", "disarm_deadline_timer"}
    )


@pytest.mark.parametrize("name", ["kvm_before", "kvm_after"])
def test_the_steps_of_a_path_add_up_to_it(name: str) -> None:
    found = budget(str(FIXTURES / name), options())
    assert {one.context for one in found.paths} >= {"entry", "exit", "nested-round-trip"}
    for path in found.paths:
        for end in range(3):
            total = sum(step.cycles[end] for step in path.steps)
            assert total == pytest.approx(path.cycles[end])
        for one in path.operations.values():
            assert 0 <= one.min <= one.expected + 1e-9
            assert one.expected <= one.max + 1e-9


def test_a_budget_is_the_same_after_the_rules_have_asked() -> None:
    wanted = options()
    targeted = targets([str(FIXTURES / "kvm_before")], None, 1)
    asked, alone = (
        budget_of(program)
        for rules in (wanted.rules, ())
        for program in examined(targeted, replace(wanted, rules=rules))[1]
    )
    assert asked == alone
