"""The house: imports point one way, rules see the Program and no syntax, files stay small."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fixtures import ROOT

# From the ground up: a module or package may import from the lines above its own.
ORDER = (
    "interval numbers facts comments digest deadline ending",
    "findings explanation includes cache model",
    "report",
    "baseline ranking mixes syntax",
    "reading",
    "flow",
    "calls",
    "operations",
    "contexts",
    "cost",
    "hits program",
    "suppress",
    "questions",
    "budget",
    "rules",
    "registry",
    "engine",
    "config",
    "change",
    "reporters",
    "cli",
    "kbuild",
)
LEVEL = {name: level for level, line in enumerate(ORDER) for name in line.split()}
MODULES = sorted([*(ROOT / "vmxlint").rglob("*.py"), *(ROOT / "rules").glob("*.py")])
TOP_LEVEL = "pyproject.toml vmxlint rules fixtures tests README.md LICENSE CHANGELOG.md".split()


def room(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[0] if parts[0] == "rules" else parts[1]


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    names = [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module]
    names += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    whole = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == "vmxlint"]
    names += [f"vmxlint.{alias.name}" for n in whole for alias in n.names]
    return {name.split(".")[1] for name in names if name.startswith("vmxlint.")} - {"__version__"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_point_one_way(path: Path) -> None:
    here = room(path)
    if here in ("__init__", "__main__"):
        return
    assert here in LEVEL, f"{here} has no place in ORDER"
    for name in imported(path) - {here}:
        assert LEVEL[name] < LEVEL[here], f"{here} imports {name}"


@pytest.mark.parametrize("path", sorted((ROOT / "rules").glob("*.py")), ids=lambda path: path.stem)
def test_rules_see_no_syntax_and_name_no_project(path: Path) -> None:
    text = path.read_text("utf-8")
    assert "syntax" not in imported(path)
    assert "tree_sitter" not in text
    code = ast.unparse(ast.parse(text).body[1:])  # type: ignore[arg-type]
    for name in ("kvm", "vcpu_vmx", "host_rsp", "hv_timer", "loaded_vmcs", "vmcs_"):
        assert name not in code.lower(), f"{path.stem} knows {name}"


def test_the_cheap_path_imports_nothing_dear() -> None:
    code = "import sys, vmxlint.cli; print({'sarif_om', 'tree_sitter'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert shown.stdout.strip() == "set()"


def test_nothing_else_lies_on_the_top_level() -> None:
    listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT)
    if listed.returncode:
        pytest.skip("no git checkout")
    top = {name.split("/")[0] for name in listed.stdout.split("\n") if name}
    assert {name for name in top if not name.startswith(".")} <= set(TOP_LEVEL)
