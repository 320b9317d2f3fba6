"""`--format` and `--output` as users give them: what goes where, and that it is whole or absent."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.command import vmxlint
from tests.fixtures import ROOT
from tests.test_cli import vmxlint as interpreted

BEFORE, AFTER = "fixtures/kvm_before", "fixtures/kvm_after"


def test_concise_is_the_first_lines_of_the_text() -> None:
    lines = vmxlint(BEFORE).stdout.splitlines()
    firsts = [line for line in lines if ": warning: " in line]
    for option in (["--format", "concise"], ["--terse"]):
        assert vmxlint(*option, BEFORE).stdout.splitlines() == firsts


def test_several_formats_in_one_run(tmp_path: Path) -> None:
    alone = {form: vmxlint("--format", form, BEFORE).stdout for form in ("json", "sarif", "text")}
    targets = [f"--output={form}={tmp_path / form}" for form in ("json", "sarif")]
    done = vmxlint(*targets, BEFORE)
    assert done.returncode == 1
    assert done.stdout == alone["text"]
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == {
        form: alone[form] for form in ("json", "sarif")
    }


def test_a_plain_output_file_takes_what_stdout_would_get(tmp_path: Path) -> None:
    done = vmxlint("-o", tmp_path / "report", "--format", "json", BEFORE)
    assert not done.stdout
    assert json.loads((tmp_path / "report").read_text())["findings"]
    done = vmxlint("-o", tmp_path / "text", "-o", "concise=-", AFTER)
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "text").read_text() == ""


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (["-o", "srif=x"], "no format 'srif'; did you mean sarif?"),
        (["-o", "sarif="], "'sarif=' names no file"),
        (["-o", "sarif"], "'sarif' names no file; write FORMAT=FILE"),
        (["-o", "json=x", "-o", "sarif=./x"], "'json=x' is named twice"),
        (["-o", "json=-"], "stdout is named twice"),
        (["-o", "json=no/such/folder/x"], "can't write 'no/such/folder/x': no such file"),
        (["-o", "json=."], "can't write '.': is a directory"),
    ],
)
def test_a_wrong_output_is_one_line(asked: list[str], named: str, tmp_path: Path) -> None:
    done = vmxlint(*asked, ROOT / AFTER, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert named.replace("'json=x' is", "'x' is") in done.stderr
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_if_one_file_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("as it was")
    (tmp_path / "old").chmod(0o640)
    outputs = ["-o", f"json={tmp_path / 'old'}", "-o", f"sarif={tmp_path / 'no' / 'x'}"]
    assert vmxlint(*outputs, AFTER).returncode == 2
    assert [one.name for one in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_text() == "as it was"
    assert vmxlint(*outputs[:2], AFTER).returncode == 0
    assert json.loads((tmp_path / "old").read_text())["version"] == 1
    assert (tmp_path / "old").stat().st_mode & 0o777 == 0o640


def test_links_devices_and_pipes_stay_what_they_are(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("behind")
    assert vmxlint("-o", f"json={link}", "-o", f"sarif={os.devnull}", AFTER).returncode == 0
    assert link.is_symlink()
    assert json.loads((tmp_path / "behind").read_text())["version"] == 1
    assert Path(os.devnull).is_char_device()


def test_fail_on_and_min_cycles() -> None:
    assert vmxlint("--fail-on", "error", BEFORE).returncode == 0
    assert vmxlint("--fail-on", "warning", BEFORE).returncode == 1
    whole = json.loads(vmxlint("--format", "json", BEFORE).stdout)["findings"]
    dear = json.loads(vmxlint("--format", "json", "--min-cycles", "100", BEFORE).stdout)["findings"]
    keys = ("per_exit", "per_nested_round_trip")
    figures = {f["fingerprint"]: [f["cost"][key] for key in keys] for f in whole}
    kept = {
        one
        for one, both in figures.items()
        if None in both or max(figure["typical"] for figure in both) >= 100
    }
    assert 0 < len(kept) < len(whole)
    assert {f["fingerprint"] for f in dear} == kept


def test_statistics_count_rules_on_stderr() -> None:
    done = vmxlint("-q", "--statistics", "--select", "VMX301,VMX102", BEFORE)
    assert (
        done.stderr == "     5  VMX102  control-write-uncompared\n     3  VMX301  cache-per-vcpu\n"
    )
    assert done.stdout.count("[VMX102]\n") == 5


def test_no_path_is_this_folder() -> None:
    assert vmxlint("check", cwd=ROOT / BEFORE).stdout == vmxlint(".", cwd=ROOT / BEFORE).stdout


def test_standard_streams_by_their_names() -> None:
    assert json.loads(interpreted("-o", "json=/dev/stdout", AFTER).stdout)["version"] == 1
    assert interpreted("-q", "-o", "/dev/stderr", BEFORE).stderr == vmxlint(BEFORE).stdout
