"""Functions in files of assembly: their calls, jumps and VMX instructions, as statements of C.

A jump is a `goto`, a conditional one an `if`; of VMLAUNCH and VMRESUME the first counts. What a
register holds is followed as far as it is a constant. Behind VMLAUNCH and VMRESUME the way goes on
with the next line, as if HOST_RIP pointed there, and so it does behind each jump and return that no
label follows to which something jumps. In Intel's syntax no constants are followed.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator, Mapping, Sequence

from vmxlint.facts import (
    AGAIN_NAME,
    ASM_WORD,
    ENTRIES,
    ENTRY_NAME,
    INSTRUCTIONS,
    REGISTERS,
    Asm,
    Body,
    Expr,
    Facts,
    Function,
    Stmt,
)
from vmxlint.numbers import evaluate
from vmxlint.syntax.listing import Line, Start, calling, lines, starts, without_macros
from vmxlint.syntax.macros import call_arguments
from vmxlint.syntax.registers import Arguments, letters, turned
from vmxlint.syntax.skips import nested

_INDEX = "%rcx"  # what RDMSR and WRMSR, without operands, read the number of the MSR from
_CALLS = ("call", "jmp")
_INTELS_COMMENT = re.compile(r";[^\n]*")
_GNUS_COMMENT = re.compile(r"#[^\n]*")
_KEEP_FLAGS = ("mov", "push", "pop", "lea", "xchg")
_CHANGED = {"call": REGISTERS, "rdmsr": ("ax", "dx"), "cpuid": ("ax", "bx", "cx", "dx")}
_SIGNS = {"je": "==", "jz": "==", "jne": "!=", "jnz": "!="}


def read(path: str, text: str) -> Facts:
    """What a file says, given without its comments."""
    asms: list[Asm] = []
    is_intels = path.endswith(".asm")
    macros = {} if is_intels else calling(text)
    text = without_macros(text) if "#" in text else text
    if not path.endswith(".S"):  # which the preprocessor has read
        comment = _INTELS_COMMENT if is_intels else _GNUS_COMMENT
        text = comment.sub(lambda found: " " * len(found[0]), text)
    made = [_Routine(text, one, is_intels, macros, asms).function() for one in starts(text)]
    return Facts(path, functions=tuple(made), asms=tuple(asms))


class _Routine:
    """One function, read line by line."""

    def __init__(
        self,
        text: str,
        place: Start,
        is_intels: bool,
        calling: Mapping[str, int],
        asms: list[Asm],
    ) -> None:
        self._place = place
        self._calling = calling
        self._lines = list(lines(text, place.at, place.end))
        if is_intels:  # whose words may be in capitals
            self._lines = [one._replace(word=one.word.lower()) for one in self._lines]
        self._is_intels = is_intels
        self._asms = asms
        self._targets = _targets(self._lines)
        self._labels = frozenset(self._targets.values())
        self._again = self._back_to()
        self._held: dict[str, Expr] = {}  # constants, by the letter of the register
        self._arguments = Arguments()
        self._compared: tuple[str, ...] = ()
        self._entered = False
        self._words: set[str] = set()

    def function(self) -> Function:
        """The function with its statements."""
        read = [one for n, line in enumerate(self._lines) for one in self._read(n, line)]
        body, words = Body((), nested(read)), frozenset(self._words)
        start, name, end = self._place
        is_leaf = words <= {ASM_WORD}  # it calls nothing, and enters no guest
        given = self._arguments.parameters(self._is_intels, start) if is_leaf else ()
        return Function(name, given, start, end, False, "assembly", words=words, body=body)

    def _read(self, number: int, line: Line) -> Iterator[Stmt]:
        if line.label:
            self._held.clear()
            yield _statement("label", _place(line), line)
            if number == self._again:
                yield self._call(AGAIN_NAME, line.at, line.at)
        elif line.word.lower() in ENTRIES:
            if not self._entered:
                yield self._call(ENTRY_NAME, line.at, line.at)
            self._entered = True
        elif line.word.rstrip("ql") in INSTRUCTIONS:
            yield self._operation(line)
        elif line.word in _CALLS and line.operands and line.operands[0].isidentifier():
            if number not in self._targets:
                yield self._call(line.operands[0], line.behind, line.behind + len(line.operands[0]))
        elif line.word in self._calling:
            yield from self._called(line)
        yield from self._jump(number, line)
        self._remember(line)

    def _called(self, line: Line) -> Iterator[Stmt]:
        """The call that a macro makes of its argument."""
        given = ",".join(line.operands)
        _, arguments = call_arguments(given, 0) if given[:1] == "(" else (0, [])
        number = self._calling[line.word]
        name = arguments[number].strip() if number < len(arguments) else ""
        if name.isidentifier():
            yield self._call(name, line.at, line.at + len(line.word))

    def _back_to(self) -> int:
        """The first label ahead of the VM-entry that a jump from behind it leads to; -1 if none."""
        entries = (n for n, line in enumerate(self._lines) if line.word.lower() in ENTRIES)
        entry = next(entries, 0)
        led_to = {label for number, label in self._targets.items() if number > entry}
        ahead = enumerate(self._lines[:entry])
        return next((n for n, one in ahead if one.label and _place(one) in led_to), -1)

    def _call(self, callee: str, start: int, end: int) -> Stmt:
        self._words.add(callee)
        name = Expr("name", callee, (), start, start + len(callee))
        call = Expr("call", "", (name,), start, start + len(callee))
        return Stmt("expr", "", call, (), (), start, end)

    def _operation(self, line: Line) -> Stmt:
        """An instruction that matters, with the constants that are in registers."""
        self._words.add(ASM_WORD)
        spelled = turned(line.operands) if self._is_intels else line.operands
        given = tuple(_register(one) for one in spelled)
        read = spelled or (_INDEX,)
        held = self._arguments.asked(read, line.at) + tuple(
            (name, REGISTERS[name], value)
            for name, value in self._held.items()
            if name in REGISTERS
        )
        self._asms.append(Asm(((line.word, given),), held, line.at, line.behind))
        number = str(len(self._asms) - 1)
        return _statement("expr", "", line, Expr("asm", number, (), line.at, line.behind))

    def _jump(self, number: int, line: Line) -> Iterator[Stmt]:
        """A jump inside of the function, or the end of the way."""
        target = self._targets.get(number, "")
        if target and line.word != "jmp":
            goto = _statement("goto", target, line)
            test = self._test(line)
            yield Stmt("if", "", test, (goto,), (), line.at, line.behind)
        elif line.leaves and self._ends(number):
            yield _statement("goto" if target else "return", target, line)

    def _ends(self, number: int) -> bool:
        """Whether the way ends at a line, for a label that is jumped to stands next."""
        before, behind = self._lines[number - 1 : number], self._lines[number + 1 : number + 2]
        if any(one.word.lower() in ENTRIES for one in before):
            return False
        return not behind or any(_place(one) in self._labels for one in behind if one.label)

    def _test(self, line: Line) -> Expr:
        """What has to hold for a conditional jump: the compare before it, if that is known."""
        if line.word in _SIGNS and len(self._compared) == 2:
            known, asked = (_value(one, line) for one in self._compared)
            return Expr("binary", _SIGNS[line.word], (asked, known), line.at, line.behind)
        return Expr("opaque", f"{line.word} {line.operands[0]}", (), line.at, line.behind)

    def _remember(self, line: Line) -> None:
        """What a line does to registers and flags."""
        spelled = turned(line.operands) if self._is_intels else line.operands
        self._arguments.changed(line.word, spelled)
        if line.word.startswith("cmp"):
            self._compared = line.operands
        elif line.word and not line.word.startswith(("j", *_KEEP_FLAGS)):
            self._compared = ()
        for changed in _CHANGED.get(line.word, ()):
            self._held.pop(changed, None)
        if line.operands and (register := letters(line.operands[-1])):
            self._held.pop(register, None)
            if line.word.startswith("mov") and line.operands[0][:1] == "$":
                self._held[register] = _value(line.operands[0], line)


def _targets(listed: Sequence[Line]) -> Mapping[int, str]:
    """The label that each jump inside of a function leads to, by the number of its line."""
    labels: dict[str, list[int]] = {}
    for number, line in enumerate(listed):
        if line.label:
            labels.setdefault(line.label, []).append(number)
    found: dict[int, str] = {}
    for number, line in enumerate(listed):
        if line.word[:1] == "j" and line.operands:
            wanted = line.operands[0]
            able = labels.get(wanted, [])
            if wanted[:-1].isdigit() and wanted[-1] in "fb":
                able = labels.get(wanted[:-1], [])
                middle = bisect(able, number)
                able = able[middle:] if wanted[-1] == "f" else able[:middle][-1:]
            if able:
                found[number] = _place(listed[able[0]])
    return found


def _place(line: Line) -> str:
    """The name of a label; of one that is a number, one of its own."""
    return f"{line.label}.{line.at}" if line.label.isdigit() else line.label


def _statement(kind: str, text: str, line: Line, expr: Expr | None = None) -> Stmt:
    return Stmt(kind, text, expr, (), (), line.at, max(line.behind, line.at + len(line.label)))


def _register(operand: str) -> str:
    """An operand as inline assembly spells it, and of a register its full width."""
    register = letters(operand)
    return f"%%r{register}" if register else operand.replace("%", "%%")


def _value(operand: str, line: Line) -> Expr:
    """An operand as an expression: a constant or, as it is spelled, what else there is."""
    text = operand.removeprefix("$")
    constant = text != operand
    if constant and evaluate(text, {}) is not None:
        kind = "number"
    else:
        kind = "name" if constant and text.isidentifier() else "opaque"
    return Expr(kind, text, (), line.at, line.behind)
