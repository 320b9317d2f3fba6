"""What is kept of a file stays true where the file changes beside it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.fixtures import FIXTURES, PLAIN
from tests.test_cache import fresh, kept
from tests.test_cli import BEFORE
from vmxlint.cache import Store, opened
from vmxlint.facts import Body, Facts, Function
from vmxlint.flow import flow_of
from vmxlint.reading import Reading, read_facts
from vmxlint.reading.bodies import Bodies, Gaps
from vmxlint.reading.source import read_unit
from vmxlint.syntax import Reader

FACTS = FIXTURES / "facts"
FUNCTION = re.compile(r"\n(?:static )?\w[^\n;]*\n\{\n.*?\n\}\n", re.DOTALL)
MORE = """\
static unsigned long more(unsigned long field)
{
	unsigned long value;

	asm volatile("vmread %1, %0" : "=r"(value) : "r"(field));
	return value;
}

"""


def in_function(number: int, text: str) -> Callable[[str], str]:
    """Puts a text before the end of one of a file's functions."""

    def edit(code: str) -> str:
        end = list(FUNCTION.finditer(code))[number].end() - len("}\n")
        return code[:end] + text + code[end:]

    return edit


def without(number: int) -> Callable[[str], str]:
    """Removes one of a file's functions."""

    def edit(code: str) -> str:
        found = list(FUNCTION.finditer(code))[number]
        return code[: found.start()] + code[found.end() :]

    return edit


def last_first(code: str) -> str:
    """Puts the last function of a file before its first one."""
    first, *_, last = FUNCTION.finditer(code)
    return code[: first.start()] + last[0] + code[first.start() : last.start()] + code[last.end() :]


KINDS: dict[str, Callable[[str], str]] = {
    "a statement in the first function": in_function(0, "\tbarrier();\n"),
    "a statement in the last function": in_function(-1, "\tvmcs_writel(HOST_CR3, 0);\n"),
    "a function removed": without(1),
    "a function moved": last_first,
    "a function with assembly before all": lambda code: MORE + code,
    "a macro more": lambda code: "#define vmcs_readl(field) more(field)\n" + code,
    "a comment": lambda code: "/* one more */\n" + code,
    "the file empty": lambda code: "",
}


@pytest.mark.parametrize("name", ["vmx/vmx.c", "vmx/nested.c", "x86.c"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_run_after_a_change_says_what_a_fresh_one_says(
    kind: str, name: str, tmp_path: Path
) -> None:
    root, store = Path(shutil.copytree(BEFORE, tmp_path / "tree")), opened(str(tmp_path / "cache"))
    before, file = kept(root, store), root / name
    text = file.read_text()
    file.write_text(KINDS[kind](text))
    assert kept(root, store) == fresh(root)
    file.write_text(text)
    assert kept(root, store) == before


@pytest.mark.parametrize("root", sorted(one for one in FACTS.iterdir() if one.is_dir()), ids=str)
def test_what_is_moved_is_what_is_read(root: Path, tmp_path: Path) -> None:
    is_moved_as_read(Path(shutil.copytree(root, tmp_path / "tree")), tmp_path / "cache")


def test_what_stands_nowhere_is_not_moved(tmp_path: Path) -> None:
    root = tmp_path / "tree"
    root.mkdir()
    builds = "#if A\n#define R(n) one_##n()\n#else\n#define R(n) other_##n(0)\n#endif\n"
    (root / "vmx.c").write_text(builds + "static void run(void)\n{\n\tR(x);\n}\n")
    is_moved_as_read(root, tmp_path / "cache")


def is_moved_as_read(root: Path, cache: Path) -> None:
    """Bodies that are kept, and moved by more code before them, are those that are read anew."""
    store = opened(str(cache))
    read_whole(root, store)
    for file in root.rglob("*.c"):
        file.write_text(MORE + file.read_text())
    moved, gaps = read_whole(root, store)
    facts, bodies = read_facts(read_unit(root, PLAIN))
    for one in facts:
        for function in one.functions:
            assert moved.body(one, function) == bodies.body(one, function)
    assert gaps == bodies.gaps(facts)


def read_whole(root: Path, store: Store) -> tuple[Bodies, Mapping[str, Gaps]]:
    """A reading in which every body is asked for, to be kept."""
    reading = Reading(root, PLAIN, 1, store=store)
    files, bodies = reading.facts()
    for one in files:
        for function in one.functions:
            bodies.body(one, function)
    gaps = reading.gaps()
    reading.keep()
    return bodies, gaps


def names_read(root: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The functions whose bodies are not taken from what is kept."""
    found: list[str] = []
    read = Reader.body

    def body(self: Reader, facts: Facts, function: Function) -> Body:
        found.append(function.name)
        return read(self, facts, function)

    with monkeypatch.context() as patch:
        patch.setattr(Reader, "body", body)
        read_whole(root, store)
    return sorted(found)


def test_only_what_changed_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, store = tmp_path / "tree", opened(str(tmp_path / "cache"))
    shutil.copytree(FACTS / "x_macros", root)
    assert "read_field" in names_read(root, store, monkeypatch)
    assert names_read(root, store, monkeypatch) == []
    code = (root / "vmx.c").read_text()
    (root / "vmx.c").write_text("/* one more */\n" + in_function(1, "\tbarrier();\n")(code))
    assert names_read(root, store, monkeypatch) == ["handle_hlt"]
    (root / "fields.h").write_text("FIELD(1, TSC_OFFSET)\nFIELD(2, VMCS_LINK_POINTER)\n")
    assert names_read(root, store, monkeypatch) == ["read_field"]
    (root / "vmx.c").write_text(MORE + code)
    assert names_read(root, store, monkeypatch) == ["more"]
    (root / "vmx.c").write_text(MORE.replace("more", "another") + MORE + code)
    assert names_read(root, store, monkeypatch) == ["another", "more"]


def test_what_a_macro_makes_spans_its_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, file = opened(str(tmp_path / "cache")), tmp_path / "tree" / "vmx.c"
    file.parent.mkdir()
    macro = "#define MAKE(name) static void name(void) { vmcs_writel(HOST_CR3, 0); }\n"
    for call, read in (
        ("MAKE(one)", ["MAKE", "one"]),
        ("\n\nMAKE(one)", []),
        ("MAKE(one  )", ["one"]),
    ):
        file.write_text(f"{macro}{call}\n")
        assert names_read(file.parent, store, monkeypatch) == read


def test_a_value_that_is_tested_and_used_is_read_once(tmp_path: Path) -> None:
    root, store = tmp_path / "tree", opened(str(tmp_path / "cache"))
    root.mkdir()
    code = "static u64 run(void)\n{\n\treturn vmcs_readl(GUEST_RIP) ?: vmcs_readl(HOST_RIP);\n}\n"
    (root / "vmx.c").write_text(code)
    for _ in range(2):
        (bodies, _), (facts, _) = read_whole(root, store), read_facts(read_unit(root, PLAIN))
        sites = flow_of(bodies.body(facts[0], facts[0].functions[0])).sites
        assert [one.kind for one in sites] == ["", "", "return"]
