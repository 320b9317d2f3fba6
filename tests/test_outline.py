"""Functions that are found by their text are those that the parser finds, and nothing gets lost in
the bodies that nobody reads."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fixtures import FIXTURES, PLAIN, options
from vmxlint.cache import opened
from vmxlint.engine import run
from vmxlint.facts import Facts
from vmxlint.reading import Reading, examined, read_facts, read_part
from vmxlint.reading.source import SourceFile, Unit, read_unit
from vmxlint.syntax import outline

HEADS = st.sampled_from(
    [
        "int {}(void)",
        "static int {}(struct kvm_vcpu *vcpu)",
        "static inline unsigned long {}(unsigned long field, u64 value)",
        "void {}(struct kvm_vcpu *vcpu, unsigned nr, bool has_error, const void *data)",
        "static const struct vmcs12 *{}(struct vcpu_vmx *vmx, enum exit *exits)",
        "unsigned long long\n{}(unsigned long long a, long b)",
        "u32\n{}(u32 a,\n    u32 *b, long)",
        "static __always_inline bool {}(struct kvm_vcpu *vcpu, ...)",
        "int {}(int (*handler)(struct kvm_vcpu *), u8 buffer[16], u64 banks[])",
        "int {}(struct kvm_vcpu * const vcpu, char const *name)",
        "struct { int a; } {}(void)",
        "else_t {}(short s, int)",
        "FNAME({})(int a)",
        "__init int {}(int __user *a)",
        "int {}()",
        "thread_local {}(constexpr a)",
        "u8 {}(char *NULL, char *__restrict__)",
    ]
)
STATEMENTS = st.sampled_from(
    [
        "\treturn;\n",
        '\tprintk("}{ %d\\n", 1);\n',
        "\tif (a) {\n\t\tb();\n\t}\n",
        "out:\n\tb();\n",
        "#ifdef CONFIG_X\n\tb();\n#else\n\tc();\n#endif\n",
        "#ifdef CONFIG_X\n\tif (a) {\n#endif\n\tb();\n#ifdef CONFIG_X\n\t}\n#endif\n",
        "\tswitch (a) {\n\tcase 1:\n\t\tbreak;\n\t}\n",
        "b();\n",
        "{\n\tb();\n}\n",
        "\tchar c = '{';\n",
        '\tasm volatile("vmread %1, %0" : "=r"(a) : "r"(b));\n',
        "\tstruct x y = {\n\t\t.a = 1,\n\t};\n",
        "\t@ $ not C\n",
        "\tlist_for_each_entry(a, b, c) {\n\t\td();\n\t}\n",
    ]
)
FRAMES = st.sampled_from(
    [
        "\n{\n%s}\n",
        "\n{\n%s\t}\n\tint g(void) {\n}\n",
        " {\n%s}\n",
        "\n{\n%s}",
        " { %s }\n",
        "\n  {\n%s  }\n",
    ]
)
BETWEEN = st.sampled_from(
    [
        "",
        "\n",
        "static int table[] = {\n\t1,\n};\n",
        "#define X(a) do { a; } while (0)\n",
        "EXPORT_SYMBOL_GPL(f);\n",
        "module_init(f)\n",
        "struct s {\n\tint a;\n};\n",
        "int declared(int a);\n",
        "/* } */\n",
    ]
)


@st.composite
def sources(draw: st.DrawFn) -> str:
    """Functions one after the other, each in a style of its own."""
    parts = []
    for number in range(draw(st.integers(1, 5))):
        head = draw(HEADS).replace("{}", f"f{number}")
        body = "".join(draw(st.lists(STATEMENTS, max_size=4)))
        parts += [head, draw(FRAMES) % body, draw(BETWEEN)]
    return "".join(parts)


def facts_of(source: str) -> Facts:
    return read_facts(Unit([SourceFile("a.c", source.encode())]))[0][0]


def by_the_parser(source: str) -> Facts:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outline, "plain_functions", lambda code: ())
        return facts_of(source)


def in_bodies(facts: Iterable[Facts]) -> list[Facts]:
    """The Facts without their gaps, which are told of bodies elsewhere."""
    return [one._replace(gaps=()) for one in facts]


@given(sources())
def test_the_text_says_what_the_parser_says(source: str) -> None:
    parsed = by_the_parser(source)
    if not parsed.gaps:
        assert facts_of(source) == parsed


@pytest.mark.parametrize("name", sorted(one.name for one in FIXTURES.iterdir() if one.is_dir()))
def test_the_text_says_it_of_fixtures(name: str) -> None:
    unit = read_unit(FIXTURES / name, PLAIN)
    found = in_bodies(read_facts(unit)[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outline, "plain_functions", lambda code: ())
        assert found == in_bodies(read_facts(unit)[0])


BROKEN = "int nobody_calls_this(int a)\n{\n\tb();\n\t@ $ not C;\n\treturn a;\n}\n"


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_nobody_reads_is_looked_through(
    jobs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vmxlint.reading.PARALLEL_FROM", 0)
    root, known = Path(shutil.copytree(FIXTURES / "kvm_before", tmp_path / "kvm")), options()
    (root / "broken.c").write_text(BROKEN)
    store = opened(str(tmp_path / "cache"))
    for comment in ("", "", "/* a comment */\n"):
        (root / "other.c").write_text(comment)
        reading = Reading(root, PLAIN, jobs, store=store)
        report = run([str(root)], replace(known, begun={root: reading}))
        places = [(one.path, one.line) for one in report.coverage.not_understood]
        assert ("broken.c", 4) in places
        reading.keep()


def test_what_one_process_reads_and_then_examines_is_told(tmp_path: Path) -> None:
    """Each Function of its reading is gone when the next ones are made in its place."""
    lines = "int bad{0}(int a)\n{{\n\t@ $ not C;\n}}\nint good{0}(int a)\n{{\n\t__A();\n}}\n"
    (tmp_path / "a.c").write_text("".join(lines.format(number) for number in range(100)))
    dialect = PLAIN
    unit = read_unit(tmp_path, dialect)
    with ProcessPoolExecutor(1, get_context("fork")) as pool:
        work = (str(tmp_path), dialect.id, unit.digest)
        part = pool.submit(read_part, *work, ["a.c"]).result()
        gaps = pool.submit(examined, *work, part.read).result().gaps["a.c"]
        (tmp_path / "a.c").write_text("")
        changed = (str(tmp_path), dialect.id, b"")
        assert not pool.submit(examined, *changed, part.read).result().gaps
    assert gaps == read_facts(unit)[1].gaps(read_facts(unit)[0])["a.c"]


def test_what_is_read_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text(
        BROKEN.replace("b();", 'asm("vmread %1, %0" : "=r"(a) : "r"(b));')
    )
    report = run([str(tmp_path)], options())
    places = [one.line for one in report.coverage.not_understood]
    assert places and len(places) == len(set(places))


@pytest.mark.alone
@pytest.mark.parametrize(
    "piece",
    [
        b"int f(void)\n{\n",
        b"int f(void)\n{\n\n}}",
        b"int f(void) {{\n}",
        b") {",
        b") ",
        b"int f(int a, int b, int c, ",
        b"int f(void)\n{\n\t}\nout:\n}",
        b"x\n}",
    ],
)
def test_time_grows_with_the_text(piece: bytes) -> None:
    def seconds(size: int) -> float:
        text = piece * (size // len(piece)) + b"\n}"
        start = time.process_time()
        outline.plain_functions(text)
        return time.process_time() - start

    assert seconds(1_000_000) < 1.5


@pytest.mark.alone
@pytest.mark.parametrize(
    "source",
    [
        "u f(){}\nx;\n" * 150_000,
        "{" * 120_000 + "\n#if A\n#endif" + "\n}{" * 120_000 + "\n#if A\n#endif\n",
    ],
    ids=["functions-and-words", "blocks-and-conditionals"],
)
def test_a_file_of_much_is_read_in_time(source: str) -> None:
    assert not [one for one in facts_of(source).gaps if "takes longer" in one.reason]
