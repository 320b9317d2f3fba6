"""Inline assembly: its instructions, and the C values that they name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from vmxlint.facts import Asm, Expr
from vmxlint.syntax.macros import call_arguments

_STRING = re.compile(r'"((?:\\.|[^"\\])*)"')
_REGISTER = re.compile(r"\b_ASM_(AX|BX|CX|DX|SI|DI|BP|SP)\b")
_SIZED = re.compile(r"__ASM_SIZE\((\w+)[^)]*\)")
_BYTES = re.compile(  # ASM_VMX_VMWRITE_RAX_RDX: an instruction whose bytes a macro spells
    r"\b(?:[A-Z]+_)+(VMREAD|VMWRITE|VMPTRLD|VMCLEAR|INVEPT|INVVPID|VMLAUNCH|VMRESUME)"
    r"((?:_R[A-D]X|_R[SD]I|_R[SB]P)*)\b(?!\s*\()"
)
_OPCODE = re.compile(  # VMREAD_OPCODE MODRM_EAX_ECX: the bytes of its operands in a macro beside it
    r"\b(?:[A-Z]+_)*(VMREAD|VMWRITE|VMPTRLD|VMCLEAR|INVEPT|INVVPID|VMLAUNCH|VMRESUME)_OPCODE\b"
    r"(?:\s*\b(?:[A-Z]+_)*?([ER][A-D]X)_(?:\d+|([ER][A-D]X))(?:_[A-Z]+)*\b)?"
)
_STRINGIFY = re.compile(r"__stringify\(([^()]*)\)")
_OPERAND = re.compile(r'\s*(?:\[\s*(\w+)\s*\]\s*)?"([^"]*)"\s*\(')
_INSTRUCTION = re.compile(r"\s*(?:\w+\s*:\s*)?(?:lock\s+|rep\s+)?([a-z_]\w*)\s*(.*)", re.DOTALL)


def inline(text: str, start: int, end: int, value: Callable[[str], Expr]) -> Asm:
    """The Asm that `text`, from the word `asm` to its last parenthesis, spells out.

    `value` makes an expression of an operand's C text.
    """
    opening = text.find("(")
    sections = _sections(text[opening + 1 : text.rfind(")")])
    template = _template(sections[0])
    operands = [one for section in sections[1:3] for one in _operands(section)]
    named = [(name, constraint, value(text)) for name, constraint, text in _named(operands)]
    return Asm(tuple(_instructions(template)), tuple(named), start, end)


def _sections(text: str) -> list[str]:
    """The parts of an asm statement between its colons: template, outputs, inputs, clobbers."""
    parts, depth, start = [], 0, 0
    for mark in re.finditer(r'"(?:\\.|[^"\\])*"|::|[()\[\]:?]', text):
        if mark[0] in ("(", "["):
            depth += 1
        elif mark[0] in (")", "]"):
            depth -= 1
        elif mark[0] == "?":
            depth += 1  # the colon of `?:` does not separate, and is at a depth of its own
        elif mark[0][0] == ":" and depth == 0:
            parts += [text[start : mark.start()]] + ([""] if mark[0] == "::" else [])
            start = mark.end()
    return [*parts, text[start:]]


def _template(text: str) -> str:
    """The instructions' text: strings joined, the kernel's macros between them spelled out."""
    text = _SIZED.sub(lambda found: f'"{found[1]}q"', text)
    text = _STRINGIFY.sub(lambda found: f'"{found[1].strip()}"', text)
    text = _REGISTER.sub(lambda found: f'"r{found[1].lower()}"', text)
    text = _BYTES.sub(_spelled_out, text)
    text = _OPCODE.sub(_with_operands, text) if "_OPCODE" in text else text
    joined = "".join(found[1] for found in _STRING.finditer(text))
    return joined.replace("\\n", "\n").replace("\\t", " ")


def _spelled_out(found: re.Match[str]) -> str:
    registers = (f"%%{one.lower()}" for one in found[2].split("_")[1:])
    return f'"\\n{found[1].lower()} {", ".join(registers)}\\n"'


def _with_operands(found: re.Match[str]) -> str:
    """An instruction whose operands a macro names as ModR/M has them: first what VMREAD and VMWRITE
    take for the field, or what points to the only one."""
    name, *registers = (one.lower() for one in found.groups() if one)
    given = [f"%%r{one[1:]}" for one in registers]
    if name not in ("vmread", "vmwrite"):
        given = [f"({one})" for one in given[:1]]
    if name == "vmwrite":
        given.reverse()
    return f'"\\n{name} {", ".join(given)}\\n"'


def _instructions(template: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for line in re.split(r"[\n;]", template):
        if (match := _INSTRUCTION.match(line)) and match[1]:
            operands = re.split(r",(?![^(]*\))", match[2])
            yield match[1], tuple(one.strip().replace(" ", "") for one in operands if one.strip())


def _operands(section: str) -> Iterator[tuple[str, str, str]]:
    """(name, constraint, C text) of each operand; macros between them count as one operand."""
    for part in call_arguments(f"({section})", 0)[1]:
        if match := _OPERAND.match(part):
            end, _ = call_arguments(part, match.end() - 1)
            yield match[1] or "", match[2], part[match.end() : end - 1].strip()
        elif part.strip():
            inner = re.search(r"\(\s*(\w+)\s*\)\s*$", part)
            yield "", "", inner[1] if inner else part.strip()


def _named(operands: list[tuple[str, str, str]]) -> Iterator[tuple[str, str, str]]:
    for number, (name, constraint, value) in enumerate(operands):
        yield f"%{number}", constraint, value
        if name:
            yield f"%[{name}]", constraint, value
