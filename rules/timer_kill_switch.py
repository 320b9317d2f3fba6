"""VM-entries arm the preemption timer though it is switched off.

What: a module parameter, or another global, decides at load time that deadlines may not be set with
the VMX-preemption timer. The run path does not ask for it: some other request, such as a forced
immediate exit, still writes a value to VMX_PREEMPTION_TIMER_VALUE and lets the timer run.

Why it costs: a switch is there for the case that the timer, or the code around it, malfunctions;
then it must kill the timer entirely. As long as it is armed all the same, VM-entries pay for a
timer that nobody has: a VMWRITE of its value (about 27 cycles, 15 to 60, modelled, after KVM's
changelog), in roughly 1 of 10 entries, and where its control is toggled, that of the control too.

Instead: ask for the switch before anything of the timer, and leave its bit clear in the controls.

    before                                          after
    update_timer(vcpu);                             if (use_timer)
    vm_enter(vcpu);                                         update_timer(vcpu);
                                                    vm_enter(vcpu);

Not reported: a write that only a request can cause which nobody can make while the timer is off,
since its ops slot is empty or holds another function then.

False alarms: a global that turns off deadlines for a reason that has nothing to do with the timer.

Misses: a switch that is read in no other way than by clearing the control's bit; one that is a
static key; a request that is handed over as an argument.

How to measure: load the module with the timer switched off; `perf kvm stat` must not show a single
exit of reason PREEMPTION_TIMER.
"""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.contexts.reach import Reach
from vmxlint.hits import Hit, spot
from vmxlint.program import Program
from vmxlint.questions.timer import FIELD, Timer, Way

ID = "VMX404"
SEVERITY = "warning"
TIER = "default"


def check(program: Program) -> Iterator[Hit]:
    """Each write of the timer that entries come to without a look at the switch."""
    timer = program.shared(Timer)
    said = set()
    for way in timer.ways:
        if timer.parks(way) or way.operation in said or not timer.switches:
            continue
        if not _is_off(timer, way):
            reaches = tuple(one for one in timer.entries(way) if not timer.tests_switch(one))
            if reaches:
                said.add(way.operation)
                yield _hit(program, timer, way, reaches)


def _is_off(timer: Timer, way: Way) -> bool:
    """Whether nobody can make the request that a way waits for while the timer is off."""
    return any(
        requests and all(one.slots and timer.is_off(one) for one in requests)
        for _, requests in timer.asked(way)
    )


def _hit(program: Program, timer: Timer, way: Way, reaches: tuple[Reach, ...]) -> Hit:
    operation = way.operation
    switch, places = next(iter(timer.switches.items()))
    routine, site = places[0]
    related = [(spot(routine, site.expr), f"'{switch}' decides here")]
    for member, requests in timer.asked(way):
        related += [
            (spot(one.routine, one.site.expr), f"'{member}' is asked for here") for one in requests
        ]
    return Hit(
        spot(operation.routine, operation.site.expr),
        f"{operation.routine.name}() writes '{FIELD}' on the VM-entry path whatever '{switch}' "
        "says: the timer runs though it is switched off",
        f"armed without a look at '{switch}'",
        f"test '{switch}' before anything of the timer; vmxlint rule {ID}",
        reaches,
        timer.savings(reaches),
        "VM-entry",
        tuple(related),
    )
