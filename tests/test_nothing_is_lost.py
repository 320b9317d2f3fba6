"""Every accessor call and every function that an independent look at a kernel's text finds is known
to the engine: the calls by a plain text scan, the functions by universal-ctags."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fixtures import PLAIN, options
from tests.kernels import KVM, kernel
from vmxlint.facts import Facts
from vmxlint.flow.routine import Routine
from vmxlint.operations import Operation
from vmxlint.program import Program
from vmxlint.reading import read_facts
from vmxlint.reading.source import SourceFile, read_unit

VERSIONS = ("5.0.1", "5.3.1", "6.1", "6.12", "7.3")
FEWEST_CALLS = {"vmcs": 500, "controls": 15, "pointer": 10, "msr": 40}
FEWEST_FUNCTIONS = 600

CALLS = {
    "vmcs": r"vmcs_(?:read|write)(?:16|32|64|l)|vmcs_(?:set|clear)_bits",
    "controls": r"[a-z_]+_controls_(?:set|get|setbit|clearbit)",
    "pointer": r"vmcs_(?:load|clear)",
    "msr": r"(?:native_|__)?(?:rd|wr)msr(?:l|q|ns)?(?:_safe)?",
}
CONTROLS = {
    "pin": "PIN_BASED_VM_EXEC_CONTROL",
    "exec": "CPU_BASED_VM_EXEC_CONTROL",
    "secondary_exec": "SECONDARY_VM_EXEC_CONTROL",
    "tertiary_exec": "TERTIARY_VM_EXEC_CONTROL",
    "vm_entry": "VM_ENTRY_CONTROLS",
    "vm_exit": "VM_EXIT_CONTROLS",
}
KINDS = (
    (r"vmcs_read", {"vmread"}),
    (r"vmcs_(set|clear)_bits", {"vmread", "vmwrite"}),
    (r"vmcs_write|.*_controls_", {"vmwrite"}),
    (r"vmcs_load", {"vmptrld"}),
    (r"vmcs_clear", {"vmclear"}),
    (r"\w*rdmsr", {"rdmsr"}),
    (r"\w*wrmsr", {"wrmsr"}),
)
# What universal-ctags takes for a function: a macro that is called where a declaration could stand.
NO_FUNCTIONS = {
    "5.3.1": {"BUILD_CONTROLS_SHADOW"},
    "6.1": {"BUILD_NVMX_MSR_INTERCEPT_HELPER", "BUILD_VMX_MSR_BITMAP_HELPERS"},
    "6.12": {"BUILD_NVMX_MSR_INTERCEPT_HELPER", "BUILD_VMX_MSR_BITMAP_HELPERS"},
    "7.3": {"BUILD_NVMX_MSR_INTERCEPT_HELPER", "BUILD_VMX_MSR_BITMAP_HELPERS", "DEFINE_GUARD"},
}
SAMPLE = """
static inline u16 vmcs_read16(unsigned long field);
/* vmcs_read16(NOT_CODE) */
static void one(u16 sel, struct vmx *vmx)
{
	pr_err("vmcs_read16(NOT_CODE)", vmcs_read16(sel + 2));
#if 0
	vmcs_read16(NOT_CODE);
#endif
	vmcs_write16(GUEST_CS_SELECTOR, f(1, vmx->sel));
}
#define TWO(field, x) \\
	vmcs_write16(field, x)
"""

_NO_CODE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)
_IF_0 = re.compile(r"^[ \t]*#[ \t]*if[ \t]+0\b.*?^[ \t]*#[ \t]*(?:else|endif)\b", re.S | re.M)
_DEFINE = re.compile(r"^#[ \t]*define[ \t]+(\w+)(?:\(([^)]*)\))?(?:[^\\\n]|\\\n|\\.)*", re.M)
_FUNCTION = re.compile(
    r"^[a-z_](?:[^\n;{}()]|\n(?!\n))*?\b(\w+)\(((?:[^;{}()]|\([^()]*\))*)\)[\w\s]*\n\{.*?^\}",
    re.S | re.M,
)


class Scope(NamedTuple):
    """A function or macro: where its text stands and what it calls its parameters."""

    start: int
    end: int
    name: str
    parameters: tuple[str, ...]


class Call(NamedTuple):
    """A call of an accessor in the text."""

    path: str
    line: int
    start: int
    scope: Scope
    accessor: str
    arguments: tuple[str, ...]

    @property
    def kinds(self) -> set[str]:
        """The operations that the call makes."""
        if self.accessor.endswith("_controls_get"):
            return set()  # the copy in memory
        return next(kinds for pattern, kinds in KINDS if re.match(pattern, self.accessor))

    @property
    def field(self) -> str | None:
        """The VMCS field or MSR, if the text names it."""
        if controls := re.match(r"_*(\w+)_controls_", self.accessor):
            return CONTROLS[controls[1]]
        return self.arguments[0] if re.fullmatch(r"[A-Z][A-Z0-9_]+", self.arguments[0]) else None

    @property
    def is_passed_on(self) -> bool:
        """Whether the caller of the function says which field it is or what is written there."""
        if self.kinds & {"rdmsr", "wrmsr"}:
            return False
        return any(self._is_parameter(one) for one in self.arguments)

    def _is_parameter(self, argument: str) -> bool:
        plain = re.sub(r"\w+(?:->|\.|\[)[\w.>-]*|&\w+", "", argument)
        return any(re.search(rf"\b{one}\b", plain) for one in self.scope.parameters)


def code(text: str) -> str:
    """The text without comments, strings and `#if 0`, everything else at its place."""
    for pattern in (_NO_CODE, _IF_0):
        text = pattern.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    return text


def scopes(text: str) -> list[Scope]:
    """The macros, and the functions whose braces stand in column 0."""
    return sorted(
        Scope(found.start(), found.end(), found[1], tuple(parameters(found[2] or "")))
        for pattern in (_DEFINE, _FUNCTION)
        for found in pattern.finditer(text)
    )


def parameters(text: str) -> Iterator[str]:
    for one in text.split(","):
        if words := re.findall(r"\w+", one):
            yield words[-1]


def arguments(text: str) -> tuple[str, ...]:
    """The arguments of the call whose `(` ends just before `text`."""
    depth, parts = 0, [""]
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if depth < 0:
            break
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return tuple(part.strip() for part in parts)


def calls(path: str, data: bytes, family: str) -> Iterator[Call]:
    """The calls of a family of accessors, not their definitions and declarations."""
    text = code(data.decode("latin-1"))
    known = scopes(text)
    for found in re.finditer(rf"\b({CALLS[family]})[ \t]*\(", text):
        line = text.count("\n", 0, found.start()) + 1
        begin = text.rfind("\n", 0, found.start()) + 1
        if text[begin].isalpha():
            continue
        around = [one for one in known if one.start <= found.start() < one.end]
        assert around, f"{path}:{line} is in no function"
        given = arguments(text[found.end() :])
        yield Call(path, line, found.start(), around[-1], found[1], given)


class Kernel(NamedTuple):
    files: dict[str, SourceFile]
    facts: list[Facts]
    program: Program


@cache
def understood(root: Path) -> Kernel:
    unit = read_unit(root, PLAIN)
    facts, reader = read_facts(unit)
    program = Program(facts, reader.body, PLAIN, options().pricing)
    return Kernel({one.path: one for one in unit.files}, facts, program)


def matches(call: Call, operation: Operation) -> bool:
    named = operation.field.name if operation.field else operation.operand.text
    return operation.kind in call.kinds and call.field in (None, named)


def fault(call: Call, here: list[Operation], through: list[Operation]) -> str | None:
    """What is wrong with the operations at the place of a call and through its function."""
    kinds = {one.kind for one in here}
    if call.is_passed_on and call.kinds and not here:
        return None if any(matches(call, one) for one in through) else "not at its callers"
    if kinds != call.kinds:
        return f"makes {sorted(kinds)}"
    if any(one.routine.name != call.scope.name for one in here):
        return f"is in {here[0].routine.name}"
    return None if all(matches(call, one) for one in here) else f"is of {here[0].field}"


def origin(known: Kernel, routine: Routine) -> str:
    """The function or macro that the text of a routine stands in."""
    if routine.function.place is None:
        return routine.name
    first, last = routine.function.place
    word = re.match(rb"\w*", known.files[routine.path].data[first:last])
    return word[0].decode() if word else ""


def lost(known: Kernel, family: str) -> tuple[int, list[str]]:
    """How many calls there are, and which of them the engine does not know as they are."""
    here: dict[tuple[str, int], list[Operation]] = {}
    through: dict[str, list[Operation]] = {}
    for one in known.program.operations:
        here.setdefault((one.routine.path, one.site.expr.start), []).append(one)
        for helper in one.through:
            through.setdefault(origin(known, helper), []).append(one)
    found = [
        call
        for path, file in known.files.items()
        if path.startswith("vmx/") and not path.endswith(".S")
        for call in calls(path, file.data, family)
    ]
    faults = [
        (call, fault(call, here.get((call.path, call.start), []), through.get(call.scope.name, [])))
        for call in found
    ]
    return len(found), [
        f"{call.path}:{call.line} {call.accessor} in {call.scope.name}: {what}"
        for call, what in faults
        if what
    ]


@pytest.mark.parametrize("family", CALLS)
@pytest.mark.parametrize("version", VERSIONS)
def test_each_accessor_call_is_an_operation(version: str, family: str) -> None:
    count, faults = lost(understood(kernel(version) / KVM), family)
    assert not faults
    assert count >= FEWEST_CALLS[family]


def test_the_scan_sees_code_only() -> None:
    found = list(calls("a.c", SAMPLE.encode(), "vmcs"))
    assert [(one.line, one.scope.name, one.arguments) for one in found] == [
        (6, "one", ("sel + 2",)),
        (10, "one", ("GUEST_CS_SELECTOR", "f(1, vmx->sel)")),
        (13, "TWO", ("field", "x")),
    ]
    assert [one.is_passed_on for one in found] == [True, False, True]
    assert [one.field for one in found] == [None, "GUEST_CS_SELECTOR", None]


@pytest.mark.parametrize("version", VERSIONS)
def test_each_function_of_ctags_is_a_function(version: str) -> None:
    root = kernel(version) / KVM
    known = understood(root)
    ours = {
        (one.path, function.name, known.files[one.path].line(function.start))
        for one in known.facts
        for function in one.functions
        if function.origin in ("function", "generated")
    }
    theirs = set(listed(root))
    assert len(theirs) >= FEWEST_FUNCTIONS
    assert {name for _, name, _ in theirs - ours} == NO_FUNCTIONS.get(version, set())


def listed(root: Path) -> Iterator[tuple[str, str, int]]:
    """The functions that universal-ctags finds: file, name, line of the name."""
    if not shutil.which("ctags"):
        pytest.skip("no universal-ctags")
    shape = ("--languages=C", "--langmap=C:.c.h", "--kinds-C=f", "-x", "--_xformat=%F\t%N\t%n")
    shown = subprocess.run(
        ["ctags", *shape, "-R", "vmx"], cwd=root, stdout=subprocess.PIPE, text=True
    )
    if shown.returncode:
        pytest.skip("ctags is not universal-ctags")
    for line in shown.stdout.splitlines():
        path, name, number = line.split("\t")
        yield path, name, int(number)
