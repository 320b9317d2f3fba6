"""The README is true: its rule table and its example are what the tool prints."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.fixtures import ROOT
from vmxlint.registry import rules

README = (ROOT / "README.md").read_text("utf-8")


def rule_table() -> str:
    """The table of all rules, in Markdown."""
    rows = [f"| {one.id} | {one.name} | {one.tier} | {one.summary} |" for one in rules()]
    return "\n".join(["| id | name | tier | flags |", "|---|---|---|---|", *rows])


def test_the_rule_table_is_the_generated_one() -> None:
    assert rule_table() in README


def test_the_example_is_what_the_tool_prints() -> None:
    command = [sys.executable, "-m", "vmxlint", "fixtures/kvm_before"]
    printed = subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout
    shown = re.search(r"exits 1 .*?```text\n(.*?)```", README, re.DOTALL)
    assert shown
    assert printed.startswith(shown[1])


def test_the_why_example_is_what_the_tool_prints() -> None:
    shown = re.search(r"\$ vmxlint (why .*)\n([^`]*)```", README)
    assert shown
    command = [sys.executable, "-m", "vmxlint", *shown[1].split()]
    assert subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout == shown[2]


def test_the_first_two_blocks_install_and_test() -> None:
    first, second = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    assert "vmxlint fixtures/kvm_before" in first
    assert "pytest" in second


def test_the_budget_example_begins_as_the_tool_prints_it() -> None:
    shown = re.search(r"\$ vmxlint (budget .*)\n([^`]*)```", README)
    assert shown
    command = [sys.executable, "-m", "vmxlint", *shown[1].split()]
    printed = subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout
    assert printed.startswith(shown[2])
