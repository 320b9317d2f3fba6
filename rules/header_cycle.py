"""Headers include each other, or the header that defines the VMCS does not stand alone.

What: a header of the unit includes another one that includes it back, directly or through others.
Worst is a cycle through the header that defines the struct that VMPTRLD is given, or the one that
holds a pointer to it, since all others build on that one.

Why it costs: no cycles of the CPU; this is about layout. Include guards cut such a circle at
whichever header is read first, so what one of them sees of the other depends on who included
which: it compiles until somebody sorts the includes. KVM's changelog gave the VMCS a header of its
own "to avoid circular dependencies" between the header of the vCPU and that of nested VMX.

Instead: move what both need to a header that includes neither of them; a pointer needs only a
forward declaration.

    before                                          after
    /* vmcs.h */                                    /* vmcs.h */
    #include "vmx.h"                                struct vcpu_vmx;
    void vmcs_use(struct vcpu_vmx *vmx);            void vmcs_use(struct vcpu_vmx *vmx);
    /* vmx.h */                                     /* vmx.h */
    #include "vmcs.h"                               #include "vmcs.h"

Not reported: an include behind all that a header defines, which is there for the user's comfort; a
header that includes itself, as those of tracepoints do; headers of one name in two folders; headers
outside of the analysed unit.

False alarms: includes that no build has both, being in two arms of an `#if`.

Misses: a circle that leads through a header outside of the unit; all circles but the shortest among
headers that are tangled in several.

How to measure: nothing to measure with perf kvm stat or kvm-unit-tests; compile each header alone:
`gcc -fsyntax-only` on it, before and after.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from vmxlint.hits import Hit, Spot
from vmxlint.includes import Graph, Link, around, groups, included, is_last_word
from vmxlint.program import Program
from vmxlint.questions.layout import Layout

ID = "VMX504"
SEVERITY = "note"
TIER = "default"


def check(program: Program) -> Iterator[Hit]:
    """One circle of each set of headers that include each other."""
    users = included(program.files)
    plain = _between_headers(program, users)
    layout = program.shared(Layout)
    if not any(layout.defined_in(path) for path in plain):
        graph: Graph = plain
    else:
        graph = {path: {**_needed(layout, path), **links} for path, links in plain.items()}
    for group in groups(graph):
        start = min(group, key=lambda path: _rank(path, layout, users))
        inner = {path: _within(graph[path], group) for path in group}
        if links := around(start, inner):
            yield _hit(links, layout.defined_in(start))


def _between_headers(program: Program, users: Graph) -> dict[str, dict[str, Link]]:
    facts = {one.path: one for one in program.files if one.path.endswith(".h")}
    return {
        path: {
            target: link
            for target, link in users[path].items()
            if target in facts and not is_last_word(link, one)
        }
        for path, one in facts.items()
    }


def _needed(layout: Layout, path: str) -> dict[str, Link]:
    """The headers whose structs a header has by value: it cannot be read before them."""
    found: dict[str, Link] = {}
    for member in layout.embedded.get(path, ()):
        target = layout.program.structs.paths[member.type]
        if target != path and target.endswith(".h"):
            end = member.start + len(member.name)
            found.setdefault(target, Link(path, target, member.start, end, member.type))
    return found


def _within(links: Mapping[str, Link], group: list[str]) -> dict[str, Link]:
    return {target: link for target, link in links.items() if target in group}


def _rank(path: str, layout: Layout, users: Graph) -> tuple[bool, int, str]:
    """First the header that most needs to stand alone: that of the VMCS, else the most used."""
    count = sum(path in targets for targets in users.values())
    return not layout.defined_in(path), -count, path


def _hit(links: list[Link], structs: list[str]) -> Hit:
    first, *others = links
    return Hit(
        Spot(first.path, first.start, first.end),
        _message(first, others, structs),
        "what either sees of the other depends on which is read first",
        f"move what both need to a header that includes neither; vmxlint rule {ID}",
        (),
        (),
        "VM-entry",
        tuple((Spot(one.path, one.start, one.end), _said(one)) for one in others),
    )


def _message(first: Link, others: list[Link], structs: list[str]) -> str:
    way = ", ".join(f"'{link.path}'" for link in others)
    if structs:
        back = f"needs 'struct {others[-1].needs}' of it" if others[-1].needs else "includes it"
        return (
            f"'{first.path}', which defines 'struct {structs[0]}', does not stand alone: "
            f"it includes {way}, which in turn {back}"
        )
    if len(others) == 1:
        return f"'{first.path}' and '{first.target}' include each other"
    return f"'{first.path}' includes {way}, and so itself again"


def _said(link: Link) -> str:
    if link.needs:
        return f"'{link.path}' needs 'struct {link.needs}' of '{link.target}' here"
    return f"'{link.path}' includes '{link.target}' here"
