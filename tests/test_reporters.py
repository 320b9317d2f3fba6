"""The three output formats, from a report made by hand.

schemas/sarif-2.1.0.schema.json is the OASIS schema as npm's @microsoft/sarif-multitool-linux 5.7.0
carries it (sarif-2.1.0.json, MIT licence, sha256 1c49a0f2b604...). It differs from OASIS errata 01
in taking a region without startLine, so that is tested here by hand.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.documents import validate
from vmxlint.findings import Cost, Finding, Location, Related, Term
from vmxlint.interval import NOTHING, ONCE, Interval, exactly
from vmxlint.report import Coverage, NotUnderstood, Report
from vmxlint.reporters import json_v1, sarif, text
from vmxlint.reporters.cycles import in_words
from vmxlint.reporters.escape import escape, well_formed
from vmxlint.reporters.frame import COLUMNS, frame
from vmxlint.reporters.sarif_places import physical, sentence

SGR = re.compile(r"\x1b\[[0-9;]*m")
MARKDOWN_LINK = re.compile(r"\[[^\]]*\]\([^)]*\)")
TOGGLE = b"\t\tvmcs_set_bits(PIN_BASED_VM_EXEC_CONTROL,"
EVIL = "x\x1b[2J\n::error::\u202e[click](command:evil){0}"
EVIL_PATH = "::error::a\udcff\n[b](c)\u202e.c"


@dataclass(frozen=True)
class Rule:
    id: str
    name: str
    severity: str
    tier: str
    summary: str
    manual: str


RULES = (
    Rule("VMX100", "never-fires", "note", "audit", "A rule that never fires.", "It never fires."),
    Rule(
        "VMX101",
        "control-toggle",
        "warning",
        "default",
        "A VM-execution control is toggled on the way into the guest.",
        "A control is toggled\non the hot path.\n\n    if (x) { ops[i](vcpu); }\n",
    ),
    Rule("VMX302", "cache-dropped-on-switch", "error", "default", "A cache is dropped.", "Why."),
)

COST = Cost(
    per_exit=Interval(22.4, 38.217, 76),
    per_nested_round_trip=Interval(231, 402, 815),
    unit="VM-entry",
    magnitude=None,
    grade="B",
    cpu="skylake",
    profile="cpu_bound_sysbench",
    sources=("seed changelog 1", "agner"),
)

PLAIN = Finding(
    rule="VMX101",
    name="control-toggle",
    severity="warning",
    tier="default",
    location=Location("vmx/vmx.c", 6328, 3, 6328, 16, TOGGLE),
    function="vmx_arm_hv_timer",
    message="vmx_arm_hv_timer() toggles 'PIN_BASED_VM_EXEC_CONTROL' on the VM-entry path",
    label="the next VM-entry repeats all consistency checks",
    help="leave the control alone and write the largest timer value; vmxlint rule VMX101",
    call_path=("vmx_vcpu_run", "vmx_update_hv_timer", "vmx_arm_hv_timer"),
    call_sites=(
        Location("vmx/vmx.c", 6565, 2, 6565, 27, b"\tvmx_update_hv_timer(vcpu);"),
        Location("vmx/vmx.c", 6340, 3, 6340, 27, b"\t\tvmx_arm_hv_timer(vmx, 0);"),
    ),
    contexts=("entry",),
    conditions=(),
    cost=COST,
    related=(),
    fingerprint="0123456789abcdef",
)

# Beyond the BMP before and in the span, CRLF, several lines, conditions.
WIDE = PLAIN._replace(
    location=Location("vmx/nested.c", 7, 14, 9, 4, '\tf("\U0001f600é", \U0001f600);\r'.encode()),
    function=None,
    conditions=("enable_ept", "a || b"),
    related=(Related(PLAIN.location, "first written here"),),
)

HOSTILE = PLAIN._replace(
    rule="VMX302",
    severity="error",
    location=Location(EVIL_PATH, 1, 1, 1, 5, b"f(x)\x1b]0;\xff\xe2\x80\xae ##[error] ##vso[x]"),
    function=EVIL,
    message=EVIL,
    label=EVIL,
    help=EVIL,
    call_path=(EVIL, "b"),
    call_sites=(Location(EVIL_PATH, 2, 1, 2, 1, b""),),
    contexts=(EVIL,),
    conditions=(EVIL,),
    cost=COST._replace(profile=EVIL, sources=(EVIL,)),
    related=(Related(Location(EVIL_PATH, 2, 1, 2, 1, b""), EVIL),),
    fingerprint="f" * 16,
)

COVERAGE = Coverage(45, 730, 690, (NotUnderstood(EVIL_PATH, 3, EVIL),))


def report(*findings: Finding, coverage: Coverage = COVERAGE) -> Report:
    prefixes = {"vmx/vmx.c": "linux/arch/x86/kvm/vmx/vmx.c"}
    return Report(findings, coverage, prefixes, "skylake", "cpu_bound_sysbench")


def lines(*findings: Finding) -> list[str]:
    return text.render(report(*findings), color=False).splitlines()


def run(*findings: Finding, rules: tuple[Rule, ...] = RULES, **kwargs: Coverage) -> Any:
    """The one run of the rendered SARIF, once its schema is known to hold."""
    log = json.loads(sarif.render(report(*findings, **kwargs), rules))
    validate(log, "sarif-2.1.0.schema.json")
    assert list(log) == ["runs", "version", "$schema"]
    (only,) = log["runs"]
    return only


def walk(node: Any) -> Iterator[Any]:
    """Every object and string in a JSON document."""
    yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from walk(child)


# Escaping


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain é \U0001f600 \\x41", "plain é \U0001f600 \\x41"),
        ("\x1b[31m\x07\t\n\r\x7f", r"\x1b[31m\x07\x09\x0a\x0d\x7f"),
        ("\x85\x9b", r"\u0085\u009b"),
        (
            "\u202a\u202e\u2066\u2069\u200e\u200f\u061c",
            r"\u202a\u202e\u2066\u2069\u200e\u200f\u061c",
        ),
        ("\u2028\u2029\ufeff\u200b", r"\u2028\u2029\ufeff\u200b"),
        ("a\udcffb", r"a\xffb"),
        ("\ud800", r"\ud800"),
        (b"\xc3\xa9 \xff \xc3", r"é \xff \xc3"),
        ("a[i] #[x] ##[error] ##vso[x]", r"a[i] #[x] ##\x5berror] ##vso\x5bx]"),
    ],
)
def test_escape(raw: str | bytes, shown: str) -> None:
    assert escape(raw) == shown


@given(st.one_of(st.binary(), st.text(st.characters())))
def test_escaped_text_is_printable_and_stays_as_it_is(raw: str | bytes) -> None:
    shown = escape(raw)
    assert shown.encode().decode() == shown == escape(shown)
    assert len(shown.splitlines()) <= 1 and not re.search(
        "[\x00-\x1f\x7f-\x9f\u202a-\u202e]", shown
    )


def test_well_formed_text_keeps_what_json_can_carry() -> None:
    assert well_formed("\x1b\n\u202e") == "\x1b\n\u202e"
    assert well_formed("\udc80") == r"\x80"


# Text


def test_text_in_the_form_of_the_design() -> None:
    assert text.render(report(PLAIN), color=False) == (
        "linux/arch/x86/kvm/vmx/vmx.c:6328:3: warning: vmx_arm_hv_timer() toggles"
        " 'PIN_BASED_VM_EXEC_CONTROL' on the VM-entry path [VMX101]\n"
        " 6328 |                 vmcs_set_bits(PIN_BASED_VM_EXEC_CONTROL,\n"
        "      |                 ^~~~~~~~~~~~~ the next VM-entry repeats all consistency checks\n"
        "      = cost: ~38 cycles per VM-entry (22-76), ~400 per nested round trip (230-820)"
        " [skylake, modelled, grade B]\n"
        "      = source: profile cpu_bound_sysbench; seed changelog 1; agner\n"
        "      = path: vmx_vcpu_run() -> vmx_update_hv_timer() -> vmx_arm_hv_timer()\n"
        "      = help: leave the control alone and write the largest timer value;"
        " vmxlint rule VMX101\n"
    )


def test_text_with_conditions_notes_and_wide_characters() -> None:
    assert lines(WIDE) == [
        "vmx/nested.c:7:14: warning: vmx_arm_hv_timer() toggles"
        " 'PIN_BASED_VM_EXEC_CONTROL' on the VM-entry path [VMX101]",
        ' 7 |         f("\U0001f600é", \U0001f600);',
        "   |                  ^~~~ the next VM-entry repeats all consistency checks",
        "   = cost: " + in_words(COST),
        "   = source: profile cpu_bound_sysbench; seed changelog 1; agner",
        "   = path: vmx_vcpu_run() -> vmx_update_hv_timer() -> vmx_arm_hv_timer()",
        "   = when: enable_ept && (a || b)",
        "   = help: " + PLAIN.help,
        "linux/arch/x86/kvm/vmx/vmx.c:6328:3: note: first written here [VMX101]",
    ]


def test_text_of_many_and_long_conditions_keeps_the_first_and_those_next_to_the_code() -> None:
    many = (*(f"c{n}" for n in range(7)), "flags & " + "M" * 90)
    (when,) = [one for one in lines(PLAIN._replace(conditions=many)) if "= when: " in one]
    last = "flags & " + "M" * 69 + "..."
    assert when == f"      = when: c0 && ... 3 more ... && c4 && c5 && c6 && {last}"


def test_text_names_each_source_once_and_counts_in_the_words_of_the_field() -> None:
    terms = (
        Term("vmwrite", "operations:vmwrite", ONCE, exactly(0.1), exactly(2), "B", ()),
        Term("consistency_recheck", "r", ONCE, Interval(0, 0.1, 1), Interval(0, 0, 1), "B", ()),
    )
    sources = (
        "'~55 cycles' for two: Linux 5.1, KVM: VMX: Cache host_rsp on a per-VMCS basis",
        "S. Christopherson on the kvm list: ~30 cycles (2020-05), ~20 (2024)",
        "'several hundred', 'more than doubles': Linux 5.1, another patch",
        "our guess: no published number found",
    )
    shown = lines(PLAIN._replace(cost=COST._replace(sources=sources, terms=terms)))
    assert (
        "      = saves: 0.1 VMWRITE + ~0.1 re-check (0-1) per VM-entry,"
        " 2 VMWRITE + 0 to 1 re-check per nested round trip"
    ) in shown
    assert (
        "      = source: profile cpu_bound_sysbench; Linux 5.1; S. Christopherson on the kvm list;"
        " our guess"
    ) in shown


def test_text_leaves_out_what_is_empty() -> None:
    bare = PLAIN._replace(
        call_path=(),
        call_sites=(),
        help="",
        label="",
        location=Location("a", 1, 1, 1, 1, b""),
    )
    assert lines(bare)[1:] == [
        " 1 |",
        "   | ^",
        "   = cost: " + in_words(COST),
        "   = source: profile cpu_bound_sysbench; seed changelog 1; agner",
    ]


def test_color_adds_codes_and_nothing_else() -> None:
    plain = text.render(report(PLAIN, WIDE, HOSTILE), color=False)
    painted = text.render(report(PLAIN, WIDE, HOSTILE), color=True)
    assert "\x1b" not in plain
    assert painted.startswith(
        "\x1b[1mlinux/arch/x86/kvm/vmx/vmx.c:6328:3:\x1b[0m \x1b[1;35mwarning:\x1b[0m "
    )
    assert SGR.sub("", painted) == plain


def test_hostile_names_hide_nothing_and_command_nothing() -> None:
    out = text.render(report(HOSTILE), color=False)
    assert out.startswith(r"./::error::a\xff\x0a[b](c)\u202e.c:1:1: error: x\x1b[2J\x0a::error::")
    assert len(out.split("\n")) == len(out.splitlines()) + 1 == 10
    assert not any(line.lstrip().startswith("::") for line in out.splitlines())
    assert "##[" not in out and "##vso[" not in out
    out.encode("utf-8")


def test_nothing_found_is_no_text() -> None:
    assert text.render(report(), color=True) == ""
    assert text.render(report(PLAIN._replace(suppressed="known")), color=False) == ""


@pytest.mark.parametrize(
    ("findings", "files", "missed", "line"),
    [
        ((), 0, 0, "no findings in 0 files"),
        ((), 1, 1, "no findings in 1 file (1 place not understood)"),
        ((PLAIN,), 2, 0, "1 warning in 2 files"),
        ((PLAIN, WIDE), 45, 14, "2 warnings in 45 files (14 places not understood)"),
        ((PLAIN, HOSTILE, HOSTILE), 3, 0, "2 errors, 1 warning in 3 files"),
        ((PLAIN._replace(severity="note"),), 3, 0, "1 note in 3 files"),
        (
            (PLAIN._replace(suppressed="known"),),
            3,
            2,
            "no findings in 3 files (1 suppressed, 2 places not understood)",
        ),
    ],
)
def test_summary(findings: tuple[Finding, ...], files: int, missed: int, line: str) -> None:
    coverage = Coverage(files, 9, 9, (NotUnderstood("a.c", 1, "why"),) * missed)
    assert text.summary(report(*findings, coverage=coverage)) == line


def test_summary_says_that_nothing_was_found_to_judge() -> None:
    line = "no findings in 3 files (no VMX operation found)"
    assert text.summary(report(coverage=Coverage(3, 9, 0, ()))) == line


# The frame


def framed(source: bytes, column: int, end: int) -> list[str]:
    return list(frame(Location("a.c", 1, column, 1, end, source), ""))


def test_a_tab_inside_the_span_is_underlined_whole() -> None:
    assert framed(b"a\tb\tc", 1, 4) == [" 1 | a       b       c", "   | ^~~~~~~~~"]


def test_escaped_characters_keep_the_caret_under_the_span() -> None:
    shown, caret = framed(b"\x1b\xff\tx = ##[y]", 4, 5)
    assert shown == r" 1 | \x1b\xff        x = ##\x5by]"
    assert shown[caret.index("^")] == "x"


@pytest.mark.parametrize("column", [1, 50, 61, 100, 161, 500, 950])
def test_a_long_line_is_cut_around_the_span(column: int) -> None:
    source = b" " * (column - 1) + b"vmcs_write" + b"." * (1000 - column)
    shown, caret = framed(source, column, column + 10)
    assert len(shown) <= len(" 1 | ") + COLUMNS
    start = caret.index("^")
    assert shown[start : start + 10] == "vmcs_write" and caret[start:] == "^" + "~" * 9
    assert "..." in shown


def test_a_long_span_is_underlined_as_far_as_it_is_shown() -> None:
    shown, caret = framed(b"\t" + b"x" * 10**6, 2, 10**6)
    assert len(shown) == len(caret) == len(" 1 | ") + COLUMNS and shown.endswith("x...")


def test_a_line_of_160_columns_is_whole() -> None:
    source = b"\t" * 19 + b"vmwrite;"
    assert framed(source, 20, 27) == [f" 1 | {' ' * 152}vmwrite;", f"   | {' ' * 152}^~~~~~~"]


@given(st.binary(max_size=400), st.integers(1, 500), st.integers(1, 500))
def test_any_line_gives_two_lines(source: bytes, column: int, end: int) -> None:
    assert len("\n".join(framed(source, column, end)).splitlines()) == 2


# The cost


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"per_exit": None}, "~400 cycles per nested round trip (230-820)"),
        ({"per_nested_round_trip": None, "unit": "VM-exit"}, "~38 cycles per VM-exit (22-76)"),
        ({"per_exit": NOTHING, "per_nested_round_trip": None}, "~0 cycles per VM-entry (0-0)"),
        (
            {"per_exit": Interval(0.0000123, 5, 1234567), "per_nested_round_trip": None},
            "~5 cycles per VM-entry (0.000012-1200000)",
        ),
        (
            {"per_exit": Interval(0.99, 9.96, 99.6), "per_nested_round_trip": None},
            "~10 cycles per VM-entry (0.99-100)",
        ),
    ],
)
def test_cost_in_words(changes: dict[str, Any], words: str) -> None:
    assert in_words(COST._replace(**changes)) == f"{words} [skylake, modelled, grade B]"


def test_a_guess_is_a_magnitude() -> None:
    guess = COST._replace(per_exit=None, per_nested_round_trip=None, grade="X")
    assert in_words(guess) == "no figure [skylake, modelled, grade X]"
    tens = guess._replace(magnitude="tens of cycles")
    assert in_words(tens) == "tens of cycles [skylake, modelled, grade X]"


# JSON


def test_json_is_version_1() -> None:
    known = WIDE._replace(suppressed="measured")
    guess = COST._replace(per_exit=None, per_nested_round_trip=None, magnitude="tens", grade="X")
    out = json_v1.render(report(PLAIN, known, HOSTILE, PLAIN._replace(cost=guess)))
    document = json.loads(out)
    validate(document, "vmxlint-v1.schema.json")
    assert out.isascii() and out.endswith("}\n")
    assert list(document)[:4] == ["version", "tool", "findings", "coverage"]
    assert [f["suppressed"] for f in document["findings"]] == [None, "measured", None, None]
    assert document["findings"][0] == {
        "rule": "VMX101",
        "name": "control-toggle",
        "severity": "warning",
        "tier": "default",
        "path": "vmx/vmx.c",
        "line": 6328,
        "column": 3,
        "end_line": 6328,
        "end_column": 16,
        "function": "vmx_arm_hv_timer",
        "message": PLAIN.message,
        "call_path": ["vmx_vcpu_run", "vmx_update_hv_timer", "vmx_arm_hv_timer"],
        "contexts": ["entry"],
        "cost": {
            "per_exit": {"low": 22.4, "typical": 38.22, "high": 76},
            "per_nested_round_trip": {"low": 231, "typical": 402, "high": 815},
            "magnitude": None,
            "grade": "B",
            "cpu": "skylake",
            "profile": "cpu_bound_sysbench",
            "modelled": True,
            "sources": ["seed changelog 1", "agner"],
            "environment": "L0",
            "terms": [],
            "load": None,
        },
        "related": [],
        "fingerprint": "0123456789abcdef",
        "suppressed": None,
        "suppressed_by": None,
        "conditions": [],
        "rank": None,
    }


def test_json_of_an_empty_report() -> None:
    document = json.loads(json_v1.render(report(coverage=Coverage(0, 0, 0, ()))))
    validate(document, "vmxlint-v1.schema.json")
    assert document["findings"] == []
    assert document["coverage"] == {
        "files": 0,
        "functions": 0,
        "operations": 0,
        "not_understood": [],
        "units": [],
    }


def test_json_spells_out_bytes_that_are_not_utf8() -> None:
    out = json_v1.render(report(HOSTILE))
    assert "\\ud" not in out.replace("\\ud83d", "")
    document = json.loads(out)
    assert document["findings"][0]["path"] == EVIL_PATH.replace("\udcff", r"\xff")
    assert document["coverage"]["not_understood"][0]["path"] == EVIL_PATH.replace("\udcff", r"\xff")


# SARIF


def test_sarif_lists_all_rules_and_explicit_levels() -> None:
    only = run(PLAIN, WIDE, HOSTILE)
    rules = only["tool"]["driver"]["rules"]
    assert [(rule["id"], rule["name"]) for rule in rules] == [
        ("VMX100", "NeverFires"),
        ("VMX101", "ControlToggle"),
        ("VMX302", "CacheDroppedOnSwitch"),
    ]
    assert [r["defaultConfiguration"]["level"] for r in rules] == ["note", "warning", "error"]
    assert [r["properties"]["precision"] for r in rules] == ["medium", "high", "high"]
    assert not any("security-severity" in rule["properties"] for rule in rules)
    assert rules[1]["fullDescription"]["text"] == (
        "A control is toggled on the hot path. if (x) { ops[i](vcpu); }"
    )
    assert rules[1]["help"]["text"] == RULES[1].manual
    results = [(r["ruleId"], r["ruleIndex"], r["level"]) for r in only["results"]]
    assert results == [("VMX101", 1, "warning"), ("VMX101", 1, "warning"), ("VMX302", 2, "error")]


def test_sarif_drops_no_value_that_equals_its_default() -> None:
    only = run(PLAIN)
    assert only["columnKind"] == "utf16CodeUnits"
    assert only["newlineSequences"] == ["\r\n", "\n"]
    assert only["results"][0]["kind"] == "fail"
    assert only["invocations"][0]["executionSuccessful"] is True
    objects = [node for node in walk(only) if isinstance(node, dict)]
    assert not any(-1 in node.values() for node in objects)
    assert not any(None in node.values() for node in objects if "startLine" in node)


def test_sarif_result_tells_what_the_text_tells() -> None:
    result = run(PLAIN)["results"][0]
    text_ = (
        "'vmx_arm_hv_timer()' toggles 'PIN_BASED_VM_EXEC_CONTROL' on the VM-entry path. "
        "Cost: ~38 cycles per VM-entry (22-76), ~400 per nested round trip (230-820) "
        "[skylake, modelled, grade B]."
    )
    assert result["message"]["text"] == text_
    assert result["partialFingerprints"] == {"vmxlint/v1": "0123456789abcdef"}
    assert result["properties"]["cycles"]["per_exit"] == {"low": 22.4, "typical": 38.22, "high": 76}
    (place,) = result["locations"]
    assert place["logicalLocations"][0]["fullyQualifiedName"] == "vmx_arm_hv_timer"
    assert place["physicalLocation"] == {
        "artifactLocation": {"uri": "vmx/vmx.c", "uriBaseId": "SRCROOT"},
        "region": {
            "startLine": 6328,
            "startColumn": 3,
            "endLine": 6328,
            "endColumn": 16,
            "snippet": {"text": "vmcs_set_bits"},
        },
        "contextRegion": {
            "startLine": 6328,
            "startColumn": 1,
            "endLine": 6328,
            "endColumn": 43,
            "snippet": {"text": TOGGLE.decode()},
        },
    }


def test_sarif_message_arguments_make_the_text() -> None:
    only = run(PLAIN, HOSTILE)
    form = only["tool"]["driver"]["rules"][1]["messageStrings"]["finding"]["text"]
    for result in only["results"]:
        message = result["message"]
        assert form.format(*message["arguments"]) == message["text"]


def test_sarif_columns_are_utf16_units_of_the_first_line() -> None:
    region = run(WIDE)["results"][0]["locations"][0]["physicalLocation"]["region"]
    # tab f ( " emoji(2) e-acute " , space -> column 11; emoji(2) ) ; -> to column 15
    assert (region["startLine"], region["endLine"]) == (7, 7)
    assert (region["startColumn"], region["endColumn"]) == (11, 15)
    assert region["snippet"]["text"] == "\U0001f600);"


@given(st.text(st.characters(exclude_characters="\r\n", codec="utf-8")), st.data())
def test_sarif_columns_cut_the_snippet_out_of_the_line(line: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(line)))
    end = data.draw(st.integers(begin, len(line)))
    column, end_column = (len(line[:n].encode()) + 1 for n in (begin, end))
    region = physical(Location("a.c", 1, column, 1, end_column, line.encode())).region
    units = slice((region.start_column - 1) * 2, (region.end_column - 1) * 2)
    assert line.encode("utf-16-le")[units].decode("utf-16-le") == line[begin:end]
    if region.snippet is None:
        assert escape(line[begin:end].replace("\t", "")) != line[begin:end].replace("\t", "")
    else:
        assert region.snippet.text == line[begin:end]


def test_sarif_code_flow_follows_the_call_path() -> None:
    (flow,) = run(PLAIN)["results"][0]["codeFlows"]
    steps = [step["location"] for step in flow["threadFlows"][0]["locations"]]
    assert [step["logicalLocations"][0]["name"] for step in steps] == list(PLAIN.call_path)
    assert [step["message"]["text"] for step in steps] == [
        "vmx_vcpu_run() +0",
        "vmx_update_hv_timer() +0",
        "vmx_arm_hv_timer() +0",
    ]
    lines = [step["physicalLocation"]["region"]["startLine"] for step in steps]
    assert lines == [6565, 6340, 6328]
    assert "codeFlows" not in run(PLAIN._replace(call_path=(), call_sites=()))["results"][0]


def test_sarif_leaves_out_places_above_the_root() -> None:
    above = PLAIN.location._replace(path="../x86.c")
    narrowed = PLAIN._replace(
        call_sites=(above, PLAIN.call_sites[1]),
        related=(Related(above, "also here"), Related(PLAIN.location, "and here")),
    )
    text = json.dumps(result := run(narrowed)["results"][0])
    assert "../" not in text
    assert len(result["codeFlows"][0]["threadFlows"][0]["locations"]) == 2
    assert [place["id"] for place in result["relatedLocations"]] == [1]


def test_sarif_related_locations_are_numbered() -> None:
    related = run(WIDE._replace(related=WIDE.related * 2))["results"][0]["relatedLocations"]
    assert [place["id"] for place in related] == [1, 2]
    assert related[0]["message"]["text"] == "first written here."
    assert "relatedLocations" not in run(PLAIN)["results"][0]


def test_sarif_messages_hold_no_markup() -> None:
    only = run(HOSTILE)
    messages = [
        node["text"] for node in walk(only["results"] + only["invocations"]) if is_message(node)
    ]
    assert len(messages) == 3
    for message in messages:
        assert message.endswith(".") and not re.search("[{}\x00-\x1f\u202e]", message)
        assert not MARKDOWN_LINK.search(message)


def is_message(node: Any) -> bool:
    return isinstance(node, dict) and "text" in node and node["text"].endswith(".")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ("f() calls ops[i](vcpu)", "'f()' calls ops[i] (vcpu)."),
        ("'f()' is bad...", "'f()' is bad."),
        ("ops->f() and a.g()", "'ops->f()' and 'a.g()'."),
        ("[a]{b}(c)", "[a] (b)(c)."),
    ],
)
def test_sentence(raw: str, message: str) -> None:
    assert sentence(raw) == message


@given(st.text())
def test_no_text_makes_a_link(raw: str) -> None:
    message = sentence(raw)
    assert message.endswith(".") and "](" not in message and not set("{}") & set(message)


def test_sarif_uris_are_relative_and_encoded() -> None:
    uris = [n["uri"] for n in walk(run(HOSTILE)) if isinstance(n, dict) and "uri" in n]
    raw = EVIL_PATH.encode("utf-8", "surrogateescape")
    assert len(uris) == 5 and {unquote_to_bytes(uri) for uri in uris} == {raw}
    assert uris[0] == "%3A%3Aerror%3A%3Aa%FF%0A%5Bb%5D%28c%29%E2%80%AE.c"


def test_sarif_names_no_absolute_path() -> None:
    assert run(PLAIN)["originalUriBaseIds"] == {
        "SRCROOT": {"description": {"text": "The root of the tree that was analysed."}}
    }


def test_sarif_regions_start_somewhere() -> None:
    only = run(
        PLAIN, HOSTILE, coverage=COVERAGE._replace(not_understood=(NotUnderstood("a", 0, "x"),))
    )
    regions = [n["region"] for n in walk(only) if isinstance(n, dict) and "region" in n]
    assert len(regions) == 8 and all(region["startLine"] >= 1 for region in regions)


def test_sarif_omits_a_huge_snippet() -> None:
    long = PLAIN._replace(location=Location("a.c", 1, 1, 1, 10**6 + 1, b"x" * 10**6))
    place = run(long)["results"][0]["locations"][0]["physicalLocation"]
    assert "snippet" not in place["region"] and "contextRegion" not in place


def test_sarif_leaves_suppressed_results_out() -> None:
    assert run(PLAIN._replace(suppressed="known"))["results"] == []


def test_sarif_notes_what_was_not_understood() -> None:
    places = tuple(NotUnderstood("a.c", line, "odd") for line in range(1, 131))
    notes = run(coverage=Coverage(1, 1, 1, places))["invocations"][0]["toolExecutionNotifications"]
    assert len(notes) == 101 and {note["level"] for note in notes[:100]} == {"note"}
    assert notes[0]["message"]["text"] == "Not understood: odd."
    assert notes[-1]["message"]["text"] == "30 more places were not understood."


def test_sarif_keeps_the_dearest_results(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sarif.MOST_RESULTS == 5000
    monkeypatch.setattr(sarif, "MOST_RESULTS", 3)
    cheap = PLAIN._replace(fingerprint="cheap", cost=COST._replace(per_exit=exactly(1)))
    guess = PLAIN._replace(fingerprint="guess", cost=COST._replace(per_exit=None))
    only = run(guess, cheap, PLAIN, guess, PLAIN)
    prints = [result["partialFingerprints"]["vmxlint/v1"] for result in only["results"]]
    assert prints == ["cheap", PLAIN.fingerprint, PLAIN.fingerprint]
    note = only["invocations"][0]["toolExecutionNotifications"][-1]
    assert note["level"] == "warning"
    assert note["message"]["text"] == "2 cheaper results were left out."


def test_sarif_of_an_unlisted_rule_has_no_index() -> None:
    result = run(PLAIN, rules=())["results"][0]
    assert "ruleIndex" not in result and result["ruleId"] == "VMX101"


def test_sarif_of_an_empty_report() -> None:
    only = run(coverage=Coverage(0, 0, 0, ()))
    assert only["results"] == [] and len(only["tool"]["driver"]["rules"]) == 3


# All of them


def test_text_needs_no_sarif() -> None:
    modules = "sys, vmxlint.reporters.text, vmxlint.reporters.json_v1"
    code = f"import {modules}; sys.exit('sarif_om' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
