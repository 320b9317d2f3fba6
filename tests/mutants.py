"""Edits of fixtures/kvm_after: mutants, which put an anti-pattern back, and harmless ones.

An edit is (file, old, new): each `old` in the file becomes `new`; an empty `old` makes the file.
"""

from __future__ import annotations

from textwrap import indent
from typing import NamedTuple

X86, VMX, SWITCH, NESTED, EXITS = (
    "x86.c",
    "vmx/vmx.c",
    "vmx/switch.c",
    "vmx/nested.c",
    "vmx/exits.c",
)
VMX_H, VMCS_H, OPS_H = "vmx/vmx.h", "vmx/vmcs.h", "vmx/ops.h"
NESTED_H, EXITS_H = "vmx/nested.h", "vmx/exits.h"
FIELDS_H, NEW = "vmx_fields.h", "vmx/new.c"
TAB = "\t"

Edit = tuple[str, str, str]


class Mutant(NamedTuple):
    """An anti-pattern that a rule finds in an edited file, or else in the file that `at` names.

    `missed` says why the engine does not see it.
    """

    name: str
    rule: str
    edits: list[Edit]
    at: str = ""
    missed: str = ""


def before(file: str, anchor: str, text: str) -> Edit:
    return file, anchor, f"{text}\n{anchor}"


def after(file: str, anchor: str, text: str) -> Edit:
    return file, anchor, f"{anchor}\n{indent(text, TAB)}"


def entry(text: str) -> Edit:
    """Something that each VM-entry does."""
    return after(VMX, "cr3 = __get_current_cr3_fast();", text)


def leave(text: str) -> Edit:
    """Something that each VM-exit does."""
    return after(VMX, "vmx->vectoring_info = vmcs_read32(IDT_VECTORING_INFO_FIELD);", text)


def switch_vmcs(text: str) -> Edit:
    """Something that each switch between vmcs01 and vmcs02 does."""
    return after(NESTED, "hand_over_host_save(vmx, last);", text)


def nested_entry(text: str) -> Edit:
    return after(
        NESTED, "write_vmcs02_constants(vmx);\n\twrite_vmcs02_controls(vmx, vmcs12);", text
    )


def define(text: str, file: str = VMX) -> Edit:
    """A function or macro that stands above all others of the file."""
    first = {
        VMX: "static void demo_flush_tlb(",
        SWITCH: "u32 pin_ctls_wanted(void)\n{",
        NESTED: "static void exchange_vmcs(",
        EXITS: "static int advance_rip(",
        VMX_H: "/* switch.c */",
        OPS_H: "static inline void vmcs_activate(",
    }
    return before(file, first[file], text)


def new_file(text: str) -> Edit:
    return NEW, "", f'#include "vmx.h"\n\n{text}\n'


PARK = "vmcs_write32(VMX_PREEMPTION_TIMER_VALUE, U32_MAX);"
START = "vmcs_write32(VMX_PREEMPTION_TIMER_VALUE, ticks);"
TIMER = "PIN_BASED_VMX_PREEMPTION_TIMER"


def toggle(start: str, park: str) -> list[Edit]:
    return [(VMX, START, START + start), (VMX, PARK, park)]


IN_NESTED = {
    "pin": ("pin_ctls_set(vmx, ctls | pin_ctls_wanted());", "PIN_BASED_VM_EXEC_CONTROL"),
    "primary": (
        "primary_ctls_set(vmx, vmcs12->primary_ctls | primary_ctls_wanted());",
        "CPU_BASED_VM_EXEC_CONTROL",
    ),
    "secondary": (
        "secondary_ctls_set(vmx, vmcs12->secondary_ctls | vmx->secondary_wanted);",
        "SECONDARY_VM_EXEC_CONTROL",
    ),
    "vm_entry": ("vm_entry_ctls_set(vmx, ctls);", "VM_ENTRY_CONTROLS"),
    "vm_exit": ("vm_exit_ctls_set(vmx, vm_exit_ctls_wanted());", "VM_EXIT_CONTROLS"),
}
RAW = [
    Mutant(
        f"nested-raw-{name}",
        "VMX102",
        [(NESTED, call, call.replace(f"{name}_ctls_set(vmx", f"vmcs_write32({field}"))],
    )
    for name, (call, field) in IN_NESTED.items()
]

TOGGLES = [
    Mutant(
        "timer-bit",
        "VMX101",
        toggle(f"pin_ctls_setbit(vmx, {TIMER});", f"pin_ctls_clearbit(vmx, {TIMER});"),
    ),
    Mutant(
        "timer-bit-helper",
        "VMX101",
        [
            *toggle("switch_timer(vmx, true);", "switch_timer(vmx, false);"),
            define(
                f"""static void switch_timer(struct vcpu_vmx *vmx, bool on)
{{
    if (on)
        pin_ctls_setbit(vmx, {TIMER});
    else
        pin_ctls_clearbit(vmx, {TIMER});
}}"""
            ),
        ],
    ),
    Mutant(
        "timer-bit-macro",
        "VMX101",
        [
            *toggle("TIMER_BIT(vmx, setbit);", "TIMER_BIT(vmx, clearbit);"),
            define(f"#define TIMER_BIT(who, what) pin_ctls_##what(who, {TIMER})"),
        ],
    ),
    Mutant(
        "timer-bit-number",
        "VMX101",
        toggle("pin_ctls_setbit(vmx, 64);", "pin_ctls_clearbit(vmx, 0x40);"),
    ),
    Mutant(
        "timer-bit-get-and-set",
        "VMX101",
        toggle(
            f"pin_ctls_set(vmx, pin_ctls_get(vmx) | {TIMER});",
            f"u32 rest = pin_ctls_get(vmx); rest &= ~{TIMER}; pin_ctls_set(vmx, rest);",
        ),
    ),
    Mutant(
        "timer-bit-raw",
        "VMX101",
        toggle(
            f"vmcs_write32(0x4000, vmcs_read32(0x4000) | {TIMER});",
            f"vmcs_write32(0x4000, vmcs_read32(0x4000) & ~{TIMER});",
        ),
    ),
    Mutant(
        "timer-bit-other-file",
        "VMX101",
        [
            *toggle("quux(vmx);", "frob(vmx);"),
            define("void quux(struct vcpu_vmx *it);\nvoid frob(struct vcpu_vmx *it);", VMX_H),
            new_file(
                f"""void quux(struct vcpu_vmx *it) {{ pin_ctls_setbit(it, {TIMER}); }}
void frob(struct vcpu_vmx *it) {{ pin_ctls_clearbit(it, {TIMER}); }}"""
            ),
        ],
    ),
    Mutant(
        "hlt-bit-on-entry",
        "VMX101",
        [
            entry(
                """if (vcpu->pending_irq >= 0)
    primary_ctls_setbit(vmx, CPU_BASED_HLT_EXITING);
else
    primary_ctls_clearbit(vmx, CPU_BASED_HLT_EXITING);"""
            )
        ],
    ),
    Mutant(
        "hlt-bit-entry-and-exit",
        "VMX101",
        [
            entry("primary_ctls_clearbit(vmx, CPU_BASED_HLT_EXITING);"),
            leave("primary_ctls_setbit(vmx, CPU_BASED_HLT_EXITING);"),
        ],
    ),
]

WANTED = "vmcs_write32(SECONDARY_VM_EXEC_CONTROL, vmx->secondary_wanted);"
WRITES = [
    Mutant(
        "raw-bit-either-way",
        "VMX102",
        [
            (
                NESTED,
                "vm_exit_ctls_set(vmx, vm_exit_ctls_wanted());",
                "ctls = vmx->vmcs01.ctls.vm_exit;\n\tif (vcpu_efer_differs(vmx))\n"
                "\t\tctls |= VM_EXIT_LOAD_IA32_EFER;\n\telse\n"
                "\t\tctls &= ~VM_EXIT_LOAD_IA32_EFER;\n\tvmcs_write32(VM_EXIT_CONTROLS, ctls);",
            ),
            define("bool vcpu_efer_differs(struct vcpu_vmx *it);", VMX_H),
        ],
    ),
    *RAW,
    Mutant("each-entry", "VMX102", [entry(WANTED)]),
    Mutant(
        "in-column-0",
        "VMX102",
        [before(VMX, "\tcr3 = __get_current_cr3_fast();", WANTED)],
    ),
    Mutant("each-exit", "VMX102", [leave(WANTED)]),
    Mutant("each-switch", "VMX102", [switch_vmcs(WANTED)]),
    Mutant(
        "before-the-entry",
        "VMX102",
        [
            after(
                VMX,
                "save_host_for_switch(vcpu);",
                "vmcs_write32(PIN_BASED_VM_EXEC_CONTROL, pin_ctls_wanted());",
            )
        ],
    ),
    Mutant(
        "each-entry-helper",
        "VMX102",
        [
            entry("put_secondary(vmx, vmx->secondary_wanted);"),
            define(
                """static void put_secondary(struct vcpu_vmx *vmx, u32 bits)
{
    vmcs_write32(SECONDARY_VM_EXEC_CONTROL, bits);
    vmx->loaded_vmcs->ctls.secondary = bits;
}"""
            ),
        ],
    ),
    Mutant(
        "each-entry-macro",
        "VMX102",
        [
            entry("PUT(SECONDARY, vmx->secondary_wanted);"),
            define("#define PUT(which, value) vmcs_write32(which##_VM_EXEC_CONTROL, value)"),
        ],
    ),
    Mutant(
        "each-entry-table",
        "VMX102",
        [
            entry("renew(vmx);"),
            define(
                """static const u16 renewed[] = { SECONDARY_VM_EXEC_CONTROL };
static void renew(struct vcpu_vmx *vmx)
{
    int i;

    for (i = 0; i < ARRAY_SIZE(renewed); i++)
        vmcs_write32(renewed[i], vmx->secondary_wanted);
}"""
            ),
        ],
    ),
    Mutant("each-entry-number", "VMX102", [entry("hw_vmwrite(0x401e, vmx->secondary_wanted);")]),
    Mutant(
        "each-entry-asm",
        "VMX102",
        [
            entry(
                'asm volatile("vmwrite %1, %0" : : "r" (0x401eul), '
                '"r" ((unsigned long)vmx->secondary_wanted) : "cc");'
            )
        ],
    ),
    Mutant(
        "each-entry-other-file",
        "VMX102",
        [
            entry("renew(vmx);"),
            define("void renew(struct vcpu_vmx *it);", VMX_H),
            new_file(
                "void renew(struct vcpu_vmx *it)\n"
                "{ vmcs_write32(VM_EXIT_CONTROLS, vm_exit_ctls_wanted()); }"
            ),
        ],
    ),
    Mutant(
        "shadow-without-compare",
        "VMX102",
        [(VMX_H, "if (shadow->name == ctls)\t", "if (0)\t")],
        at=NESTED,
    ),
    Mutant(
        "compare-of-something-else",
        "VMX102",
        [(VMX_H, "if (shadow->name == ctls)\t", "if (vmx->vpid == ctls)\t")],
        at=NESTED,
    ),
]

OPEN_TIMER = f"pin_ctls_setbit(vmx, {TIMER});"
LEFT_OUT = (
    NESTED,
    "pin_ctls_set(vmx, ctls | pin_ctls_wanted());",
    f"ctls |= pin_ctls_wanted();\n\tctls &= ~{TIMER};\n\tpin_ctls_set(vmx, ctls);",
)
MASKED = (LEFT_OUT[0], LEFT_OUT[1], f"pin_ctls_set(vmx, (ctls | pin_ctls_wanted()) & ~{TIMER});")
TWICE = [
    Mutant(
        "from-the-shadow",
        "VMX103",
        [
            (
                NESTED,
                "pin_ctls_set(vmx, ctls | pin_ctls_wanted());",
                f"ctls = vmx->vmcs01.ctls.pin;\n\tctls &= ~{TIMER};\n\tpin_ctls_set(vmx, ctls);",
            ),
            entry(OPEN_TIMER),
        ],
    ),
    Mutant(
        "timer-masked-in-place",
        "VMX103",
        [MASKED, entry(OPEN_TIMER)],
    ),
    Mutant("timer-left-out", "VMX103", [LEFT_OUT, (VMX, START, START + OPEN_TIMER)]),
    Mutant(
        "timer-left-out-helper",
        "VMX103",
        [
            (
                NESTED,
                "pin_ctls_set(vmx, ctls | pin_ctls_wanted());",
                "quiet_pins(vmx, ctls | pin_ctls_wanted());",
            ),
            define(
                f"""static void quiet_pins(struct vcpu_vmx *who, u32 pins)
{{
    pins &= ~{TIMER};
    pin_ctls_set(who, pins);
}}""",
                NESTED,
            ),
            entry(OPEN_TIMER),
        ],
    ),
    Mutant(
        "timer-left-out-macro",
        "VMX103",
        [
            LEFT_OUT,
            define(f"#define WITH_TIMER(v) pin_ctls_setbit(v, {TIMER})"),
            entry("WITH_TIMER(vmx);"),
        ],
    ),
    Mutant(
        "timer-left-out-other-file",
        "VMX103",
        [
            LEFT_OUT,
            entry("with_timer(vmx);"),
            define("void with_timer(struct vcpu_vmx *it);", VMX_H),
            new_file(f"void with_timer(struct vcpu_vmx *it) {{ pin_ctls_setbit(it, {TIMER}); }}"),
        ],
    ),
    Mutant(
        "raw-beside-the-shadow",
        "VMX103",
        [after(NESTED, IN_NESTED["secondary"][0], WANTED)],
    ),
    Mutant(
        "timer-left-out-by-a-mask",
        "VMX103",
        [
            (NESTED, IN_NESTED["pin"][0], "pin_ctls_set(vmx, calm(ctls | pin_ctls_wanted()));"),
            define(
                f"""static inline u32 calm(u32 pins)
{{
    const u32 gone = {TIMER} | PIN_BASED_NMI_EXITING;

    return pins & ~gone;
}}""",
                VMX_H,
            ),
            entry(OPEN_TIMER),
        ],
    ),
    Mutant(
        "raw-in-both",
        "VMX103",
        [
            (NESTED, *(IN_NESTED["secondary"][0], WANTED)),
            entry("vmcs_write32(SECONDARY_VM_EXEC_CONTROL, vmx->secondary_wanted | 0x400);"),
        ],
    ),
]

SET = "SECONDARY_VM_EXEC_CONTROL"
BIT = "SECONDARY_EXEC_PAUSE_LOOP_EXITING"
READ_BACK = [
    Mutant(
        "read-in-a-helper",
        "VMX104",
        [
            entry(f"put(got() | {BIT});"),
            define(
                f"static u32 got(void) {{ return vmcs_read32({SET}); }}\n"
                f"static void put(u32 bits) {{ vmcs_write32({SET}, bits); }}"
            ),
        ],
    ),
    Mutant("each-entry", "VMX104", [entry(f"vmcs_write32({SET}, vmcs_read32({SET}) | {BIT});")]),
    Mutant(
        "accessor",
        "VMX104",
        [
            entry(f"vmcs_set_bits({SET}, {BIT});"),
            define(
                """static __always_inline void vmcs_set_bits(unsigned long field, u32 bits)
{
    vmcs_write32(field, vmcs_read32(field) | bits);
}""",
                OPS_H,
            ),
        ],
    ),
    Mutant(
        "local",
        "VMX104",
        [leave(f"u32 now = vmcs_read32({SET});\nnow &= ~{BIT};\nvmcs_write32({SET}, now);")],
    ),
    Mutant(
        "macro",
        "VMX104",
        [
            entry(f"ADD({SET}, {BIT});"),
            define("#define ADD(f, what) vmcs_write32(f, vmcs_read32(f) | (what))"),
        ],
    ),
    Mutant(
        "nested-entry",
        "VMX104",
        [nested_entry(f"vmcs_write32({SET}, vmcs_read32({SET}) | {BIT});")],
    ),
    Mutant(
        "other-file",
        "VMX104",
        [
            switch_vmcs("more_bits(vmx);"),
            define("void more_bits(struct vcpu_vmx *it);", VMX_H),
            new_file(
                f"""void more_bits(struct vcpu_vmx *it)
{{
    unsigned long what = hw_vmread(0x401e);

    hw_vmwrite(0x401e, what | {BIT});
}}"""
            ),
        ],
    ),
]

SELDOM = [
    Mutant("ple-window", "VMX105", [(VMX, "if (vmx->spin_window_dirty) {", "{")]),
    Mutant("exception-bitmap", "VMX105", [entry("vmcs_write32(EXCEPTION_BITMAP, 0x60042);")]),
    Mutant(
        "nested-constants", "VMX105", [(NESTED, "if (vmx->nested.vmcs02_ready)\n\t\treturn;", "")]
    ),
    Mutant(
        "ple-gap-macro",
        "VMX105",
        [entry("GAP(128);"), define("#define GAP(n) vmcs_write32(PLE_GAP, n)")],
    ),
    Mutant(
        "each-switch-behind-an-assertion",
        "VMX105",
        [
            (NESTED, "if (last == next)", "if (WARN_ON_ONCE(last == next))"),
            switch_vmcs("vmcs_write64(EPT_POINTER, vmx->eptp);"),
        ],
    ),
]

HOST = [
    Mutant("cr3", "VMX106", [(VMX, "if (unlikely(vmx->loaded_vmcs->host.cr3 != cr3)) {", "{")]),
    Mutant("rsp", "VMX106", [(VMX, "if (unlikely(host->rsp != rsp)) {", "{")]),
    Mutant("fs", "VMX106", [(SWITCH, "if (unlikely(host->fs_sel != selector)) {", "{")]),
    Mutant("gs-base", "VMX106", [(SWITCH, "if (unlikely(host->gs_base != gs_base)) {", "{")]),
    Mutant("nested-gs", "VMX106", [(SWITCH, "if (host->gs_base != from->host.gs_base) {", "{")]),
    Mutant("rip", "VMX106", [entry("vmcs_writel(HOST_RIP, (unsigned long)guest_exit_landing);")]),
    Mutant(
        "rip-helper-in-other-file",
        "VMX106",
        [
            entry("landing();"),
            define("void landing(void);", VMX_H),
            new_file(
                "void landing(void) { hw_vmwrite(0x6c16, (unsigned long)guest_exit_landing); }"
            ),
        ],
    ),
    Mutant(
        "cr4-macro",
        "VMX106",
        [
            entry("HOST(CR4, cr4_read_shadow());"),
            define("#define HOST(r, v) vmcs_writel(HOST_##r, v)"),
        ],
    ),
]

IRQ_ARM = "if (vmx->exit_reason == EXIT_REASON_EXTERNAL_INTERRUPT)\n\t\tserve_host_interrupt(vmx);"
NMI_TEST = "if (vmx->exit_reason == EXIT_REASON_EXCEPTION_NMI)"
NMI_ARM = f"{NMI_TEST}\n\t\tnote_exception(vmx);"
IRQ_TEST = f"{IRQ_ARM}\n\telse {NMI_TEST}"
INFO = [
    Mutant("note-always", "VMX201", [(VMX, IRQ_TEST, "")]),
    Mutant("each-exit", "VMX201", [leave("vmx->event_info = vmcs_read32(VM_EXIT_INTR_INFO);")]),
    Mutant("number", "VMX201", [leave("vmx->event_info = hw_vmread(0x4404);")]),
    Mutant(
        "helper",
        "VMX201",
        [
            leave("if (host_came(vmx))\n\tvmx->vpid++;"),
            define(
                """static bool host_came(struct vcpu_vmx *vmx)
{
    return is_host_interrupt(vmcs_read32(VM_EXIT_INTR_INFO));
}"""
            ),
        ],
    ),
    Mutant(
        "macro",
        "VMX201",
        [
            leave("vmx->event_info = INFO_OF(EXIT);"),
            define("#define INFO_OF(side) vmcs_read32(VM_##side##_INTR_INFO)"),
        ],
    ),
    Mutant("trace", "VMX201", [leave("trace_kvm_exit(vmcs_read32(VM_EXIT_INTR_INFO));")]),
    Mutant(
        "other-file",
        "VMX201",
        [
            leave("vmx->event_info = what_came();"),
            define("u32 what_came(void);", VMX_H),
            new_file("u32 what_came(void) { return vmcs_read32(VM_EXIT_INTR_INFO); }"),
        ],
    ),
    Mutant(
        "nested-before-the-switch",
        "VMX201",
        [
            (
                NESTED,
                "info = vmcs_read32(VM_EXIT_INTR_INFO);\n\t\tif (is_host_nmi(info))\n\t\t\treturn",
                "if (is_host_nmi(info))\n\t\t\treturn",
            ),
            (
                NESTED,
                "switch (reason) {",
                "info = vmcs_read32(VM_EXIT_INTR_INFO);\n\tswitch (reason) {",
            ),
        ],
    ),
]

WARN = (
    "if (WARN_ONCE(!is_host_interrupt(info),\n"
    '\t\t      "interrupt exit without an interrupt: %08x\\n", info))\n\t\treturn;'
)
UNCHECKED = [
    Mutant(
        "checked-for-exceptions-only",
        "VMX202",
        [
            (VMX, WARN, ""),
            (VMX, "u32 info = vmcs_read32(VM_EXIT_INTR_INFO);\n", "u32 info = event(vmx);\n"),
            (VMX, "vmx->event_info = vmcs_read32(VM_EXIT_INTR_INFO);", "is_host_nmi(event(vmx));"),
            define(
                "static u32 event(struct vcpu_vmx *it)\n"
                "{\n\tit->event_info = vmcs_read32(VM_EXIT_INTR_INFO);\n\treturn it->event_info;\n}"
            ),
        ],
    ),
    Mutant("no-check", "VMX202", [(VMX, WARN, "")]),
    Mutant(
        "no-check-modulo",
        "VMX202",
        [(VMX, WARN, ""), (VMX, "info & INTR_INFO_VECTOR_MASK", "info % 256")],
    ),
    Mutant(
        "no-check-helper",
        "VMX202",
        [
            (VMX, WARN, ""),
            (VMX, "host_irq_dispatch(info & INTR_INFO_VECTOR_MASK);", "dispatch_of(info);"),
            define(
                """static void dispatch_of(u32 what)
{
    unsigned int line = what & 0xff;

    host_irq_dispatch(line);
}"""
            ),
        ],
    ),
    Mutant(
        "no-check-macro",
        "VMX202",
        [
            (VMX, WARN, ""),
            (
                VMX,
                "host_irq_dispatch(info & INTR_INFO_VECTOR_MASK);",
                "host_irq_dispatch(VECTOR(info));",
            ),
            define("#define VECTOR(v) ((u8)((v) & INTR_INFO_VECTOR_MASK))"),
        ],
    ),
    Mutant(
        "only-sorts",
        "VMX202",
        [
            (
                VMX,
                IRQ_TEST,
                "serve_host_interrupt(vmx);\n\tif (vmx->exit_reason == EXIT_REASON_EXCEPTION_NMI)",
            ),
            (VMX, WARN, "if (!is_host_interrupt(info))\n\t\treturn;"),
        ],
    ),
]

BY_STATIC_KEY = [
    (
        OPS_H,
        '\tasm volatile("vmread %1, %0" :',
        '\tif (in_memory())\n\t\treturn image[field];\n\tasm volatile("vmread %1, %0" :',
    ),
    (
        OPS_H,
        "static __always_inline unsigned long hw_vmread(",
        "extern unsigned long *image;\nstatic inline bool in_memory(void)\n"
        "{\n\treturn static_branch_unlikely(&has_image);\n}\n\n"
        "static __always_inline unsigned long hw_vmread(",
    ),
]
REPEATED = [
    Mutant(
        "accessor-with-static-key",
        "VMX203",
        [*BY_STATIC_KEY, leave("vmx->exit_reason = vmcs_read32(VM_EXIT_REASON);")],
    ),
    Mutant("reason-again", "VMX203", [leave("vmx->exit_reason = vmcs_read32(VM_EXIT_REASON);")]),
    Mutant(
        "in-one-handler",
        "VMX203",
        [
            (
                EXITS,
                "if (qualification & 0x10) {",
                "if (vmcs_readl(EXIT_QUALIFICATION) & 0x10) {",
            )
        ],
    ),
    Mutant(
        "helper",
        "VMX203",
        [
            after(EXITS, "u32 leaf = vcpu->regs[VCPU_REG_RAX];", "length_of(vcpu);"),
            define(
                """static void length_of(struct kvm_vcpu *vcpu)
{
    vcpu->regs[VCPU_REG_RBX] = vmcs_read32(VM_EXIT_INSTRUCTION_LEN);
}""",
                EXITS,
            ),
        ],
    ),
    Mutant(
        "macro-and-number",
        "VMX203",
        [
            define("#define NOW_AT() hw_vmread(0x681e)", EXITS),
            after(EXITS, "u32 leaf = vcpu->regs[VCPU_REG_RAX];", "vcpu->regs[0] = NOW_AT();"),
        ],
    ),
    Mutant("nested-read-back", "VMX203", [(NESTED, "= vcpu->efer;", "= vmcs_readl(GUEST_CR0);")]),
]

KNOWN = [
    Mutant(
        "shadow-wiped-where-it-is-made",
        "VMX204",
        [
            leave("vmx->vpid += vmcs_read32(CPU_BASED_VM_EXEC_CONTROL) & 1;"),
            (
                NESTED,
                "= handle_vmlaunch;",
                "= handle_vmlaunch;\n\thandlers[EXIT_REASON_VMCALL] = make_vmcs02;",
            ),
            (
                NESTED,
                "int nested_hardware_setup(",
                """static int make_vmcs02(struct kvm_vcpu *vcpu)
{
	struct loaded_vmcs *fresh = &to_vmx(vcpu)->nested.vmcs02;

	memset(&fresh->ctls, 0, sizeof(fresh->ctls));
	return 1;
}

int nested_hardware_setup(""",
            ),
        ],
        at=VMX,
    ),
    Mutant(
        "reason-in-a-handler",
        "VMX204",
        [
            (
                EXITS,
                "u32 leaf = vcpu->regs[VCPU_REG_RAX];",
                "u32 leaf = vmcs_read32(VM_EXIT_REASON) >> 31;",
            )
        ],
    ),
    Mutant(
        "shadow-in-a-helper",
        "VMX204",
        [
            after(EXITS, "u32 leaf = vcpu->regs[VCPU_REG_RAX];", "vcpu->regs[0] = exits(1 << 7);"),
            define("u32 exits(u32 bit);", VMX_H),
            new_file("u32 exits(u32 bit) { return hw_vmread(0x4002) & bit; }"),
        ],
    ),
    Mutant(
        "host-cr3-by-macro",
        "VMX204",
        [
            define("#define HOST(name) vmcs_readl(HOST_##name)", NESTED),
            switch_vmcs("if (HOST(CR3) == 0)\n\treturn;"),
        ],
    ),
    Mutant(
        "vectoring-in-nested",
        "VMX204",
        [
            (
                EXITS,
                "vcpu->run->exit_reason = KVM_EXIT_MMIO;",
                "vcpu->run->exit_reason = vmcs_read32(IDT_VECTORING_INFO_FIELD) ? 1 : 2;",
            )
        ],
    ),
    Mutant(
        "fast-path-and-handler",
        "VMX204",
        [
            (
                VMX,
                IRQ_ARM,
                "if (vmx->exit_reason == EXIT_REASON_IO_INSTRUCTION)\n\t\tfast_port(vmx);\n\t"
                + IRQ_ARM,
            ),
            define(
                "static void fast_port(struct vcpu_vmx *it)\n"
                "{\n\tit->vpid += vmcs_readl(EXIT_QUALIFICATION) & 7;\n}"
            ),
        ],
        at=EXITS,
    ),
]

RARE = "ES CS SS DS FS GS LDTR TR".split()
SYNC = [
    Mutant(
        "selectors",
        "VMX205",
        [
            (
                FIELDS_H,
                "GUEST_CS_SELECTOR\t\t= 0x0802,",
                "".join(
                    f"GUEST_{name}_SELECTOR = {0x0800 + 2 * number:#06x},\n"
                    for number, name in enumerate(RARE)
                ),
            ),
            (NESTED_H, "u32 exception_bitmap;", "u32 exception_bitmap;\nu16 sel[8];"),
            after(
                NESTED,
                "vmcs12->guest_efer = vcpu->efer;",
                "\n".join(
                    f"vmcs12->sel[{number}] = vmcs_readl(GUEST_{name}_SELECTOR);"
                    for number, name in enumerate(RARE)
                ),
            ),
        ],
    ),
    Mutant(
        "bases-by-macro-and-number",
        "VMX205",
        [
            (NESTED_H, "u32 exception_bitmap;", "u32 exception_bitmap;\nu64 base[9];"),
            define("#define BASE(n) (it->base[n] = hw_vmread(0x6806 + 2 * (n)))", NESTED),
            define(
                "static void keep_bases(struct vmcs12 *it)\n{\n"
                + "".join(f"\tBASE({number});\n" for number in range(9))
                + "}",
                NESTED,
            ),
            after(NESTED, "vmcs12->guest_efer = vcpu->efer;", "keep_bases(vmcs12);"),
        ],
    ),
    Mutant(
        "spread-over-helpers",
        "VMX205",
        [
            (NESTED_H, "u32 exception_bitmap;", "u32 exception_bitmap;\nu64 base[10];"),
            define("#define BASE(n) (it->base[n] = hw_vmread(0x6806 + 2 * (n)))", NESTED),
            define(
                "".join(
                    f"static void keep_{half}(struct vmcs12 *it)\n{{\n"
                    + "".join(f"\tBASE({number});\n" for number in range(half, half + 5))
                    + "}\n"
                    for half in (0, 5)
                ),
                NESTED,
            ),
            after(NESTED, "vmcs12->guest_efer = vcpu->efer;", "keep_0(vmcs12);\nkeep_5(vmcs12);"),
        ],
    ),
    Mutant(
        "table-of-structs-in-a-loop",
        "VMX205",
        [
            (NESTED_H, "u32 exception_bitmap;", "u32 exception_bitmap;\nu64 base[9];"),
            define(
                "#define GUEST_BASE_8 0x6816\n"
                + "".join(f"#define GUEST_BASE_{n} {0x6806 + 2 * n:#x}\n" for n in range(8))
                + "static struct { u16 number, place; } bases[] = {\n"
                + "".join(f"\t{{ GUEST_BASE_{number}, {number} }},\n" for number in range(9))
                + "};\n"
                "static void keep_bases(struct vcpu_vmx *vmx, struct vmcs12 *it)\n{\n\tint n;\n\n"
                "\tfor (n = 0; n < ARRAY_SIZE(bases); n++)\n"
                "\t\tit->base[bases[n].place] = vmcs_readl(bases[n].number);\n}",
                NESTED,
            ),
            after(NESTED, "vmcs12->guest_efer = vcpu->efer;", "keep_bases(vmx, vmcs12);"),
        ],
    ),
]

ANY_EXIT = [
    Mutant(
        "accessor-with-static-key",
        "VMX206",
        [*BY_STATIC_KEY, leave("trace_kvm_exit(vmcs_readl(EXIT_QUALIFICATION));")],
    ),
    Mutant("trace", "VMX206", [leave("trace_kvm_exit(vmcs_readl(EXIT_QUALIFICATION));")]),
    Mutant(
        "local",
        "VMX206",
        [leave("u64 at = vmcs_read64(GUEST_PHYSICAL_ADDRESS);\nif (at >> 40)\n\tvmx->vpid++;")],
    ),
    Mutant(
        "member-of-the-vcpu",
        "VMX206",
        [leave("vmx->eptp = vmcs_read64(GUEST_PHYSICAL_ADDRESS);")],
    ),
    Mutant(
        "helper",
        "VMX206",
        [
            leave("keep_length(vmx);"),
            define(
                """static void keep_length(struct vcpu_vmx *vmx)
{
    if (vmcs_read32(VM_EXIT_INSTRUCTION_LEN) > 15)
        vmx->vpid = 0;
}"""
            ),
        ],
    ),
    Mutant(
        "macro",
        "VMX206",
        [
            leave("trace_kvm_exit(LAST(ERROR_CODE));"),
            define("#define LAST(x) vmcs_read32(VM_EXIT_INTR_##x)"),
        ],
    ),
    Mutant(
        "other-file",
        "VMX206",
        [
            leave("vmx->eptp = where();"),
            define("u64 where(void);", VMX_H),
            new_file("u64 where(void) { return hw_vmread(0x640a); }"),
        ],
    ),
    Mutant(
        "before-the-handlers",
        "VMX206",
        [after(VMX, "u32 reason = vmx->exit_reason;", "u64 why = vmcs_readl(EXIT_QUALIFICATION);")],
    ),
]

PER_VCPU = [
    Mutant(
        "host-rsp",
        "VMX301",
        [
            (VMX_H, "bool entry_failed;", "bool entry_failed;\nstruct host_state host;"),
            (
                VMX,
                "struct host_state *host = &vmx->loaded_vmcs->host;",
                "struct host_state *host = &vmx->host;",
            ),
        ],
        at=VMCS_H,
    ),
    Mutant(
        "host-rsp-renamed",
        "VMX301",
        [
            (VMX_H, "bool entry_failed;", "bool entry_failed;\nunsigned long stack_seen;"),
            (
                VMX,
                "if (unlikely(host->rsp != rsp)) {\n\t\thost->rsp = rsp;",
                "if (vmx->stack_seen != rsp) {\nvmx->stack_seen = rsp;",
            ),
        ],
    ),
    Mutant(
        "host-cr3",
        "VMX301",
        [
            (VMX_H, "bool entry_failed;", "bool entry_failed;\nunsigned long tables;"),
            (VMX, "vmx->loaded_vmcs->host.cr3", "vmx->tables"),
        ],
    ),
    Mutant(
        "controls",
        "VMX301",
        [
            (VMX_H, "bool entry_failed;", "bool entry_failed;\nstruct ctls_shadow ctls;"),
            (VMX_H, "vmx->loaded_vmcs->ctls", "vmx->ctls"),
            (VMCS_H, "\tstruct ctls_shadow ctls;\n", ""),
        ],
    ),
    Mutant(
        "macro",
        "VMX301",
        [
            (VMX_H, "bool entry_failed;", "bool entry_failed;\nunsigned long tables;"),
            define("#define KNOWN(vmx) ((vmx)->tables)"),
            (VMX, "vmx->loaded_vmcs->host.cr3", "KNOWN(vmx)"),
        ],
    ),
]

DROPPED = [
    Mutant(
        "wiped",
        "VMX302",
        [switch_vmcs("memset(&next->host, 0, sizeof(next->host));")],
    ),
    Mutant(
        "wiped-by-a-pointer",
        "VMX302",
        [switch_vmcs("struct ctls_shadow *c = &next->ctls;\n\nmemset(c, 0xff, sizeof(*c));")],
    ),
    Mutant(
        "overwritten-by-a-global",
        "VMX302",
        [
            switch_vmcs("next->ctls = nothing_known;"),
            define("static const struct ctls_shadow nothing_known;", NESTED),
        ],
    ),
    Mutant(
        "wiped-by-a-literal",
        "VMX302",
        [switch_vmcs("vmx->loaded_vmcs->host = (struct host_state){};")],
    ),
    Mutant("drop-rsp", "VMX302", [switch_vmcs("vmx->loaded_vmcs->host.rsp = 0;")]),
    Mutant("drop-cr3-on-entry", "VMX302", [nested_entry("vmx->loaded_vmcs->host.cr3 = 0;")]),
    Mutant(
        "drop-pin-largest",
        "VMX302",
        [switch_vmcs("vmx->loaded_vmcs->ctls.pin = U32_MAX;")],
    ),
    Mutant("drop-pin", "VMX302", [switch_vmcs("vmx->loaded_vmcs->ctls.pin = 0;")]),
    Mutant(
        "read-again", "VMX302", [switch_vmcs("next->ctls.vm_exit = vmcs_read32(VM_EXIT_CONTROLS);")]
    ),
    Mutant(
        "helper-in-other-file",
        "VMX302",
        [
            switch_vmcs("forget(next);"),
            define("void forget(struct loaded_vmcs *it);", VMX_H),
            new_file("void forget(struct loaded_vmcs *it) { it->host.cr3 = 0; }"),
        ],
    ),
    Mutant(
        "macro",
        "VMX302",
        [switch_vmcs("FORGET(next);"), define("#define FORGET(it) ((it)->host.cr3 = 0)", NESTED)],
    ),
    Mutant(
        "macro-of-the-member",
        "VMX302",
        [
            switch_vmcs("FORGET(next, cr3);"),
            define("#define FORGET(it, what) ((it)->host.what = 0)", NESTED),
        ],
    ),
]

ON = f"if (!vmx->loaded_vmcs->armed) {{ {OPEN_TIMER} vmx->loaded_vmcs->armed = true; }}"
OFF = (
    f"if (vmx->loaded_vmcs->armed) pin_ctls_clearbit(vmx, {TIMER});"
    " vmx->loaded_vmcs->armed = false;"
)
FLAG = (VMCS_H, "bool launched;", "bool launched;\nbool armed;")
FLAGS = [
    Mutant("timer-armed", "VMX303", [FLAG, *toggle(ON, OFF)]),
    Mutant(
        "timer-armed-helpers",
        "VMX303",
        [
            FLAG,
            *toggle("wake(vmx);", "rest(vmx);"),
            define(f"static void wake(struct vcpu_vmx *vmx)\n{{\n{ON}\n}}"),
            define(f"static void rest(struct vcpu_vmx *vmx)\n{{\n{OFF}\n}}"),
        ],
    ),
    Mutant(
        "timer-armed-as-told",
        "VMX303",
        [
            FLAG,
            *toggle("switch_timer(vmx, true);", "switch_timer(vmx, false);"),
            define(
                "static void switch_timer(struct vcpu_vmx *vmx, bool on)\n{\n"
                "if (vmx->loaded_vmcs->armed == on)\nreturn;\n"
                f"if (on)\n{OPEN_TIMER}\nelse\npin_ctls_clearbit(vmx, {TIMER});\n"
                "vmx->loaded_vmcs->armed = on;\n}"
            ),
        ],
    ),
    Mutant(
        "timer-armed-macro",
        "VMX303",
        [
            FLAG,
            define("#define ARMED(vmx) (vmx)->loaded_vmcs->armed"),
            *toggle(
                ON.replace("vmx->loaded_vmcs->armed", "ARMED(vmx)"),
                OFF.replace("vmx->loaded_vmcs->armed", "ARMED(vmx)"),
            ),
        ],
    ),
]

PARKED = "if (unlikely(vmx->loaded_vmcs->timer_parked))\n\t\treturn 1;"
FALLBACK = "vmx_x86_ops.request_immediate_exit = __kvm_request_immediate_exit;"
ASKED = "if (use_deadline_timer)\n\t\trefresh_deadline_timer(vmx);"
LONGEST = "if (ticks_per_second > U32_MAX / 10)\n\t\tuse_deadline_timer = false;"
IN_LOCAL = (
    VMX,
    "start_deadline_timer(vmx, (vmx->deadline_tsc - now) >>\n\t\t\t\t\t\t  timer_rate_shift);",
    "{\n\t\t\tu32 ticks = (vmx->deadline_tsc - now) >> timer_rate_shift;\n"
    "\n\t\t\tstart_deadline_timer(vmx, ticks);\n\t\t}",
)
TIMERS = [
    Mutant("no-check", "VMX401", [(EXITS, PARKED, "")]),
    Mutant(
        "check-too-late",
        "VMX401",
        [
            (EXITS, PARKED, ""),
            after(EXITS, "\tkvm_deadline_expired(vcpu);", PARKED.replace("return 1", "return 0")),
        ],
    ),
    Mutant(
        "check-only-told",
        "VMX401",
        [(EXITS, PARKED, PARKED.replace("return 1", 'pr_warn_once("early")'))],
    ),
    Mutant(
        "request-by-a-helper",
        "VMX403",
        [
            (VMX, FALLBACK, ""),
            (VMX, "to_vmx(vcpu)->leave_at_once = true;", "hurry(to_vmx(vcpu));"),
            define("static void hurry(struct vcpu_vmx *x)\n{ x->leave_at_once = true; }"),
        ],
    ),
    Mutant("dead-check", "VMX401", [(EXITS, PARKED, f"#if 0\n{PARKED}\n#endif")]),
    Mutant(
        "no-check-helper",
        "VMX401",
        [
            (EXITS, PARKED, ""),
            (EXITS, "\tkvm_deadline_expired(vcpu);", "\tring(vcpu);"),
            define("static void ring(struct kvm_vcpu *v) { kvm_deadline_expired(v); }", EXITS),
        ],
    ),
    Mutant("no-look-at-the-rate", "VMX402", [IN_LOCAL, (VMX, LONGEST, "")]),
    Mutant(
        "looks-at-another-rate",
        "VMX402",
        [IN_LOCAL, (VMX, "if (ticks_per_second > U32_MAX / 10)", "if (tsc_khz > U32_MAX / 10)")],
    ),
    Mutant(
        "no-look-at-the-rate-of-an-argument",
        "VMX402",
        [(VMX, LONGEST, "")],
    ),
    Mutant("no-fallback", "VMX403", [(VMX, FALLBACK, "")]),
    Mutant(
        "same-fallback",
        "VMX403",
        [(VMX, FALLBACK, "vmx_x86_ops.request_immediate_exit = demo_request_immediate_exit;")],
    ),
    Mutant("fallback-in-dead-code", "VMX403", [(VMX, FALLBACK, f"#if 0\n{FALLBACK}\n#endif")]),
    Mutant(
        "armed-though-off",
        "VMX404",
        [(VMX, ASKED, "refresh_deadline_timer(vmx);"), (VMX, FALLBACK, "")],
    ),
    Mutant(
        "armed-though-off-macro",
        "VMX404",
        [
            (VMX, ASKED, "RENEW(vmx);"),
            (VMX, FALLBACK, ""),
            before(VMX, "static void demo_vcpu_run(", "#define RENEW(v) refresh_deadline_timer(v)"),
        ],
    ),
    Mutant(
        "armed-though-off-by-choice",
        "VMX404",
        [
            (VMX, ASKED, ASKED.replace("use_deadline_timer", "vmx->fail || use_deadline_timer")),
            (VMX, FALLBACK, ""),
        ],
    ),
    Mutant("armed-once-more", "VMX404", [entry("start_deadline_timer(vmx, 1000);")]),
]

EVMCS = """
#define this_page ((struct hv_enlightened_vmcs *)this_cpu_read(loaded_page))
int place_of(unsigned long field, u16 *group);
static inline u64 page_read(unsigned long field)
{
    return *(u64 *)((char *)this_page + place_of(field, NULL));
}
"""
PAGE_TABLE = (
    "static const struct { u16 offset; u16 group; } page_places[] = {\n"
    + "".join(
        f"[{side}_{name}] = {{ offsetof(struct hv_enlightened_vmcs, {side}_{name}), 1 }},\n"
        for side in ("GUEST", "HOST")
        for name in ("CR0", "CR3", "CR4", "RSP", "RIP")
    )
    + "};"
)
BIG = (
    "struct guest_page {\nu32 revision;\n"
    + "".join(f"unsigned long guest_{name.lower()}_selector;\n" for name in RARE)
    + "".join(
        f"unsigned long {side}_{name};\n"
        for side in ("guest", "host")
        for name in "cr0 cr3 cr4 rip rsp".split()
    )
    + "};\n"
)
VMCS_STRUCTS = "struct vmcs {\n\tu32 revision_id;\n\tu32 abort_code;\n\tchar content[];\n};\n"
LOADED_VMCS = """struct loaded_vmcs {
	struct vmcs *vmcs;
	int cpu;
	bool launched;
	/* the timer holds its largest value: as good as off */
	bool timer_parked;
	struct host_state host;
	struct ctls_shadow ctls;
	struct list_head on_cpu;
};
"""
LAYOUT = [
    Mutant("in-the-run-path", "VMX501", [define(EVMCS)]),
    Mutant("table-in-the-run-path", "VMX501", [define(PAGE_TABLE)]),
    Mutant("beside-the-instructions", "VMX501", [define(EVMCS, OPS_H)]),
    Mutant("table-beside-nested-vmx", "VMX501", [define(PAGE_TABLE, NESTED)]),
    Mutant("beside-nested-vmx", "VMX502", [define(BIG, NESTED)]),
    Mutant(
        "apart-from-the-vmcs",
        "VMX503",
        [
            (VMCS_H, LOADED_VMCS, ""),
            before(VMX_H, "struct nested_vmx {", LOADED_VMCS),
        ],
    ),
    Mutant("in-the-run-path", "VMX502", [define(BIG)]),
    Mutant(
        "under-its-name",
        "VMX502",
        [
            define(BIG.replace("guest_page", "vmcs12")),
            (NESTED_H, "struct vmcs12 {", "struct other {"),
        ],
    ),
    Mutant(
        "in-the-run-path",
        "VMX503",
        [(VMCS_H, VMCS_STRUCTS, "struct vmcs;\n"), define(VMCS_STRUCTS)],
    ),
    Mutant(
        "vmcs-needs-vcpu",
        "VMX504",
        [(VMCS_H, '#include "../vmx_fields.h"', '#include "../vmx_fields.h"\n#include "vmx.h"')],
    ),
    Mutant(
        "ops-needs-vcpu",
        "VMX504",
        [(OPS_H, '#include "vmcs.h"', '#include "vmcs.h"\n#include "nested.h"')],
        at=NESTED_H,
    ),
    Mutant(
        "handlers-and-nested",
        "VMX504",
        [
            (NESTED_H, '#include "vmx.h"', '#include "exits.h"'),
            (EXITS_H, '#include "vmx.h"', '#include "nested.h"'),
        ],
    ),
]

COSTLY = [
    Mutant(
        "own-accessor",
        "VMX601",
        [
            leave("vmx->eptp += own_rdmsr(MSR_IA32_XSS);"),
            define(
                """static inline u64 own_rdmsr(u32 number)
{
    u32 low, high;

    asm volatile("rdmsr" : "=a" (low), "=d" (high) : "c" (number));
    return low | (u64)high << 32;
}"""
            ),
        ],
    ),
    Mutant("each-entry", "VMX601", [entry("wrmsrl(MSR_IA32_XSS, vmx->eptp);")]),
    Mutant("each-exit", "VMX601", [leave("rdmsrl(MSR_IA32_SPEC_CTRL, vmx->eptp);")]),
    Mutant(
        "helper-in-other-file",
        "VMX601",
        [
            entry("swap_xss(vmx);"),
            define("void swap_xss(struct vcpu_vmx *it);", VMX_H),
            new_file("void swap_xss(struct vcpu_vmx *it) { wrmsrl(MSR_IA32_XSS, it->eptp); }"),
        ],
    ),
    Mutant("flush-on-entry", "VMX602", [entry("vpid_invalidate(1, vmx->vpid);")]),
    Mutant(
        "flush-on-nested-entry",
        "VMX602",
        [
            nested_entry("demo_flush(vcpu);"),
            define(
                "static void demo_flush(struct kvm_vcpu *v)\n"
                "{ ept_invalidate(1, to_vmx(v)->eptp); }",
                NESTED,
            ),
        ],
    ),
    Mutant(
        "flush-macro",
        "VMX602",
        [entry("FLUSH(vmx->vpid);"), define("#define FLUSH(n) vpid_invalidate(1, n)")],
    ),
]

COMMENTS = [
    Mutant("holds-nothing", "VMX900", [entry("/* vmxlint: ignore[VMX101] nothing is here */")]),
    Mutant("no-reason", "VMX901", [leave("// vmxlint: ignore[VMX201]")]),
    Mutant("no-such-rule", "VMX902", [entry("/* vmxlint: ignore[VMX1] nothing is here */")]),
    Mutant("blanket", "VMX903", [leave("/* vmxlint: ignore */")]),
]
MUTANTS = [
    *TOGGLES,
    *WRITES,
    *TWICE,
    *READ_BACK,
    *SELDOM,
    *HOST,
    *INFO,
    *UNCHECKED,
    *REPEATED,
    *KNOWN,
    *SYNC,
    *ANY_EXIT,
    *PER_VCPU,
    *DROPPED,
    *FLAGS,
    *TIMERS,
    *LAYOUT,
    *COSTLY,
    *COMMENTS,
]

DROP = """void drop_host_save(struct kvm_vcpu *vcpu)
{
	load_gs_index(to_vmx(vcpu)->loaded_vmcs->host.gs_sel);
}
"""
REASONS = """switch (vmx->exit_reason) {
    case EXIT_REASON_EXTERNAL_INTERRUPT:
        serve_host_interrupt(vmx);
        break;
    case EXIT_REASON_EXCEPTION_NMI:
        note_exception(vmx);
        break;
    }"""


def dead(text: str) -> Edit:
    return entry(f"#if 0\n{text}\n#endif")


HARMLESS: list[tuple[str, list[Edit]]] = [
    (
        "more-asserts",
        [
            leave("WARN_ON_ONCE(vmcs_read32(VM_EXIT_REASON) != vmx->exit_reason);"),
            leave("WARN_ON_ONCE(vmcs_read32(VM_EXIT_INTR_INFO) & 0x1000);"),
            leave("WARN_ON(vmcs_readl(EXIT_QUALIFICATION) >> 60);"),
        ],
    ),
    (
        "dead-include",
        [after(VMCS_H, '#include "../vmx_fields.h"', '#if 0\n#include "vmx.h"\n#endif')],
    ),
    (
        "switch-and-something-else",
        [(VMX, ASKED, ASKED.replace("use_deadline_timer", "use_deadline_timer && !vmx->fail"))],
    ),
    (
        "parked-is-a-predicate",
        [
            (EXITS, "unlikely(vmx->loaded_vmcs->timer_parked)", "is_parked(vmx)"),
            define(
                "static bool is_parked(struct vcpu_vmx *x)\n"
                "{ return x->loaded_vmcs->timer_parked; }",
                EXITS,
            ),
        ],
    ),
    (
        "wipe-of-another-struct",
        [switch_vmcs("vcpu->run->mmio = (struct kvm_mmio_exit){};")],
    ),
    (
        "rename-local",
        [
            (NESTED, "u32 ctls;", "u32 bits;"),
            (NESTED, "ctls = ", "bits = "),
            (NESTED, "ctls |= ", "bits |= "),
            (NESTED, "(vmx, ctls", "(vmx, bits"),
        ],
    ),
    (
        "rename-member",
        [
            (VMCS_H, "timer_parked", "at_rest"),
            (VMX, "timer_parked", "at_rest"),
            (EXITS, "timer_parked", "at_rest"),
        ],
    ),
    (
        "rename-function",
        [(VMX, "park_deadline_timer", "frob"), (VMX, "start_deadline_timer", "qux")],
    ),
    ("rename-accessor", [(OPS_H, "hw_vmwrite", "put_field"), (OPS_H, "hw_vmread", "get_field")]),
    (
        "rename-copies",
        [
            (VMCS_H, "unsigned long cr3;", "unsigned long seen_root;"),
            (VMX, "host.cr3", "host.seen_root"),
        ],
    ),
    ("rename-in-the-run-loop", [(X86, "come_back", "return_soon")]),
    ("rename-shadow-macro", [(VMX_H, "DEFINE_CTLS_SHADOW", "CONTROL")]),
    (
        "rename-global",
        [
            (VMX, "use_deadline_timer", "may_count"),
            (VMX_H, "use_deadline_timer", "may_count"),
            (SWITCH, "use_deadline_timer", "may_count"),
        ],
    ),
    (
        "reorder-writes",
        [
            (NESTED, IN_NESTED["primary"][0], "@"),
            (NESTED, IN_NESTED["secondary"][0], IN_NESTED["primary"][0]),
            (NESTED, "@", IN_NESTED["secondary"][0]),
        ],
    ),
    (
        "reorder-copy-and-write",
        [
            (
                VMX,
                "vmcs_writel(HOST_CR3, cr3);\n\t\tvmx->loaded_vmcs->host.cr3 = cr3;",
                "vmx->loaded_vmcs->host.cr3 = cr3;\n\t\tvmcs_writel(HOST_CR3, cr3);",
            )
        ],
    ),
    (
        "reorder-members",
        [
            (VMCS_H, "\tbool launched;\n", ""),
            (VMCS_H, "\tstruct vmcs *vmcs;\n", "\tbool launched;\n\tstruct vmcs *vmcs;\n"),
        ],
    ),
    ("reorder-tests", [(VMX, f"{IRQ_ARM}\n\telse {NMI_ARM}", f"{NMI_ARM}\n\telse {IRQ_ARM}")]),
    ("tests-as-switch", [(VMX, f"{IRQ_ARM}\n\telse {NMI_ARM}", REASONS)]),
    ("compare-other-way-round", [(VMX_H, "shadow->name == ctls", "ctls == shadow->name")]),
    ("compare-negated", [(VMX, "host->rsp != rsp", "!(host->rsp == rsp)")]),
    ("compare-by-xor", [(SWITCH, "host->gs_base != gs_base", "host->gs_base ^ gs_base")]),
    (
        "compare-without-hint",
        [(VMX, "unlikely(vmx->loaded_vmcs->host.cr3 != cr3)", "vmx->loaded_vmcs->host.cr3 != cr3")],
    ),
    (
        "extra-compare",
        [
            (
                NESTED,
                IN_NESTED["pin"][0],
                "if (pin_ctls_get(vmx) != (ctls | pin_ctls_wanted()))\n\t\t" + IN_NESTED["pin"][0],
            )
        ],
    ),
    (
        "extra-reason-test",
        [
            (
                VMX,
                "u32 info = vmcs_read32(VM_EXIT_INTR_INFO);",
                "u32 info;\n\n\tif (vmx->exit_reason != 1)\n\t\treturn;\n"
                "\tinfo = vmcs_read32(VM_EXIT_INTR_INFO);",
            )
        ],
    ),
    (
        "extra-compared-write",
        [
            entry(
                "if (vmx->loaded_vmcs->ctls.secondary != vmx->secondary_wanted)\n"
                "\tsecondary_ctls_set(vmx, vmx->secondary_wanted);"
            )
        ],
    ),
    (
        "more-work-at-set-up",
        [
            after(
                SWITCH,
                "vmcs_write32(PLE_GAP, 128);",
                f"{WANTED}\nvmcs_writel(HOST_CR4, 0);\nvmcs_write32(EXCEPTION_BITMAP, 2);",
            )
        ],
    ),
    (
        "reset-at-set-up",
        [
            after(
                SWITCH,
                "vmx->vmcs01.cpu = -1;",
                "vmx->vmcs01.host.cr3 = 0;\nvmx->nested.vmcs02.ctls.pin = 0;",
            )
        ],
    ),
    (
        "more-in-the-dump",
        [
            (
                VMX,
                'pr_err("vcpu %d:',
                'pr_err("%x\\n", vmcs_read32(VM_EXIT_INTR_INFO));\n\tpr_err("vcpu %d:',
            )
        ],
    ),
    ("dead-write", [dead(WANTED)]),
    (
        "dead-toggle",
        [
            dead(OPEN_TIMER),
            (VMX, PARK, f"{PARK}\n#if 0\n\tpin_ctls_clearbit(vmx, {TIMER});\n#endif"),
        ],
    ),
    (
        "dead-read",
        [
            leave(
                "#if 0\n"
                "trace_kvm_exit(vmcs_readl(EXIT_QUALIFICATION), vmcs_read32(0x4404));\n"
                "#endif"
            )
        ],
    ),
    ("comment-with-write", [entry(f"/* {WANTED} */\n// {WANTED}")]),
    ("comment-with-read", [leave("/* info = vmcs_read32(VM_EXIT_INTR_INFO); */")]),
    (
        "string-with-write",
        [after(VMX, "dump_vmcs(struct kvm_vcpu *vcpu)\n{", f'pr_err("{WANTED}");')],
    ),
    (
        "one-line",
        [
            (
                VMX,
                "if (use_deadline_timer)\n\t\trefresh_deadline_timer(vmx);",
                "if (use_deadline_timer) { refresh_deadline_timer(vmx); }",
            )
        ],
    ),
    ("spaces-for-tabs", [(file, "\t", "    ") for file in (VMX, SWITCH, NESTED, EXITS)]),
    (
        "line-ends-of-windows",
        [(file, "\n", "\r\n") for file in (VMX, SWITCH, NESTED, EXITS, VMX_H, VMCS_H)],
    ),
    (
        "arguments-on-lines-of-their-own",
        [(VMX, "vmcs_writel(HOST_RSP, rsp);", "vmcs_writel(\n\t\t\tHOST_RSP,\n\t\t\trsp\n\t\t);")],
    ),
    (
        "move-function-to-other-file",
        [
            (
                SWITCH,
                DROP,
                "",
            ),
            new_file(DROP),
        ],
    ),
    (
        "move-timer-to-helper",
        [
            (
                VMX,
                "if (vmx->loaded_vmcs->timer_parked)\n\t\treturn;\n",
                "if (is_parked(vmx))\n\t\treturn;\n",
            ),
            define(
                "static bool is_parked(struct vcpu_vmx *vmx)\n"
                "{\n\treturn vmx->loaded_vmcs->timer_parked;\n}"
            ),
        ],
    ),
    (
        "move-write-to-helper",
        [
            (VMX, "vmcs_writel(HOST_CR3, cr3);", "host_root(cr3);"),
            define(
                "static void host_root(unsigned long root)\n{\n\tvmcs_writel(HOST_CR3, root);\n}"
            ),
        ],
    ),
    (
        "move-write-to-macro",
        [
            (VMX, "vmcs_writel(HOST_CR3, cr3);", "HOST_ROOT(cr3);"),
            define("#define HOST_ROOT(root) vmcs_writel(HOST_CR3, root)"),
        ],
    ),
    (
        "handlers-by-macro",
        [
            (VMX, "[EXIT_REASON_HLT]\t\t\t= handle_halt,", "ON(HLT, halt),"),
            define("#define ON(reason, name) [EXIT_REASON_##reason] = handle_##name"),
        ],
    ),
    (
        "exclusive-fast-path",
        [
            (
                VMX,
                IRQ_ARM,
                "if (vmx->exit_reason == EXIT_REASON_EPT_MISCONFIG)\n"
                "\t\tvmx->vpid = vmcs_read64(GUEST_PHYSICAL_ADDRESS) >> 52;\n\t" + IRQ_ARM,
            ),
            before(
                FIELDS_H,
                "#define EXIT_REASON_EPT_VIOLATION",
                "#define EXIT_REASON_EPT_MISCONFIG 49",
            ),
        ],
    ),
    (
        "unused-helper",
        [
            define(
                "static void never_called(struct vcpu_vmx *vmx)\n"
                f"{{\n\t{WANTED}\n\tvmcs_writel(HOST_CR4, 0);\n}}"
            )
        ],
    ),
]
