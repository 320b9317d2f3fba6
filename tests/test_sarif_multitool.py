"""Microsoft's validator on real runs: no error and no warning, with GitHub's rules too.

Skipped unless VMXLINT_MULTITOOL names the executable `Sarif.Multitool` (of the npm package
@microsoft/sarif-multitool-linux) or it is on PATH.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.command import vmxlint
from tests.fixtures import FIXTURES
from tests.kernels import kernel

RUNS: dict[str, list[str | Path]] = {
    "findings": [FIXTURES / "kvm_before"],
    "one file": [FIXTURES / "kvm_before" / "vmx" / "vmx.c"],
    "empty": [FIXTURES / "kvm_after"],
    "audit": ["--audit", FIXTURES / "msr_access_hot" / "hit_plain"],
    "comments": [FIXTURES / "suppression_without_reason" / "hit_nothing_behind"],
    "suppressed": [
        *("--sarif-suppressed", "--sarif-category", "nightly"),
        FIXTURES / "unused_suppression" / "miss_on_the_line",
    ],
}


def written(*args: str | Path, folder: Path) -> Path:
    """The SARIF of a run, in a file."""
    file = folder / "run.sarif"
    assert vmxlint("--format", "sarif", "-o", file, *args).returncode in (0, 1)
    return file


def complaints(file: Path) -> list[str]:
    """The validator's errors and warnings."""
    tool = os.environ.get("VMXLINT_MULTITOOL") or shutil.which("Sarif.Multitool")
    if not tool:
        pytest.skip("no Sarif.Multitool: set VMXLINT_MULTITOOL")
    environment = {**os.environ, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    command = [tool, "validate", "--rule-kind", "Sarif;Ghas", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert "Analysis completed successfully." in done.stdout
    return re.findall(r": (?:error|warning) (\w+)", done.stdout)


@pytest.mark.parametrize("run", RUNS)
def test_the_validator_has_nothing_to_say(run: str, tmp_path: Path) -> None:
    assert complaints(written(*RUNS[run], folder=tmp_path)) == []


def test_nor_on_a_real_kernel(tmp_path: Path) -> None:
    assert complaints(written(kernel("5.0.1") / "arch/x86/kvm", folder=tmp_path)) == []


def test_it_has_where_something_is_wrong(tmp_path: Path) -> None:
    file = written(FIXTURES / "kvm_before", folder=tmp_path)
    document = json.loads(file.read_text())
    first, second, *_ = document["runs"][0]["results"]
    first["locations"][0]["physicalLocation"]["region"]["endLine"] = 1
    del second["message"]["text"]
    file.write_text(json.dumps(document))
    assert {"SARIF1007", "GH1015"} <= set(complaints(file))
