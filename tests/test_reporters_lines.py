"""The formats of one line or object a finding: concise, github, rdjson."""

from __future__ import annotations

import json

import pytest

from tests.documents import validate
from tests.test_reporters import COST, HOSTILE, PLAIN, WIDE, report
from vmxlint.findings import Related
from vmxlint.interval import exactly
from vmxlint.reporters import github, rdjson, text
from vmxlint.reporters.rdjson import markdown


def test_concise_has_one_line_a_finding() -> None:
    out = text.concise(report(PLAIN, WIDE._replace(suppressed="known"), HOSTILE), color=False)
    first, second = out.splitlines()
    assert first == text.render(report(PLAIN), color=False).splitlines()[0]
    assert second.endswith(" [VMX302]")


def test_suppressed_findings_are_shown_when_asked_for() -> None:
    known = report(PLAIN._replace(suppressed="measured: 3 cycles"))
    shown = text.render(known, color=False, show_suppressed=True).splitlines()
    assert shown[0].endswith("[VMX101] (suppressed)")
    assert shown[-1].strip() == "= suppressed: measured: 3 cycles"
    assert text.concise(known, color=False, show_suppressed=True) == f"{shown[0]}\n"


def test_github_annotations() -> None:
    first, second = github.render(report(PLAIN, WIDE)).splitlines()
    assert first == (
        "::warning file=linux/arch/x86/kvm/vmx/vmx.c,line=6328,endLine=6328,col=3,endColumn=16,"
        "title=VMX101 control-toggle::vmx_arm_hv_timer() toggles 'PIN_BASED_VM_EXEC_CONTROL' on "
        "the VM-entry path%0Acost: ~38 cycles per VM-entry (22-76), ~400 per nested round trip "
        "(230-820) [skylake, modelled, grade B]"
    )
    assert "file=vmx/nested.c,line=7,endLine=9,title=" in second  # no column over several lines
    assert github.render(report(PLAIN._replace(suppressed="known"))) == ""


def test_github_escapes_data_and_properties() -> None:
    odd = PLAIN.location._replace(path="a,b:c%2C\r\n.c")
    one = PLAIN._replace(location=odd, message="100% :: of\r\nit, all", severity="note")
    out = github.render(report(one))
    assert out.startswith("::notice file=a%2Cb%3Ac%252C\\x0d\\x0a.c,line=")
    assert r"::100%25 :: of\x0d\x0ait, all%0Acost: " in out
    assert out.count("\n") == 1


def test_github_gets_no_more_than_it_shows() -> None:
    cheap = PLAIN._replace(cost=COST._replace(per_exit=exactly(1)))
    findings = [cheap] * 3 + [PLAIN._replace(fingerprint=str(n)) for n in range(10)] + [HOSTILE]
    out = github.render(report(*findings)).splitlines()
    assert [line[:9] for line in out[:-1]] == ["::warning"] * 10 + ["::error f"]
    assert out[-1].startswith("3 more: GitHub shows 10 annotations of a kind")


def test_rdjson_follows_its_schema() -> None:
    document = json.loads(rdjson.render(report(PLAIN, WIDE, HOSTILE)))
    validate(document, "rdjson.schema.json")
    plain, wide, _ = document["diagnostics"]
    assert plain["location"] == {
        "path": "linux/arch/x86/kvm/vmx/vmx.c",
        "range": {
            "start": {"line": 6328, "column": 3},
            "end": {"line": 6328, "column": 16},
        },
    }
    assert [one["severity"] for one in document["diagnostics"]] == ["WARNING", "WARNING", "ERROR"]
    assert plain["code"] == {"value": "VMX101"}
    assert wide["related_locations"][0]["message"] == "first written here"
    assert not json.loads(rdjson.render(report(PLAIN._replace(suppressed="x"))))["diagnostics"]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("'A_B' and f()", "'A_B' and f()"),
        ("[click](http://x)", r"\[click] (http://x)"),
        ("![x](y)<img src=z>", r"!\[x] (y)&lt;img src=z>"),
        ("`*a*` \\ @all &lt;", r"\`\*a\*\` \\ @ all &amp;lt;"),
        ("\u202e\n# a", r"\\u202e\\x0a# a"),
    ],
)
def test_markdown_shows_what_it_is_given(raw: str, shown: str) -> None:
    assert markdown(raw) == shown


def test_one_diagnostic_names_its_related_places() -> None:
    near = PLAIN._replace(related=(Related(PLAIN.location, "[x](y)"),))
    (one,) = json.loads(rdjson.render(report(near)))["diagnostics"]
    assert one["related_locations"][0]["message"] == r"\[x] (y)"
