"""What comments of assembly say is not done, and what capitals say is."""

from __future__ import annotations

import pytest

from vmxlint.facts import ENTRY_NAME
from vmxlint.reading import read_facts
from vmxlint.reading.source import SourceFile, Unit


def words(name: str, code: str) -> frozenset[str]:
    (facts,) = read_facts(Unit([SourceFile(name, code.encode())]))[0]
    return frozenset().union(*(one.words for one in facts.functions))


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("a.s", "\tmovl $1, %eax # nothing; vmresume\n"),
        ("a.asm", "    mov eax, 1 ; nothing; vmresume\n"),
    ],
)
def test_a_comment_enters_no_guest(name: str, line: str) -> None:
    head, end = ("f:\n", "") if name == "a.s" else ("f proc\n", "f endp\n")
    assert ENTRY_NAME not in words(name, head + line + end)
    assert ENTRY_NAME in words(name, head + line.partition("#")[0].partition(" ; ")[0] + "\n"
                               "    vmresume\n" + end)  # fmt: skip


def test_macros_of_an_s_file_are_known_before_its_comments() -> None:
    code = "#define CALL(f) \\\n\tcall f\nf:\n\tCALL(g) # h\n\tret\n"
    assert "g" in words("a.s", code)
    assert words("a.s", code) == words("a.S", code.replace(" # h", ""))


def test_masm_may_be_in_capitals() -> None:
    lower = "f proc\n    vmread rax, rcx\n    vmresume\n    ret\nf endp\n"
    upper = "f PROC\n    VMREAD RAX, RCX\n    VMRESUME\n    RET\nf ENDP\n"
    (plain,), (loud,) = (
        read_facts(Unit([SourceFile("a.asm", code.encode())]))[0] for code in (lower, upper)
    )
    assert [one.instructions for one in loud.asms] == [one.instructions for one in plain.asms]
    assert plain.asms
