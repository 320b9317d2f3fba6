"""Registers of functions in assembly, and what they hold of the arguments.

A function that hands an argument on to an instruction in the register in which it got it is an
accessor, as one with inline assembly is. Which argument a register holds, the System V convention
says; that of Microsoft if it is in Intel's syntax and asks for nothing but its first two.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vmxlint.facts import REGISTERS, Expr, Variable

_SYSTEM_V = ("rdi", "rsi", "rdx", "rcx")
_MICROSOFT = ("rcx", "rdx")
_INTELS = re.compile(r"(?:[re]?(?:[a-d]x|[sd]i|[sb]p)|[a-d][lh]|r\d+[dwb]?)")
_MEMORY = re.compile(r".*\[(\w+)\]")
_ONLY_READ = ("cmp", "test", "push", "vmwrite", "vmptrld", "vmclear", "invept", "invvpid", "j")


class Arguments:
    """The arguments that are still in registers, line by line."""

    def __init__(self) -> None:
        self._left = {letters(f"%{name}"): name for name in _SYSTEM_V}
        self._asked: set[str] = set()

    def asked(self, operands: Sequence[str], at: int) -> tuple[tuple[str, str, Expr], ...]:
        """The registers among the operands of an instruction that hold an argument, as operands of
        inline assembly."""
        read = {letters(one.strip("()")) for one in operands}
        names = {one: self._left[one] for one in sorted(read & self._left.keys())}
        self._asked.update(names.values())
        return tuple(
            (one, REGISTERS[one], Expr("name", name, (), at, at)) for one, name in names.items()
        )

    def changed(self, word: str, operands: Sequence[str]) -> None:
        """Follow an instruction, with the register that it writes as its last operand."""
        if word in ("call", "cpuid"):
            self._left.clear()
        elif operands and not word.startswith(_ONLY_READ):
            moved = self._left.get(letters(operands[0])) if word.startswith("mov") else None
            written = letters(operands[-1])
            self._left.pop(written, None)
            if moved and written in REGISTERS:
                self._left[written] = moved

    def parameters(self, is_intels: bool, at: int) -> tuple[Variable, ...]:
        """The parameters of the function, as far as the convention knows; none if no instruction
        has asked for one."""
        if not self._asked:
            return ()
        microsoft = is_intels and self._asked <= set(_MICROSOFT)
        names = _MICROSOFT if microsoft else _SYSTEM_V
        return tuple(Variable(one, "", 0, at) for one in names)


def letters(operand: str) -> str:
    """A register by its last two letters, whatever its width; "" for all else."""
    name = operand.removeprefix("%")
    return name[-2:] if operand[:1] == "%" and name.isalpha() and 2 <= len(name) <= 3 else ""


def turned(operands: Sequence[str]) -> tuple[str, ...]:
    """Operands of Intel's syntax in the order and the spelling of AT&T's, but for constants."""
    return tuple(map(_spelled, reversed(operands)))


def _spelled(operand: str) -> str:
    if found := _MEMORY.fullmatch(operand):
        return f"({_spelled(found[1])})"
    name = operand.lower()  # MASM takes both
    return f"%{name}" if _INTELS.fullmatch(name) else operand
