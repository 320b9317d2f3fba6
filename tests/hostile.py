"""Code that means harm, written by no one: each shape in a file that starts like any other."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.command import forked
from tests.fixtures import ROOT

MANY = 200_000
MEMORY = 3 << 30  # bytes of address space that a run may have
ACCESSORS = """\
static inline unsigned long vmcs_readl(unsigned long field)
{
	unsigned long value;
	asm volatile("vmread %1, %0" : "=r"(value) : "r"(field));
	return value;
}
static inline void vmcs_writel(unsigned long field, unsigned long value)
{
	asm volatile("vmwrite %0, %1" : : "r"(value), "r"(field));
}
"""
SOUND = """\
#include "ops.h"
void vmx_vcpu_run(struct kvm_vcpu *vcpu)
{
	vmcs_writel(HOST_CR3, __read_cr3());
	hostile(vcpu);
	asm volatile("vmresume");
}
static struct kvm_x86_ops vmx_x86_ops = { .vcpu_run = vmx_vcpu_run };
"""
WRITE = "vmcs_writel(HOST_CR4, __read_cr4());"
FINDING = ("VMX106", "vmx.c", 4)  # what is found in SOUND, whatever stands beside it


def function(body: str) -> str:
    """A function of that body, which the run path calls."""
    return f'#include "ops.h"\nvoid hostile(struct kvm_vcpu *vcpu)\n{{\n{body}\n}}\n'


def nested(opening: str, closing: str, many: int = MANY, core: str = WRITE) -> str:
    """`core`, wrapped many times."""
    return function(opening * many + core + closing * many)


def value(before: str, inner: str = "1", behind: str = "", many: int = MANY) -> str:
    """An assignment of a value that many operators make."""
    return function(f"x = {before * many}{inner}{behind * many}; {WRITE}")


def macros(first: str, last: str, call: str, rounds: int = 30) -> str:
    """Macros `M0`, `M1` ... of one form, each of the next one, `N`, and a call of the first."""
    lines = [first.replace("M", f"M{n}").replace("N", f"M{n + 1}") for n in range(rounds)]
    return "\n".join((*lines, last.replace("M", f"M{rounds}"), function(f"{call}; {WRITE}")))


def constants(meaning: str) -> str:
    """Constants that each are made of the next one, and a field that is one of them."""
    return macros(f"#define M {meaning}", "#define M 9", "vmcs_writel(M0, 1)")


# Of each, many are in each other; what is not closed comes too.
NESTED = {
    "parentheses": value("(", "1", ")"),
    "open-parentheses": value("("),
    "closed-parentheses": value(")"),
    "brackets": value("a[", "1", "]"),
    "open-brackets": value("a["),
    "blocks": nested("{", "}"),
    "open-blocks": nested("{", ""),
    "closed-blocks": nested("", "}"),
    "lists": function(f"int x[] = {'{' * MANY}1{'}' * MANY}; {WRITE}"),
    "if": nested("if (a) ", ""),
    "if-blocks": nested("if (a){", "}"),
    "else-if": function("if(a);" + "else if(b);" * (MANY - 20_000) + "else " + WRITE),
    "while": nested("while(a)", ""),
    "for": nested("for(;;)", ""),
    "do": nested("do ", "") + "while(a);" * 1000,
    "switch": nested("switch(a)", ""),
    "labels": nested("a:", ""),
    "not": value("!", "a"),
    "minus": value("- ", "a"),
    "star": value("*", "a"),
    "casts": value("(u8)", "a"),
    "ternaries": value("a?b:", "c"),
    "ternaries-inside": value("a?", "b", ":c"),
    "and": value("a&&", "b"),
    "or": value("a||", "b"),
    "sum": value("a+", "b"),
    "commas": value("a,", "b"),
    "assignments": value("a=", "b"),
    "members": value("", "a", "->b"),
    "calls": value("f(", "1", ")"),
    "open-calls": value("f("),
    "calls-of-calls": value("", "f", "()"),
    "statement-expressions": value("({", "1;", "})"),
    "pointers": function(f"int {'*' * MANY}x; {WRITE}"),
    "declarators": f"int {'(*' * MANY}f{')(int)' * MANY};\n{function(WRITE)}",
    "structs": "struct{" * MANY + "int x;" + "}a;" * MANY + function(WRITE),
    "asm": nested("asm(", ""),
    "attributes": nested("__attribute__((", "", many=100_000),
    "strings": value('"', ""),
    "characters": value("'", ""),
    "comments": nested("/*", ""),
    "conditionals": function("\n#if A" * MANY + f"\n{WRITE}" + "\n#endif" * 80_000),
    "open-conditionals": function("\n#if A" * MANY + f"\n{WRITE}\n"),
    "endifs": function("\n#endif" * MANY + f"\n{WRITE}\n"),
    "elifs": function("\n#if A" + "\n#elif B" * MANY + f"\n{WRITE}\n#endif\n"),
}
# Much of one thing beside another.
LONG = {
    "cases": function(f"switch(x){{{''.join(f'case {n}:a;' for n in range(50_000))}{WRITE}}}"),
    "returns": function("".join(f"if(a{n})return;" for n in range(5_000)) + WRITE),
    "gotos": function("".join(f"l{n}:if(a)goto l{n * 7919 % 4000};" for n in range(4_000)) + WRITE),
    "writes": function(WRITE * 2_000),
    "reads": function("vmcs_readl(GUEST_RIP);" * 100),
    "functions": "".join(f"void f{n}(void){{f{n + 1}();g();f{n // 2}();}}" for n in range(20_000)),
    "names": function("a" * 1_900_000 + ";" + WRITE),
    "numbers": function("x = " + "9" * 1_900_000 + ";" + WRITE),
    "a-string": function('x = "' + "a" * 1_900_000 + '";' + WRITE),
    "line-ends": function("\\\n" * 900_000 + WRITE),
    "semicolons": function(";" * 1_900_000 + WRITE),
    "one-line": function("x = 1; " * 250_000 + WRITE),
    "too-long": function("x = 1; " * 750_000 + WRITE),
    "noise": "".join(chr(33 + n * n * 7919 % 90) for n in range(1_000_000)),
    "sums": constants(f"(N{'+N' * 40})"),
    "products": constants(f"(N{'*N' * 40})"),
    "shifts": constants("(1 << (1 << (1 << 1000000000000)))"),
    "wrappers": "".join(
        f"static void w{n}(long f){{w{n + 1}({'+'.join(['f'] * 40)});}}\n" for n in range(12)
    )
    + f"static void w12(long f){{vmcs_writel(HOST_CR4, f);}}\n{function('w0(1);')}",
}
MACROS = {
    "doubling": macros("#define M(x) N(x) N(x)", "#define M(x) b(x)", "M0(1)"),
    "doubling-constants": macros("#define M N + N", "#define M 1", "x = M0"),
    "doubling-names": macros("#define M(x) N(x##a) N(x##b)", "#define M(x) x();", "M0(f)"),
    "doubling-functions": macros(
        "#define M(x) N(x##a) N(x##b)", "#define M(x) void x(void) {}", "M0(f)"
    )
    + "M0(f)\n",
    "itself": f"#define A(x) A(x) A(x)\n#define B B + B\n{function('A(B);' + WRITE)}",
    "each-other": f"#define A(x) B(x) B(x)\n#define B(x) A(x) A(x)\n{function('A(1);' + WRITE)}",
    "nested-calls": f"#define A(x) a##x\n{value('A(', '1', ')', 20_000)}",
    "open-calls": f"#define A(x) a##x\n{value('A(', '1', '', 20_000)}",
    "much-of-an-argument": f"#define A(x) {'x ' * 1000}\n{value('A(', '1', ')', 8)}",
    "many": "".join(f"#define A{n} vmcs_readl(GUEST_RIP)\n" for n in range(20_000))
    + function("".join(f"x=A{n};" for n in range(50)) + WRITE),
    "a-long-chain": "".join(f"#define A{n} A{n + 1}\n" for n in range(50_000))
    + function(f"vmcs_writel(A0, 1); {WRITE}"),
    "continued": "#define A " + "\\\n" * 500_000 + function(WRITE),
    "parentheses-in-if": f"#if {'(' * MANY}1{')' * MANY}\n{function(WRITE)}\n#endif\n",
    "not-in-if": f"#if {'!' * MANY}1\n{function(WRITE)}\n#endif\n",
    "includes-itself": '#include "hostile.c"\n' + function('\n#include "hostile.c"\n' + WRITE),
}


def unit(folder: Path, hostile: bytes) -> Path:
    """A sound hypervisor, and a hostile file beside it."""
    folder.mkdir(exist_ok=True)
    (folder / "ops.h").write_text(ACCESSORS)
    (folder / "vmx.c").write_text(SOUND)
    (folder / "hostile.c").write_bytes(hostile)
    return folder


def vmxlint(*args: str | bytes | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[bytes]:
    """The command, with a bound on its memory, and bytes as they come out."""
    return forked(*args, cwd=cwd, memory=MEMORY)
