"""The VMCS is defined in the file of the run path, or in a header that others lead back to.

What: the struct that VMPTRLD is given, or the one that holds a pointer to it and what software must
remember of that VMCS, is defined in a C file that the VM-entry leads through, while the vCPU
switches between several VMCSs; or in the header of the vCPU, while that header is in a circle of
includes, or includes another one that defines such structs.

Why it costs: no cycles of the CPU; this is about layout. Everything that touches a VMCS needs these
structs: the accessors, the vCPU, nested VMX. Where they cannot be included alone, nested VMX stays
in the same file as the run path, or includes go round in circles. KVM's changelog moved them to a
header of their own, "a standalone file to avoid circular dependencies".

Instead: a header that defines the VMCS and what is kept per VMCS, and includes none of the headers
that build on it.

    before (vmx.c)                                  after (vmcs.h)
    struct loaded_vmcs {                            struct loaded_vmcs {
        struct vmcs *vmcs;                              struct vmcs *vmcs;
    };                                              };
    int vmx_vcpu_run(...)                           /* vmx.h: #include "vmcs.h" */

Not reported: structs in any header that stands alone; a hypervisor with one VMCS per vCPU; a unit
of a single C file, which nobody shares with.

False alarms: a hypervisor that keeps all of VMX in one file on purpose, beside other files that
have nothing to do with VMX.

Misses: definitions in a C file without the run path; structs that are never given to VMPTRLD or
VMCLEAR by name.

How to measure: nothing to measure with perf kvm stat or kvm-unit-tests; compile the header alone:
`gcc -fsyntax-only`.
"""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.hits import Hit, Spot
from vmxlint.includes import around, included, reached
from vmxlint.program import Program
from vmxlint.questions.layout import Layout

ID = "VMX503"
SEVERITY = "note"
TIER = "default"


def check(program: Program) -> Iterator[Hit]:
    """Each file that defines a VMCS's structs where they cannot be included alone."""
    layout = program.shared(Layout)
    if not layout.is_split:
        return
    paths = {program.structs.paths[name] for name in layout.definitions}
    for path in sorted(paths):
        if what := _wrong(program, layout, path):
            yield _hit(program, path, layout.defined_in(path), what)


def _wrong(program: Program, layout: Layout, path: str) -> str:
    """Why a file is not the place to define a VMCS; empty if it is."""
    if not layout.switching:
        return ""
    if path in layout.run_files:
        return "which holds the run path"
    if not path.endswith(".h") or path not in {
        program.structs.paths[one] for one in layout.switching
    }:
        return ""
    graph = included(program.files)
    if links := around(path, graph):
        return f"which '{links[0].target}' leads back to"
    others = {program.structs.paths[name] for name in layout.definitions}
    apart = sorted(others & reached(path, graph))
    return f"apart from those in '{apart[0]}'" if apart else ""


def _hit(program: Program, path: str, structs: list[str], what: str) -> Hit:
    def where(name: str) -> Spot:
        start = program.structs.by_name[name].start
        return Spot(path, start, start + len("struct ") + len(name))

    first, *others = sorted(structs, key=lambda name: program.structs.by_name[name].start)
    return Hit(
        where(first),
        f"'struct {first}', which stands for a VMCS, is defined in '{path}', {what}",
        "nested VMX and the accessors can't include it alone",
        f"define it in a header that includes none of those that build on it; vmxlint rule {ID}",
        (),
        (),
        "VM-entry",
        tuple((where(name), f"'struct {name}' is defined here") for name in others),
    )
