"""The forms of a budget: JSON, folded stacks, speedscope, HTML, the table; and the command."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.command import vmxlint
from tests.documents import validate
from tests.fixtures import FIXTURES, ROOT, options
from tests.kernels import KVM, kernel
from tests.test_budget import tree
from tests.test_cli import vmxlint as interpreted
from vmxlint.budget import Budget, compared
from vmxlint.engine import budget
from vmxlint.reporters import (
    budget_folded,
    budget_html,
    budget_json,
    budget_speedscope,
    budget_text,
)
from vmxlint.reporters.cycles import two_digits

BEFORE, AFTER = FIXTURES / "kvm_before", FIXTURES / "kvm_after"
HOSTILE = "a;<script>alert(1)</script>\x1b[31m\u202e&\"'"
VOID = {"meta", "rect", "line"}


@pytest.fixture(scope="module")
def before() -> Budget:
    return budget(str(BEFORE), options())


@pytest.fixture(scope="module")
def after() -> Budget:
    return budget(str(AFTER), options())


def valid(document: str, schema: str) -> Any:
    data = json.loads(document)
    validate(data, schema)
    return data


def test_json_keeps_its_contract(before: Budget, after: Budget) -> None:
    data = valid(budget_json.render(before), "budget-v1.schema.json")
    shares = {one["context"]: one["share"] for one in data["paths"]}
    assert shares["exit:MSR_WRITE"] == pytest.approx(0.354, abs=0.001)
    assert shares["entry"] is None
    assert 500 < data["average_exit"]["cycles"]["typical"] < 2000
    changes = compared(before, after)
    difference = valid(
        budget_json.render_difference(before, after, changes), "budget-v1.schema.json"
    )
    by_context = {one["context"]: one for one in difference["changes"]}
    assert by_context["exit"]["delta"]["typical"] < 0
    assert by_context["exit:MCE_DURING_VMENTRY"]["after"] is None


def test_steps_name_their_place(before: Budget) -> None:
    for path in before.paths:
        for step in path.steps:
            if step.place is not None:
                line = (BEFORE / step.place.path).read_text("utf-8").split("\n")
                assert 1 <= step.place.line <= len(line)


def test_folded_stacks_have_one_integer_and_no_stray_semicolon(before: Budget) -> None:
    for line in budget_folded.render(before).splitlines():
        assert re.fullmatch(r"[^;]+(;[^;]+)* [1-9]\d*", line), line
        assert line.split(";")[0].endswith("[modelled]")


def test_rounding_keeps_the_sum() -> None:
    assert budget_folded.rounded([0.4, 0.4, 0.4]) == [1, 0, 0]
    assert budget_folded.rounded([1.5, 2.5, 3.0]) == [2, 2, 3]
    assert budget_folded.rounded([]) == []


def test_speedscope_files_keep_to_the_format(before: Budget) -> None:
    data = valid(budget_speedscope.render(before, "some tree"), "speedscope.schema.json")
    frames = len(data["shared"]["frames"])
    for profile in data["profiles"]:
        assert len(profile["samples"]) == len(profile["weights"])
        assert all(number < frames for sample in profile["samples"] for number in sample)
        assert profile["endValue"] == pytest.approx(sum(profile["weights"]))


class Page(HTMLParser):
    """Collects what a page is made of, and that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_no_script_and_no_network(before: Budget, after: Budget) -> None:
    difference = budget_html.render_difference(after, compared(before, after), ["old", "new"])
    for text in (budget_html.render(before, "some tree"), difference):
        page = Page(text)
        assert not page.open
        assert not page.tags & {"script", "link", "img", "iframe", "object", "form", "a"}
        assert not [name for name, _ in page.attributes if name.startswith("on") or name == "src"]
        assert not [name for name, _ in page.attributes if name in ("href", "style")]
        assert ("content", budget_html.POLICY) in page.attributes
        assert "url(" not in text
        assert "@import" not in text


def test_the_picture_says_what_it_is_of(before: Budget) -> None:
    text = budget_html.render(before, "some tree")
    pictures = re.findall(r"<svg viewBox.*?</svg>", text, re.DOTALL)
    assert len(pictures) == 4
    for picture in pictures:
        head = re.search(r'<text class="head"[^>]*>(.*?)</text>', picture)
        assert head is not None
        for word in ("modelled", "not measured", "skylake", "cpu_bound_sysbench"):
            assert word in head[1]


def test_a_long_head_takes_several_lines(before: Budget) -> None:
    named = replace(before, cpu=f"skylake, rows of {'m' * 90}.toml", profile=f"{'p' * 200}.txt")
    text = budget_html.render(named, "some tree")
    for picture in re.findall(r"<svg viewBox.*?</svg>", text, re.DOTALL):
        lines = re.findall(r'<text class="head" x="8" y="(\d+)">(.*?)</text>', picture)
        assert max(len(line) for _, line in lines) <= 149
        said = "".join(line for _, line in lines).replace(" ", "")
        for word in ("modelled", "notmeasured]", f"{'m' * 90}.toml", f"profile{'p' * 200}.txt"):
            assert word in said
        first = re.search(r'<rect x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="23"', picture)
        assert first is not None
        assert float(first[1]) > max(int(top) for top, _ in lines)


@pytest.mark.parametrize("profile", ["cpu_bound_sysbench", "p" * 400])
def test_boxes_stay_inside_the_picture_and_their_row(before: Budget, profile: str) -> None:
    text = budget_html.render(replace(before, profile=profile), "some tree")
    for picture in re.findall(r"<svg viewBox.*?</svg>", text, re.DOTALL):
        size = re.search(r'viewBox="0 0 (\d+) (\d+)"', picture)
        assert size is not None
        rows: dict[float, list[tuple[float, float]]] = {}
        for box in re.findall(
            r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="23"', picture
        ):
            left, top, width = map(float, box)
            assert left + width <= int(size[1])
            assert top + 23 <= int(size[2])
            rows.setdefault(top, []).append((left, left + width))
        for boxes in rows.values():
            for (_, end), (start, _) in zip(sorted(boxes), sorted(boxes)[1:], strict=False):
                assert end <= start + 0.1


def test_strings_of_strangers_are_harmless(tmp_path: Path) -> None:
    found = tree(tmp_path, 'put(v->host_rsp + sizeof("<b>;\x1b"), 1);', "", "")
    page = Page(budget_html.render(found, HOSTILE))
    assert "script" not in page.tags
    assert "b" not in page.tags or "<b>;" not in budget_html.render(found, HOSTILE)
    for text in (
        budget_text.render(found, HOSTILE, color=False),
        budget_html.render(found, HOSTILE),
        budget_folded.render(found),
        budget_speedscope.render(found, HOSTILE),
        budget_json.render(found),
    ):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert all(line.count(";") < 10 for line in budget_folded.render(found).splitlines())


def test_the_table_is_plain_and_whole_without_a_terminal(before: Budget) -> None:
    text = budget_text.render(before, "some tree", color=False)
    assert "\x1b" not in text
    assert "…" not in text
    assert "modelled, not measured" in text.split("\n")[0]
    for path in before.paths:
        assert f"\n{path.context} " in text
    assert "not priced" in text
    assert "\x1b[" in budget_text.render(before, "some tree", color=True)


@pytest.mark.parametrize("width", [60, 100, 140, 300])
def test_the_table_fits_its_terminal(before: Budget, width: int) -> None:
    text = budget_text.render(before, "some tree", color=False, width=width)
    table = text.split("\n\n")[0].split("\n")[1:]
    assert all(len(line) <= width for line in table)
    assert ("Columns are left out" in text) == (width < 140)
    assert (
        all(
            re.search(rf"^{path.context} .* ~\d", text, re.MULTILINE)
            for path in before.paths
            if path.cycles.high
        )
        or width == 60
    )


def test_the_command_prints_and_writes_the_same(tmp_path: Path) -> None:
    for form in ("text", "json", "folded", "speedscope", "html"):
        done = vmxlint("budget", BEFORE, "--format", form)
        assert (done.returncode, done.stderr) == (0, "")
        file = tmp_path / form
        silent = vmxlint("budget", BEFORE, "--format", form, "-o", file, "-j", "2")
        assert (silent.returncode, silent.stdout, silent.stderr) == (0, "", "")
        assert file.read_text("utf-8") == done.stdout


def test_a_rate_of_exits_gives_the_part_of_a_core() -> None:
    text = vmxlint("budget", BEFORE, "--exits-per-second", "50000").stdout
    assert re.search(r"An average exit .* % of a core .* at 50000 VM-exits/s", text)
    given = ("budget", BEFORE, "--exits-per-second", "50000", "--format", "json")
    load = json.loads(vmxlint(*given).stdout)["average_exit"]["load"]
    assert load["exits_per_second"] == 50000
    assert 0 < load["part_of_a_core"]["low"] < 1


def test_what_is_counted_without_a_price_is_a_difference(tmp_path: Path) -> None:
    load = 'static void load(void *p) { asm volatile("vmptrld %0" : : "m"(p)); }'
    found = tree(tmp_path, "", "", load), tree(tmp_path, "load(v->bits);", "", load)
    changes = compared(*found)
    text = budget_text.render_difference(found[1], changes, ["old", "new"], color=False)
    assert re.search(r"^entry +0 +not priced +not priced +VMPTRLD \+1.0$", text, re.MULTILINE)
    assert "1 path costs the same." in text
    assert "(grade X): VMPTRLD" in text
    page = budget_html.render_difference(found[1], changes, ["old", "new"])
    assert "<td>VMPTRLD +1.0</td>" in page.replace(' class="left"', "")
    assert "(grade X): VMPTRLD" in page
    same = budget_text.render_difference(found[1], compared(found[1], found[1]), "ab", color=False)
    assert "VMPTRLD +" not in same


def test_two_trees_are_compared_by_the_command() -> None:
    done = vmxlint("budget", BEFORE, AFTER)
    assert done.returncode == 0
    assert re.search(r"^exit +~\d+ +~\d+ +-\d+ ", done.stdout, re.MULTILINE)
    same = vmxlint("budget", BEFORE, BEFORE)
    assert "cost the same" in same.stdout
    assert json.loads(vmxlint("budget", BEFORE, AFTER, "--format", "json").stdout)["changes"]


WRONG = {
    ("budget",): "PATH",
    ("budget", str(BEFORE), str(AFTER), str(BEFORE)): "budget takes one path",
    ("budget", "no-such-folder"): "no-such-folder",
    ("budget", str(BEFORE), "--cpu", "z80"): "z80",
    ("budget", str(BEFORE), "--profile", "nobody"): "nobody",
    ("budget", str(BEFORE), "--format", "folded", str(AFTER)): "folded",
    ("budget", str(BEFORE), "-o", "no-such-folder/file"): "no-such-folder",
    ("budget", str(ROOT / "tests" / "schemas")): "nothing in",
}


@pytest.mark.parametrize("arguments", WRONG)
def test_wrong_input_is_one_clear_line(arguments: tuple[str, ...]) -> None:
    done = vmxlint(*arguments)
    assert done.returncode == 2
    assert not done.stdout
    last = done.stderr.strip().split("\n")[-1]
    assert WRONG[arguments] in last
    assert "Traceback" not in done.stderr


def test_rich_is_imported_only_for_the_table() -> None:
    done = interpreted("budget", BEFORE, "--format", "json", PYTHONPROFILEIMPORTTIME="1")
    assert " vmxlint.budget" in done.stderr
    assert " rich" not in done.stderr
    assert " sarif_om" not in done.stderr


def test_deep_calls_and_tests_end_without_a_traceback(tmp_path: Path) -> None:
    calls = "".join(
        f"static void f{n}(struct vcpu *v) {{ if (v->mode) f{n - 1}(v); put(GUEST_RIP, 1); }}\n"
        for n in range(1, 600)
    )
    helpers = f"static void f0(struct vcpu *v) {{ put(GUEST_RSP, 1); }}\n{calls}"
    found = tree(tmp_path, "f599(v);", "", helpers).path("entry")
    assert found is not None
    assert found.operations["vmwrite"].max >= 100


# By hand: the VMREADs from the exit to the end of the handler, of an L1 guest with PML, virtual
# NMIs and APICv, no event under way. Common: EXIT_REASON, IDT_VECTORING_INFO, PML index; 5.0.1
# always, else for interrupts, INTR_INFO. Instructions: RFLAGS, RIP, its length, interruptibility.
BY_HAND = {
    ("5.0.1", "EXTERNAL_INTERRUPT"): 4,
    ("5.0.1", "CPUID"): 8,
    ("5.0.1", "HLT"): 8,
    ("5.3.1", "EXTERNAL_INTERRUPT"): 4,
    ("5.3.1", "CPUID"): 7,
    ("5.3.1", "HLT"): 7,
    ("6.12", "EXTERNAL_INTERRUPT"): 4,
    ("6.12", "CPUID"): 7,
    ("6.12", "HLT"): 7,
}


@cache
def of_kernel(version: str) -> Budget:
    return budget(str(kernel(version) / KVM), options())


@pytest.mark.parametrize("version", ["5.0.1", "5.3.1", "6.12"])
def test_the_plain_exit_path_is_counted_as_a_person_counts(version: str) -> None:
    found = of_kernel(version)
    entry = found.path("entry")
    assert entry is not None
    for (tree_version, reason), vmreads in BY_HAND.items():
        if tree_version == version:
            path = found.path(f"exit:{reason}")
            assert path is not None
            one, common = path.operations["vmread"], entry.operations["vmread"]
            assert one.min <= vmreads <= one.max
            assert one.expected - common.expected == pytest.approx(vmreads, abs=1.8)


def test_the_43_patch_series_saves_about_what_it_claims() -> None:
    """Nested vmexit.flat, cpuid: 14886 to 13142, "VMX optimizations", kvm list, 2019-06."""
    changes = compared(of_kernel("5.0.1"), of_kernel("5.3.1"))
    (change,) = [one for one in changes if one.context == "nested-round-trip"]
    assert 1744 / 1.5 <= -change.delta.typical <= 1744 * 1.5
    assert change.delta.low <= -1744 <= change.delta.high
    least, most, typical = (two_digits(-change.delta[one]) for one in (2, 0, 1))
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    assert f"the budget says {least} to {most}, {typical} typically" in readme


def test_calls_that_fan_out_end_soon_and_stay_finite(tmp_path: Path) -> None:
    calls = "".join(
        f"static void f{n}(struct vcpu *v, int a) {{ {f'f{n - 1}(v, {n}); ' * 40} g{n - 1}(v, a);"
        f" put(GUEST_RIP, a); }}\nstatic void g{n}(struct vcpu *v, int a) {{ f{n - 1}(v, a); }}\n"
        for n in range(1, 120)
    )
    first = "static void f0(struct vcpu *v, int a) { put(GUEST_RSP, a); }\n"
    helpers = f"{first}static void g0(struct vcpu *v, int a) {{ }}\n{calls}"
    found = tree(tmp_path, "f119(v, 1);", "", helpers)
    path = found.path("entry")
    assert path is not None
    assert path.operations["vmwrite"].max == pytest.approx(1e6)
    assert path.cycles.high < 1e12
    assert len(path.steps) < 20_000
    budget_html.render(found, "fan")
