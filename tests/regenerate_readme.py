"""Rewrites the README's generated parts: `python -m tests.regenerate_readme`."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.fixtures import ROOT
from tests.test_readme import rule_table

EXAMPLE = re.compile(r"(exits 1 .*?```text\n)(.*?)(```)", re.DOTALL)
BUDGET = re.compile(r"(\$ vmxlint (budget .*)\n)([^`]*)(```)")
TABLE = re.compile(r"\| id \| name .*?\n(?=\n)", re.DOTALL)


def main() -> None:
    """Write the first finding, the beginning of a budget and the rule table into README.md."""
    command = [sys.executable, "-m", "vmxlint", "-q", "fixtures/kvm_before"]
    printed = subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout
    first = re.split(r"(?m)^(?=\S+:\d+:\d+: warning)", printed)[1]
    path = ROOT / "README.md"
    text = EXAMPLE.sub(lambda found: found[1] + first + found[3], path.read_text("utf-8"))
    text = BUDGET.sub(_budget, text)
    path.write_text(TABLE.sub(lambda _: rule_table() + "\n", text), "utf-8")


def _budget(found: re.Match[str]) -> str:
    command = [sys.executable, "-m", "vmxlint", *found[2].split()]
    printed = subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout
    lines = printed.splitlines(keepends=True)[: found[3].count("\n")]
    return found[1] + "".join(lines) + found[4]


if __name__ == "__main__":
    main()
