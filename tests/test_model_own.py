"""`--model FILE`: the user's measurements in place of bundled rows."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.command import vmxlint
from tests.fixtures import FIXTURES, ROOT
from vmxlint.interval import Interval, exactly
from vmxlint.model import Model, ModelError, load_model
from vmxlint.model.overlay import overlaid

BUNDLED = load_model()
WRITE = '[[operation]]\noperation = "vmwrite"\nlow = 20\ntypical = 30\nhigh = 40\n'
CLOCK = "[[clock]]\nlow = 3\ntypical = 3\nhigh = 3\n"


def own(tmp_path: Path, text: str | bytes) -> Model:
    file = tmp_path / "mine.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return overlaid(BUNDLED, str(file))


def test_a_row_replaces_its_own_and_no_other(tmp_path: Path) -> None:
    model = own(tmp_path, 'source = "host1"\n' + WRITE)
    row = model.operations.lookup("vmwrite", "skylake")
    assert (row.cycles, row.grade) == (Interval(20, 30, 40), "here")
    assert row.source == "measured here: mine.toml, host1"
    assert model.overlay is not None
    assert model.overlay.rows == ("operations:vmwrite/any/L0",)
    kept = {key: old for key, old in BUNDLED.operations.rows.items() if key != row.key}
    assert {key: new for key, new in model.operations.rows.items() if key != row.key} == kept
    assert load_model().operations.lookup("vmwrite", "skylake").cycles == Interval(15, 27, 60)


def test_a_row_for_any_family_replaces_those_of_all(tmp_path: Path) -> None:
    text = '[[operation]]\noperation = "consistency_recheck"\nlow = 1\ntypical = 2\nhigh = 3\n'
    model = own(tmp_path, text)
    for family in ("nehalem", "skylake", "any"):
        assert model.operations.lookup("consistency_recheck", family).cycles == Interval(1, 2, 3)
    shadow = model.operations.lookup("consistency_recheck", "skylake", "L1-shadow")
    assert shadow.grade == "D"
    one = own(tmp_path, text.replace("low", 'family = "skylake"\nlow'))
    assert one.operations.lookup("consistency_recheck", "skylake").cycles == Interval(1, 2, 3)
    assert one.operations.lookup("consistency_recheck", "nehalem").cycles == exactly(0)


def test_all_kinds_of_rows(tmp_path: Path) -> None:
    model = own(
        tmp_path,
        CLOCK + '[[frequency]]\ncontext = "vcpu-load"\nlow = 0.1\ntypical = 0.2\nhigh = 0.3\n'
        '[[toggle_rate]]\nbit = "CPU_BASED_HLT_EXITING"\nper_entry = [0.5, 0.5, 0.5]\n'
        "per_nested_round_trip = [1, 1, 1]\n"
        '[[field]]\nfield = "EPT_POINTER"\nmajor = true\n'
        '[[field]]\nfield = "VM_EXIT_CONTROLS"\nmajor = false\n',
    )
    assert model.clocks.lookup("skylake").gigahertz == exactly(3)
    assert model.frequencies.lookup("vcpu-load").times == Interval(0.1, 0.2, 0.3)
    rate = model.controls.rate("CPU_BASED_HLT_EXITING")
    assert rate is not None
    assert (rate.per_entry, rate.grade) == (exactly(0.5), "here")
    majors = {field.name for field in model.fields.majors}
    assert "EPT_POINTER" in majors
    assert "VM_EXIT_CONTROLS" not in majors
    assert model.fields.not_major["VM_EXIT_CONTROLS"] == "measured here: mine.toml"


def test_the_readmes_example(tmp_path: Path) -> None:
    blocks = (ROOT / "README.md").read_text("utf-8").split("```toml\n")[1:]
    (example,) = (b.split("```")[0] for b in blocks if "[[operation]]" in b)
    row = own(tmp_path, example).operations.lookup("vmwrite", "skylake")
    assert (row.cycles, row.grade) == (Interval(21, 24, 40), "here")
    assert row.source == "measured here: mine.toml, host1, Xeon Gold 6248, Linux 6.12"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"mine\.toml: no row of the model in it"),
        ("[[operation", r"mine\.toml: Expected"),
        (b"\xff\xfe[", r"can't read .*mine\.toml"),
        ("x = " + "[" * 3000, r"mine\.toml: "),
        ("#" + "x" * (1 << 20), r"mine\.toml: larger than"),
        ("n = " + "9" * 5000, r"mine\.toml: "),
        ("operation = 3", "operation should be of type list"),
        ("operation = [3]", "operation should hold tables"),
        (WRITE + "[[rows]]\n", r"mine\.toml: unknown keys: rows"),
        (WRITE + WRITE, "two rows for operations:vmwrite/any/L0"),
        (WRITE + WRITE.replace("vmwrite", "vmwrit"), "operation 2: no operation 'vmwrit'; did you"),
        (WRITE + 'family = "haswell"', "operation 1: no family 'haswell'"),
        (WRITE + 'environment = "L3"', "operation 1: no environment 'L3'"),
        (WRITE + "colour = 3", "operation 1: unknown keys: colour"),
        (WRITE + 'unit = "us"', "operation 1: the only unit is cycles"),
        (WRITE.replace("40", "nan"), "operation 1: not an interval"),
        (WRITE.replace("40", "inf"), "operation 1: not an interval"),
        (WRITE.replace("40", "9" * 400), "operation 1: "),
        (WRITE.replace("40", "1e12"), r"operation 1: 1e\+12 is beyond all reason"),
        (WRITE.replace("40", "25"), "operation 1: not an interval"),
        (WRITE.replace("20", "-1"), "operation 1: not an interval"),
        (WRITE.replace("20", "true"), "operation 1: low, typical and high should be numbers"),
        (WRITE.replace("low = 20\n", ""), "operation 1: low, typical and high should be numbers"),
        (CLOCK.replace("low = 3", "low = 0"), "clock 1: a clock that may stand still"),
        (CLOCK + 'family = "z80"', "clock 1: no family 'z80'"),
        (
            '[[frequency]]\ncontext = "exits"\n',
            "frequency 1: no context 'exits'; did you mean exit",
        ),
        (
            '[[frequency]]\ncontext = "exit"\nlow = 0\ntypical = 0.5\nhigh = 1\n',
            "frequency 1: 'exit' per VM-exit is as it is by definition",
        ),
        ('[[toggle_rate]]\nbit = "PIN"\n', "toggle_rate 1: no control bit 'PIN'"),
        (
            '[[field]]\nfield = "EPT_POINTER"\nmajor = true\n'
            '[[field]]\nfield = "EPT_POINTER"\nmajor = false\n',
            "two rows for fields:EPT_POINTER",
        ),
        ('[[field]]\nfield = "EPT_PTR"\n', "field 1: no field 'EPT_PTR'; did you mean EPT_POINTER"),
        ('[[field]]\nfield = "EPT_POINTER"\nmajor = 1\n', "major should be true or false, not 1"),
    ],
)
def test_what_is_wrong_is_named_by_file_and_row(
    text: str | bytes, said: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=said):
        own(tmp_path, text)


ENDS = st.one_of(st.floats(), st.integers(-(10**400), 10**400), st.booleans(), st.text(max_size=3))


@settings(deadline=None)
@given(st.lists(ENDS, min_size=3, max_size=3))
def test_any_ends_are_an_interval_or_a_clear_error(ends: list[object]) -> None:
    rows = [
        f"{key} = {_toml(end)}" for key, end in zip(("low", "typical", "high"), ends, strict=True)
    ]
    text = '[[operation]]\noperation = "vmwrite"\n' + "\n".join(rows)
    with TemporaryDirectory() as folder:
        try:
            cycles = own(Path(folder), text).operations.lookup("vmwrite", "any").cycles
        except ModelError as error:
            assert "mine.toml" in str(error)
        else:
            assert 0 <= cycles.low <= cycles.typical <= cycles.high <= 1e9


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool | float) else json.dumps(value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ModelError, match=r"can't read '/no/such\.toml'"):
        overlaid(BUNDLED, "/no/such.toml")


def test_the_report_says_which_rows_are_the_users(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(WRITE)
    tree = FIXTURES / "kvm_before"
    document = json.loads(vmxlint("--format", "json", "--model", file, tree).stdout)
    assert document["model"] == {"file": "mine.toml", "replaced": ["operations:vmwrite/any/L0"]}
    costs = [one["cost"] for one in document["findings"] if one["rule"] == "VMX301"]
    writes = [one for one in costs if one["terms"][0]["operation"] == "vmwrite"]
    assert writes
    for cost in writes:
        assert cost["per_nested_round_trip"] == {"low": 40, "typical": 60, "high": 80}
        assert cost["grade"] == "here"
        assert cost["sources"] == ["measured here: mine.toml"]
    done = vmxlint("--model", file, tree)
    assert "1 row of the model from mine.toml" in done.stderr
    assert "[skylake, modelled, grade here]" in done.stdout
    sarif = json.loads(vmxlint("--format", "sarif", "--model", file, tree).stdout)
    (note,) = sarif["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert note["message"]["text"].startswith("From mine.toml, measured here: operations:vmwrite")
    paths = json.loads(vmxlint("budget", "--format", "json", "--model", file, tree).stdout)["paths"]
    steps = [step for path in paths for step in path["steps"] if step["row"] == "vmwrite"]
    assert steps
    assert {step["grade"] for step in steps} == {"here"}
    for step in steps:
        assert step["cycles"]["typical"] == pytest.approx(30 * step["expected"], rel=1e-3, abs=1e-4)
    assert "[skylake, rows of mine.toml, " in vmxlint("budget", "--model", file, tree).stdout
    shown = vmxlint("model", "why", "vmwrite", "--model", file).stdout
    assert "30 cycles (20 to 40)" in shown
    assert "grade here" in shown
    assert "operations:vmwrite/any/L0" in vmxlint("model", "--model", file).stdout
    file.write_text(WRITE.replace("40", "-1"))
    done = vmxlint("--model", file, tree)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"vmxlint: {file}, operation 1: not an interval")


def test_a_second_run_sees_what_has_changed_in_files_and_options(tmp_path: Path) -> None:
    tree, model, mix = FIXTURES / "kvm_before", tmp_path / "mine.toml", tmp_path / "mix"

    def prices(*options: str | Path) -> list[object]:
        done = vmxlint("--format", "json", "--cache-dir", tmp_path / "cache", *options, tree)
        assert done.returncode == 1, done.stderr
        return [one["cost"] for one in json.loads(done.stdout)["findings"]]

    seen = [prices()]
    model.write_text(WRITE)
    seen.append(prices("--model", model))
    model.write_text(WRITE.replace("40", "50"))
    seen.append(prices("--model", model))
    mix.write_text("KVM_EXIT_REASON  COUNT\nEXTERNAL_INTERRUPT 5\nHLT 5\n")
    seen.append(prices("--profile", mix))
    mix.write_text("KVM_EXIT_REASON  COUNT\nEXTERNAL_INTERRUPT 7\nHLT 3\n")
    seen.append(prices("--profile", mix))
    seen.append(prices("--environment", "L1-noshadow"))
    seen.append(prices("--exits-per-second", "1000"))
    seen.append(prices("--exits-per-second", "1000", "--tsc-ghz", "3"))
    assert [one for n, one in enumerate(seen) if one in seen[:n]] == []
    assert prices() == seen[0]


def test_a_configuration_file_sets_what_prices_are_for(tmp_path: Path) -> None:
    tree = tmp_path / "kvm"
    shutil.copytree(FIXTURES / "kvm_before", tree)
    (tree / "mine.toml").write_text(WRITE)
    (tree / "vmxlint.toml").write_text(
        'environment = "L1-noshadow"\nmodel = "mine.toml"\nexits-per-second = 5000\nsort = "cost"\n'
    )
    document = json.loads(vmxlint("--format", "json", tree).stdout)
    assert document["model"]["file"] == "mine.toml"
    assert document["findings"][0]["rank"]["place"] == 1
    costs = [one["cost"] for one in document["findings"]]
    assert {cost["environment"] for cost in costs if cost["terms"]} == {"L1-noshadow"}
    assert {cost["load"]["exits_per_second"] for cost in costs if cost["load"]} == {5000}


def test_the_mix_in_a_pipe_and_warnings_about_a_mix_are_told_each_time(tmp_path: Path) -> None:
    tree = FIXTURES / "kvm_before"
    mix = tmp_path / "mix"
    mix.write_text("KVM_EXIT_REASON  COUNT\nEXTERNAL_INTERRUPT 5\nMOON 5\n")
    for _ in range(2):
        done = vmxlint("--cache-dir", tmp_path / "cache", "--profile", mix, tree)
        assert f"{mix}:3: 'MOON' is no known exit reason (5 exits, 50.0 %)" in done.stderr
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    shares = []
    for count in (5, 15):
        text = f"KVM_EXIT_REASON  COUNT\nEXTERNAL_INTERRUPT 5\nHLT {count}\n"
        writer = threading.Thread(target=pipe.write_text, args=(text,))
        writer.start()
        arguments = ("--select", "VMX201", "--format", "json", "--profile", pipe, tree)
        done = vmxlint("--cache-dir", tmp_path / "cache", *arguments)
        writer.join()
        (finding,) = {
            one["cost"]["terms"][0]["per_exit"]["low"]
            for one in json.loads(done.stdout)["findings"]
        }
        shares.append(finding)
    assert shares == [0.5, 0.75]
