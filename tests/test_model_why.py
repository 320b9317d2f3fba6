"""`vmxlint model`: each row with a source, and each figure of each output traced to its row."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.command import vmxlint
from tests.fixtures import FIXTURES
from vmxlint.interval import Interval
from vmxlint.model import ModelError, load_model, profiles
from vmxlint.model.catalogue import TABLES, catalogue, find, of_sources
from vmxlint.model.rows import GRADES, Row
from vmxlint.reporters.cycles import two_digits
from vmxlint.reporters.saved import short

MODEL = load_model()
ROWS = catalogue(MODEL)
TREES = ("kvm_before", "cache_per_vcpu", "msr_access_hot", "vmcs_or_tlb_operation_hot")


def test_every_row_is_found_by_its_name_and_has_a_source() -> None:
    names = Counter((row.table, row.name) for row in ROWS)
    assert [name for name, times in names.items() if times > 1] == []
    for row in ROWS:
        assert row in find(ROWS, f"{row.table}:{row.name}")
        assert row in find(ROWS, row.name)
        assert row in find(ROWS, row.source)
        assert row.source.strip()
        assert row.says.strip()
        assert (row.figure is None) == (row.unit is None)
        assert row.grade in (None, *GRADES)
        for see in row.see:
            assert find(ROWS, see)


def test_every_row_with_a_figure_has_a_grade() -> None:
    assert not [row.name for row in ROWS if row.figure is not None and row.grade is None]


def test_the_tables_hold_all_rows_of_the_model() -> None:
    counts = Counter(row.table for row in ROWS)
    assert counts["operations"] == len(MODEL.operations.rows)
    assert counts["fields"] == len(MODEL.fields.fields)
    assert counts["controls"] == len(MODEL.controls.bits)
    assert counts["exits"] == len(MODEL.exits.reasons)
    assert counts["frequencies"] == len(MODEL.frequencies.rows)
    mixes = list(map(profiles.load, profiles.names()))
    assert counts["profiles"] == sum(1 + len(mix.samples) for mix in mixes)
    assert set(counts) | {"sources"} == set(TABLES)


@pytest.mark.parametrize(
    ("wanted", "name", "says"),
    [
        ("VMWRITE", "vmwrite/any/L0", "27 cycles (15 to 60)"),
        ("vmread", "vmread/any/L1-noshadow", "1800 cycles (700 to 5000)"),
        ("invept", "invept_single/any/L0", "300 cycles (100 to 1500)"),
        ("consistency_recheck", "consistency_recheck/nehalem/L0", "0 cycles"),
        ("pin_based_vm_exec_control", "PIN_BASED_VM_EXEC_CONTROL", "0x4000; major: a write"),
        ("0x4402", "VM_EXIT_REASON", "0x4402"),
        ("TSC_OFFSET_HIGH", "TSC_OFFSET", "0x2010, high half 0x2011; not major"),
        ("EPT_POINTER", "EPT_POINTER", "suspected"),
        ("PIN_BASED_VMX_PREEMPTION_TIMER", "PIN_BASED_VMX_PREEMPTION_TIMER", "0.1 writes per"),
        ("CPU_BASED_VIRTUAL_INTR_PENDING", "CPU_BASED_INTR_WINDOW_EXITING", "window"),
        ("exit_reason_pending_interrupt", "INTERRUPT_WINDOW", "7"),
        ("exit:HLT", "idle_small/HLT", "20.67 % of exits, 179 of 866"),
        ("cpu_bound_sysbench", "cpu_bound_sysbench", "25898 exits, 1143/s"),
        ("vcpu-load", "vcpu-load/VM-exit", "0.05 times per VM-exit"),
        ("emulation_required", "emulation_required", "0.0001 (0 to 0.01)"),
        ("skylake", "skylake", "2.5 GHz"),
        ("X", "X", "guess"),
        ("more than doubles", "consistency_recheck/any/L0", "350 cycles (200 to 700)"),
    ],
)
def test_what_why_finds(wanted: str, name: str, says: str) -> None:
    assert any(row.name == name and says in row.says for row in find(ROWS, wanted))


def test_what_is_not_there_is_named_with_what_is_near() -> None:
    with pytest.raises(ModelError, match="'VMWRIT'; did you mean VMWRITE"):  # not in 'VMWRITEs'
        find(ROWS, "VMWRIT")
    with pytest.raises(ModelError, match="'VMRAED'; did you mean VMREAD"):
        find(ROWS, "VMRAED")
    with pytest.raises(ModelError, match=r"'no such thing'$"):
        find(ROWS, "no such thing")


@pytest.mark.parametrize("table", TABLES)
def test_each_table_is_printed_whole_as_text_and_json(table: str) -> None:
    done = vmxlint("model", table)
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(vmxlint("model", "--format", "json", table).stdout)
    rows = of_sources(ROWS) if table == "sources" else [r for r in ROWS if r.table == table]
    assert document["version"] == 1
    assert [one["name"] for one in document["rows"]] == [row.name for row in rows]
    plain = "".join(done.stdout.split())
    for row in rows:
        for word in f"{row.name.split('/')[0]} {row.says} {row.source}".split():
            assert word in plain
    assert all(len(line) <= 160 for line in done.stdout.splitlines())


def test_the_overview_and_wrong_tables() -> None:
    shown = vmxlint("model").stdout
    assert all(table in shown for table in TABLES)
    document = json.loads(vmxlint("model", "--format", "json").stdout)
    assert list(document["tables"]) == list(TABLES)
    assert document["tables"]["fields"] == len(MODEL.fields.fields)
    assert document["replaced"] == []
    for args, said in (
        (("model", "feilds"), "no table 'feilds' in the model; did you mean fields?"),
        (("model", "moon"), "no table 'moon' in the model; known: operations, fields,"),
        (("model", "why"), "model why needs a NAME"),
        (("model", "why", "VMRAED"), "did you mean VMREAD"),
        (("model", "fields", "--cpu", "z80"), "no CPU family 'z80'"),
    ):
        done = vmxlint(*args)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
        assert said in done.stderr


def test_why_names_the_source_and_what_comes_with_a_row() -> None:
    shown = vmxlint("model", "why", "PIN_BASED_VM_EXEC_CONTROL").stdout
    for part in (
        "source: Intel SDM volume 3, appendix B",
        "'the major VMCS controls'",
        "operations:vmwrite/any/L0: 27 cycles (15 to 60)",
        "operations:consistency_recheck/any/L0: 350 cycles (200 to 700)",
    ):
        assert part in shown
    document = json.loads(vmxlint("model", "why", "vmwrite", "--format", "json").stdout)
    assert document["query"] == "vmwrite"
    assert document["rows"][0]["figure"] == {"low": 15, "typical": 27, "high": 60}


# Every figure of an output


def costs(document: Any) -> Iterator[dict[str, Any]]:
    """Whatever has the form of a cost, anywhere in a JSON document."""
    if isinstance(document, dict):
        if "terms" in document and "sources" in document:
            yield document
        for value in document.values():
            yield from costs(value)
    elif isinstance(document, list):
        for value in document:
            yield from costs(value)


def traced(source: str) -> tuple[Row, ...]:
    """The rows that have exactly this source."""
    return tuple(
        row for row in find(ROWS, source) if source in (row.source, *row.source.split("; "))
    )


def check(cost: dict[str, Any]) -> None:
    for term in cost["terms"]:
        (row,) = [row for row in find(ROWS, term["row"]) if row.name == term["row"]]
        assert row.figure == Interval(**term["cycles"])
        assert row.source in term["sources"]
        assert all(map(traced, term["sources"]))
    assert all(map(traced, cost["sources"]))
    assert set(cost["sources"]) == {one for term in cost["terms"] for one in term["sources"]}
    assert find(ROWS, cost["profile"])
    assert find(ROWS, f"grades:{cost['grade']}")
    for per in ("per_exit", "per_nested_round_trip"):
        if cost[per] is not None:
            for end in ("low", "typical", "high"):
                parts = sum(term["cycles"][end] * term[per][end] for term in cost["terms"])
                assert cost[per][end] == pytest.approx(parts, abs=0.01, rel=1e-5)


@pytest.mark.parametrize("tree", TREES)
@pytest.mark.parametrize("form", ["json", "sarif"])
def test_every_figure_of_a_report_is_rows_times_frequencies(tree: str, form: str) -> None:
    done = vmxlint("--audit", "--format", form, FIXTURES / tree)
    found = list(costs(json.loads(done.stdout)))
    assert any(cost["terms"] for cost in found)
    for cost in found:
        check(cost)


def test_every_source_and_figure_of_the_text_is_that_of_the_json() -> None:
    tree = FIXTURES / "kvm_before"
    known = list(costs(json.loads(vmxlint("--format", "json", tree).stdout)))
    lines = vmxlint(tree).stdout.splitlines()
    figures = {
        two_digits(cost[per][end])
        for cost in known
        for per in ("per_exit", "per_nested_round_trip")
        for end in ("low", "typical", "high")
    }
    shown = [line for line in lines if "= cost: " in line]
    assert len(shown) == len(known)
    for line in shown:
        told = re.findall(r"~([\d.]+) [^(]*\(([\d.]+)-([\d.]+)\)", line)
        assert told or "no cycles" in line
        assert {figure for one in told for figure in one} <= figures
    for line in lines:
        if "= source: " in line:
            first, *sources = line.split("= source: ")[1].split("; ")
            assert find(ROWS, first.removeprefix("profile "))
            assert sources in [short(cost["sources"]) for cost in known]
            assert all(find(ROWS, one) for one in sources)


def test_the_frequencies_that_why_prints_are_those_of_the_model(tmp_path: Path) -> None:
    document = json.loads(
        vmxlint("why", "handle_cpuid", "--format", "json", FIXTURES / "kvm_before").stdout
    )
    (context,) = document["functions"][0]["contexts"]
    shares = [row for row in find(ROWS, context["context"]) if row.source == context["source"]]
    assert [row.name for row in shares] == ["cpu_bound_sysbench/CPUID"]
    assert shares[0].figure is not None
    assert context["per_exit"]["high"] == pytest.approx(shares[0].figure.high, rel=1e-3)


def test_every_step_of_a_budget_is_a_row_times_a_frequency() -> None:
    document = json.loads(vmxlint("budget", "--format", "json", FIXTURES / "kvm_before").stdout)
    steps = [step for path in document["paths"] for step in path["steps"]]
    assert len(steps) > 100
    assert traced(document["source"])
    for step in steps:
        rows = [row for row in find(ROWS, step["row"]) if row.table == "operations"]
        here = [row for row in rows if row.scope in ("skylake, L0", "any, L0")]
        assert here
        assert step["grade"] in GRADES
        if step["cycles"]["high"]:
            figures = [row.figure for row in here if row.figure]
            assert any(
                step["cycles"]["typical"]
                == pytest.approx(step["expected"] * figure.typical, rel=1e-3, abs=1e-4)
                for figure in figures
            )


@pytest.mark.parametrize("tree", ["eager_sync", "repeated_vmread", "exit_field_on_every_exit"])
def test_every_probability_of_a_condition_is_a_row(tree: str) -> None:
    document = json.loads(vmxlint("--audit", "--format", "json", FIXTURES / tree).stdout)
    chances = [one for finding in document["findings"] for one in finding["conditions"]]
    figures = [row.figure for row in ROWS if row.table == "probabilities" and row.figure]
    for one in chances:
        ends = Interval(**one["probability"])
        if one["basis"].startswith("profile "):
            shares = [row for row in ROWS if row.name.startswith(one["basis"][8:] + "/")]
            assert shares
            assert 0 <= ends.low == ends.high <= 1
        else:
            assert one["basis"] in ("guessed", "known")
            assert any(
                all(a == pytest.approx(b, abs=1e-6) for a, b in zip(ends, either, strict=True))
                for figure in figures
                for either in (figure, figure.complement())
            ), one
