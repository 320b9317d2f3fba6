"""Time grows no faster than the code does: copies of a file, deep and wide call graphs, and what is
made on purpose to be slow. Ratios of processor time within one test, no absolute figures."""

from __future__ import annotations

import gc
import random
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from tests.fixtures import options
from tests.kernels import KVM, kernel
from tests.test_cli import BEFORE
from vmxlint.engine import run
from vmxlint.reading import read_facts
from vmxlint.reading.source import SourceFile, Unit

T = TypeVar("T")

pytestmark = pytest.mark.alone
SLACK = 1.8  # over linear growth: the machine's noise, and caches that a larger unit overflows
TRIES = 5  # noise spoils some of them; growth of another order spoils all
_DEFINED = re.compile(r"^(?:static[\w \t]*?|[\w \t*]+?)\b(\w+)\([^;{}]*\)\n\{", re.MULTILINE)


def seconds(step: Callable[[], object], rounds: int = 3) -> float:
    """The least processor time of some runs, without a garbage collector, as the command runs."""
    best = float("inf")
    for _ in range(rounds):
        gc.collect()
        gc.disable()
        try:
            began = time.process_time()
            step()
            best = min(best, time.process_time() - began)
        finally:
            gc.enable()
    return best


def grows_linearly(step: Callable[[T], object], small: T, large: T, growth: int) -> bool:
    """Whether one of some tries takes no longer for the large input than its size allows."""
    return any(
        is_linear(max(seconds(lambda: step(small)), 0.01), seconds(lambda: step(large), 1), growth)
        for _ in range(TRIES)
    )


def analyse(tree: Path) -> None:
    run([str(tree)], options())


def renamed(text: str, number: int) -> str:
    """The same code with all functions that it defines under other names."""
    names = {found[1] for found in _DEFINED.finditer(text)}
    pattern = re.compile(rf"\b({'|'.join(sorted(names))})\b")
    return pattern.sub(rf"\1_{number}", text)


def half(text: str) -> str:
    """The first half of a file, up to the end of a function."""
    return text[: text.find("\n}\n", len(text) // 2) + 3]


def grown(root: Path, folder: Path, file: str, copies: int) -> Path:
    """The unit with so many copies of one of its files, half of it for none."""
    tree = Path(shutil.copytree(root, folder / f"copies{copies}"))
    text = (tree / file).read_text("latin-1")
    if not copies:
        (tree / file).write_text(half(text), "latin-1")
    for number in range(1, copies):
        copy = (tree / file).with_name(f"copy{number}.c")
        copy.write_text(renamed(text, number), "latin-1")
    return tree


def is_linear(small: float, large: float, growth: float) -> bool:
    return large <= small * growth * SLACK


def test_the_generator_renames_every_function() -> None:
    text = "static int f(int a)\n{\n\treturn g(a) + h(a);\n}\n\nvoid g(void)\n{\n}\n"
    assert renamed(text, 2) == text.replace("f(", "f_2(").replace("g(", "g_2(")


@pytest.mark.slow
@pytest.mark.parametrize(("version", "file"), [("6.12", "vmx/nested.c"), ("5.0.1", "vmx/vmx.c")])
def test_copies_of_a_real_file(version: str, file: str, tmp_path: Path) -> None:
    """From half a file to sixteen of it: each step costs no more than the one before."""
    root = kernel(version) / KVM
    size = {n: grown(root, tmp_path, file, n) for n in (0, 1, 4, 16)}
    took = {n: seconds(lambda n=n: run([str(size[n])], options()), 1 if n > 4 else 2) for n in size}  # type: ignore[misc]
    base = took[1] - took[0]  # of half a file
    assert is_linear(max(2 * base, 0.1), took[4] - took[1], 3)
    assert is_linear((took[4] - took[1]) / 3, took[16] - took[4], 12)


def test_copies_of_our_own_file(tmp_path: Path) -> None:
    few, many = (grown(BEFORE, tmp_path, "vmx/vmx.c", n) for n in (4, 16))
    assert grows_linearly(analyse, few, many, 4)


def graph(folder: Path, functions: int, calls: int, is_cyclic: bool) -> Path:
    """The demo tree whose run loop also calls into so many functions that call each other."""
    tree = Path(shutil.copytree(BEFORE, folder / f"graph{functions}{is_cyclic}"))
    chance = random.Random(functions)  # noqa: S311
    code = ['#include "vmx.h"\n']
    for number in range(functions):
        code.append(f"void f{number}(struct kvm_vcpu *vcpu, int mode)\n{{\n")
        for bit in range(calls):
            first = 0 if is_cyclic else min(number + 1, functions - 1)
            callee = chance.randrange(first, functions)
            code.append(f"\tif (mode & {1 << bit % 8})\n\t\tf{callee}(vcpu, mode - {bit});\n")
        code.append(f"\tvmcs_write32(EXCEPTION_BITMAP, mode + {number});\n}}\n")
    (tree / "vmx" / "graph.c").write_text("".join(code))
    file = tree / "vmx" / "vmx.c"
    text = file.read_text("utf-8")
    start = "static void demo_vcpu_run(struct kvm_vcpu *vcpu)\n{\n"
    assert start in text
    file.write_text(text.replace(start, f"{start}\tf0(vcpu, 7);\n"))
    return tree


@pytest.mark.parametrize("is_cyclic", [False, True])
@pytest.mark.parametrize("functions", [400, pytest.param(2000, marks=pytest.mark.slow)])
def test_a_call_graph_of_twenty_calls_a_function(
    functions: int, is_cyclic: bool, tmp_path: Path
) -> None:
    small = graph(tmp_path, functions // 4, 20, is_cyclic)
    large = graph(tmp_path, functions, 20, is_cyclic)
    assert grows_linearly(analyse, small, large, 4)
    assert run([str(large)], options()).coverage.operations > functions


def read(code: str) -> None:
    read_facts(Unit([SourceFile("a.c", code.encode())]))


PURPOSE: dict[str, Callable[[int], str]] = {
    "nested #ifdef": lambda n: (
        "int f(void)\n{\n" + "#ifdef A\n\tg();\n" * n + "#endif\n" * n + "\treturn 0;\n}\n"
    ),
    "#ifdef in a row": lambda n: "int f(void)\n{\n" + "#ifdef A\n\tg();\n#endif\n" * n + "}\n",
    "strings of an asm": lambda n: (
        "void f(void)\n{\n\tasm volatile(" + '"vmwrite %0, %1\\n"\n' * n + "::);\n}\n"
    ),
    "attributes": lambda n: "__attribute__((" * n + "\n",
    "attributes in each other": lambda n: "__attribute__((" * 5 * n + "))" * 5 * n + "\n",
    "attributes of a macro": lambda n: "#define A " + "__attribute__((a)) " * n + "x\n",
    "attributes of each other": lambda n: (
        "".join(f"#define A{k}(x) A{k + 1}\n" for k in range(n)) + f"#define A{n}(x) __init\n"
    ),
    "open brackets": lambda n: "int f(void) { return " + "(" * n + ";}\n",
    "macro calls": lambda n: (
        "#define A(x) B(x) + B(x)\n#define B(x) C(x)\n" + "int v = A(1);\n" * n
    ),
    "else if": lambda n: "void f(int a)\n{\n" + "if (a) g(); else " * n + "g();\n}\n",
    "cases": lambda n: (
        "void f(int a)\n{\nswitch (a) {\n"
        + "".join(f"case {k}: g({k}); break;\n" for k in range(n))
        + "}\n}\n"
    ),
    "comments": lambda n: "/* a\n" * n,
    "quotes": lambda n: '"\n' * n + "'" * n,
}


@pytest.mark.parametrize("name", PURPOSE)
def test_what_is_made_to_be_slow(name: str) -> None:
    make = PURPOSE[name]
    assert grows_linearly(read, make(1000), make(4000), 4)
