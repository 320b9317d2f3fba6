"""SARIF's consumers fall into traps: one test for each, and what the profile asks for.

The traps, found on GitHub code scanning, VS Code and Azure DevOps: 1 values dropped because they
are the default, 2 silent str(), 3 cost of copying, 4 message text that is not plain, 5 columns,
6 byte offsets, 7 line numbers, 8 byte order marks, 9 fingerprints, 10 privacy and determinism.
"""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.documents import validate
from tests.test_reporters import COST, HOSTILE, PLAIN, RULES, WIDE, report, walk
from vmxlint.change.provenance import Provenance, provenance, without_secrets
from vmxlint.cost import RECHECK
from vmxlint.findings import Location, Term
from vmxlint.interval import NOTHING, Interval, exactly
from vmxlint.reading.linehash import LineHashes
from vmxlint.reading.source import SourceFile
from vmxlint.registry import rules
from vmxlint.reporters import sarif

TERMS = (
    Term("vmwrite", "r", Interval(20, 27.5, 50), exactly(0.1), exactly(2), "B", ("s",)),
    Term(RECHECK, "r", Interval(200, 450, 700), exactly(0.1), NOTHING, "B", ("s",)),
)
PRICED = PLAIN._replace(cost=COST._replace(terms=TERMS), line_hash="ab12:1")


def run(*findings: Any, **options: Any) -> Any:
    log = json.loads(sarif.render(report(*findings), RULES, **options))
    validate(log, "sarif-2.1.0.schema.json")
    return log["runs"][0]


def test_1_what_equals_its_default_is_written() -> None:
    only = run(PRICED, PRICED._replace(rule="VMX100", severity="warning"))
    assert [one["level"] for one in only["results"]] == ["warning", "warning"]
    assert all(one["kind"] == "fail" for one in only["results"])
    assert only["newlineSequences"] == ["\r\n", "\n"]
    assert only["columnKind"] == "utf16CodeUnits"


def test_2_nothing_is_turned_into_text_unasked() -> None:
    with pytest.raises(TypeError):
        run(PRICED._replace(function=Path("x")))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        run(PRICED._replace(contexts=({1, 2},)))  # type: ignore[arg-type]


@pytest.mark.alone
def test_3_the_cost_grows_with_the_results_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif, "MOST_RESULTS", 10**6)

    def seconds(count: int) -> float:
        begun = time.process_time()
        sarif.render(report(*[PRICED] * count), RULES)
        return time.process_time() - begun

    seconds(50)
    assert seconds(1600) < 16 * 3 * max(seconds(100), 0.01)


@pytest.mark.parametrize("text", ["ops[i](vcpu)", "[a](command:b)", "{0} of {1}", "a[b]{c}(d)"])
def test_4_messages_are_plain(text: str) -> None:
    only = run(HOSTILE._replace(message=text, conditions=(), call_path=(text, "b")))
    (result,) = only["results"]
    flow = result["codeFlows"][0]["threadFlows"][0]["locations"]
    for message in (result["message"], *(step["location"]["message"] for step in flow)):
        assert "](" not in message["text"]
        assert not set("{}") & set(message["text"])


def test_5_columns_count_utf16_units_and_say_so() -> None:
    only = run(WIDE)
    region = only["results"][0]["locations"][0]["physicalLocation"]["region"]
    assert only["columnKind"] == "utf16CodeUnits"
    assert (region["startColumn"], region["endColumn"]) == (11, 15)


def test_6_no_byte_and_no_character_offset() -> None:
    keys = {key for one in walk(run(PRICED, WIDE, HOSTILE)) if isinstance(one, dict) for key in one}
    assert not keys & {"byteOffset", "byteLength", "charOffset", "charLength"}


def test_7_only_line_feeds_end_a_line() -> None:
    odd = SourceFile("a.c", "a\x0c\x0b\x85\u2028\rb;\nc\n".encode())
    assert odd.line(odd.data.index(b"c")) == 2
    assert odd.line_hash(2) is None
    assert "primaryLocationLineHash" not in fingerprints(PRICED._replace(line_hash=None))


def fingerprints(finding: Any) -> Any:
    return run(finding)["results"][0]["partialFingerprints"]


def test_8_a_byte_order_mark_moves_no_column() -> None:
    marked = SourceFile("a.c", b"\xef\xbb\xbfvmwrite(x);\n")
    place = marked.location(3, 10, "a.c")
    region = run(PRICED._replace(location=place))["results"][0]["locations"][0]["physicalLocation"]
    assert region["region"]["startColumn"] == 1
    assert region["region"]["snippet"]["text"] == "vmwrite"


def test_9_the_fingerprint_is_githubs_and_ours_survives_moves() -> None:
    own = {"vmxlint/v1": PLAIN.fingerprint}
    assert fingerprints(PRICED) == {"primaryLocationLineHash": "ab12:1", **own}
    data = b"a;\nvmwrite();\n"
    assert SourceFile("a.c", data).line_hash(2) == LineHashes(data).of(2)


def test_10_nothing_tells_whose_machine_it_was() -> None:
    out = sarif.render(report(PRICED), RULES)
    assert out == sarif.render(report(PRICED), RULES)
    assert "versionControlProvenance" not in out
    assert json.loads(out)["runs"][0]["originalUriBaseIds"]["SRCROOT"].keys() == {"description"}


# The profile


def test_one_location_of_one_line_each() -> None:
    for result in run(PRICED, WIDE, HOSTILE)["results"]:
        (place,) = result["locations"]
        region = place["physicalLocation"]["region"]
        assert region["startLine"] == region["endLine"]


def test_the_hot_path_is_a_code_flow_with_its_cycles() -> None:
    (flow,) = run(PRICED)["results"][0]["codeFlows"]
    steps = [step["location"] for step in flow["threadFlows"][0]["locations"]]
    assert [step["message"]["text"] for step in steps] == [
        "vmx_vcpu_run() +0",
        "vmx_update_hv_timer() +0",
        "vmx_arm_hv_timer() +0",
        "VMWRITE +28 (20-50) cycles each time, modelled",
        "consistency checks +450 (200-700) cycles each time, modelled",
    ]
    lines = [step["physicalLocation"]["region"]["startLine"] for step in steps]
    assert lines == [6565, 6340, 6328, 6328, 6328]


def test_the_price_is_in_the_properties() -> None:
    cycles = run(PRICED)["results"][0]["properties"]["cycles"]
    assert {key: cycles[key] for key in ("low", "typical", "high", "unit", "per", "model")} == {
        "low": 22.4,
        "typical": 38.22,
        "high": 76,
        "unit": "TSC cycles",
        "per": "VM-entry",
        "model": "skylake, L0, profile cpu_bound_sysbench",
    }
    assert cycles["weight"] == {"low": 0.1, "typical": 0.1, "high": 0.1}
    nested = PRICED._replace(cost=PRICED.cost._replace(per_exit=NOTHING))
    cycles = run(nested)["results"][0]["properties"]["cycles"]
    assert (cycles["per"], cycles["typical"]) == ("nested round trip", 402)


def test_every_rule_is_listed_as_github_wants_it() -> None:
    only = json.loads(sarif.render(report(), rules()))["runs"][0]
    listed = only["tool"]["driver"]["rules"]
    assert [one["id"] for one in listed] == [rule.id for rule in rules()]
    for one in listed:
        assert one["name"].isalnum()
        assert one["name"] != one["id"]
        assert one["properties"]["tags"] == ["performance", "vmx", "kvm", "hot-path"]
        assert "security-severity" not in one["properties"]
        for text in (one["shortDescription"], one["fullDescription"], one["help"]):
            assert text["text"]
        assert len(one["fullDescription"]["text"]) <= 1024
        assert one["shortDescription"]["text"].endswith(".")
    assert only["invocations"][0]["executionSuccessful"] is True
    assert only["results"] == []


def test_suppressed_results_only_when_asked_for() -> None:
    held = PRICED._replace(suppressed="measured", suppressed_by="comment")
    known = PRICED._replace(suppressed="before us", suppressed_by="baseline")
    assert [one.get("suppressions") for one in run(held, PRICED, known)["results"]] == [None]
    results = run(held, PRICED, known, suppressed=True)["results"]
    assert [one["suppressions"] for one in results] == [
        [{"kind": "inSource", "justification": "measured"}],
        [],
        [{"kind": "external", "justification": "before us"}],
    ]


def test_the_category_is_what_stands_before_the_last_slash() -> None:
    assert "automationDetails" not in run(PRICED)
    for category in ("nightly", "nightly/"):
        assert run(PRICED, category=category)["automationDetails"] == {"id": "nightly/"}


def test_a_line_with_something_hidden_is_not_shown() -> None:
    place = Location("a.c", 1, 1, 1, 4, "f(\u202e);".encode())
    shown = run(PRICED._replace(location=place))["results"][0]["locations"][0]["physicalLocation"]
    assert "snippet" not in shown["region"]
    assert "snippet" not in shown["contextRegion"]


# Whence the tree is


@pytest.mark.parametrize(
    ("remote", "told"),
    [
        ("https://alice:token@example.org:8443/a/b.git?x=y#z", "https://example.org:8443/a/b.git"),
        ("https://token@example.org/a b", "https://example.org/a%20b"),
        ("git@example.org:a/b.git", "ssh://example.org/a/b.git"),
        ("ssh://git@example.org/a.git", "ssh://example.org/a.git"),
        ("git://example.org/a\x1b.git", "git://example.org/a%1B.git"),
        ("https://[::1]:1/a", "https://[::1]:1/a"),
        ("/home/alice/a", None),
        ("file:///home/alice/a", None),
        ("../a", None),
        ("C:\\alice\\a", None),
        ("https://example.org:port/a", None),
        ("https://", None),
        ("ext::sh -c evil", None),
        ("", None),
    ],
)
def test_a_remote_is_told_without_secrets(remote: str, told: str | None) -> None:
    assert without_secrets(remote) == told


@given(st.text())
def test_any_remote_is_told_without_a_user(remote: str) -> None:
    told = without_secrets(f"https://alice:secret@example.org/{remote}")
    assert told is None or told.startswith("https://example.org/")


def test_the_commit_of_a_repository(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "init.defaultBranch=main")
        command = ["git", *identity, *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout.strip()

    assert provenance(tmp_path) is None
    (tmp_path / "sub").mkdir()
    git("init")
    assert provenance(tmp_path) is None
    git("commit", "--allow-empty", "-m", "x")
    assert provenance(tmp_path) is None
    git("remote", "add", "origin", "https://alice:token@example.org/a.git")
    found = provenance(tmp_path)
    assert found == Provenance("https://example.org/a.git", git("rev-parse", "HEAD"), "main", True)
    (details,) = run(PRICED, provenance=found)["versionControlProvenance"]
    assert details == {
        "repositoryUri": "https://example.org/a.git",
        "revisionId": found.revision,
        "branch": "main",
        "mappedTo": {"uriBaseId": "SRCROOT"},
    }
    git("checkout", "--detach")
    below = provenance(tmp_path / "sub")
    assert below == replace(found, branch=None, is_root=False)
    (details,) = run(PRICED, provenance=below)["versionControlProvenance"]
    assert details.keys() == {"repositoryUri", "revisionId"}
