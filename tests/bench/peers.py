"""Other tools on the same folder, as far as they are installed, each with a question as simple as
it can be put: where is a VMCS field read or written?"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench.timing import Contender

_SEMGREP = """\
rules:
  - id: access
    languages: [c]
    severity: WARNING
    message: an access
    pattern-either: [{pattern: vmcs_read32(...)}, {pattern: vmcs_write32(...)}]
"""
_COCCINELLE = "@@\nexpression E;\n@@\n* vmcs_read32(E)\n"


def peers(path: Path, folder: Path) -> Iterator[Contender]:
    """The peers, whose rules are written into `folder`."""
    yield Contender("grep -r vmcs_write", ["grep", "-r", "vmcs_write", path])
    if tool := _found("ast-grep"):
        yield Contender(
            "ast-grep, 1 pattern", [tool, "run", "-l", "c", "-p", "vmcs_read32($A)", path]
        )
    if tool := _found("semgrep"):
        rule = folder / "rule.yaml"
        rule.write_text(_SEMGREP)
        quiet = ["--metrics=off", "--disable-version-check", "--no-git-ignore", "-q"]
        yield Contender("Semgrep, 1 rule", [tool, "scan", "--config", rule, *quiet, path])
    if tool := _found("spatch"):
        rule = folder / "rule.cocci"
        rule.write_text(_COCCINELLE)
        asked = ["--very-quiet", "--sp-file"]
        yield Contender("Coccinelle, 1 rule", [tool, *asked, rule, "--dir", path])


def _found(name: str) -> str | None:
    beside = Path(sys.executable).parent / name
    return str(beside) if beside.exists() else shutil.which(name)
