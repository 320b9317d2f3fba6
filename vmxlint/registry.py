"""The rules: discovered, checked, and their docstrings taken apart into manuals."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from vmxlint.findings import OWN

if TYPE_CHECKING:
    from vmxlint.hits import Hit

SEVERITIES = ("error", "warning", "note")
TIERS = ("default", "audit")
_ID = re.compile(r"VMX\d{3}")


class RuleError(Exception):
    """A rule's module is not what a rule must be, or no rule has that name."""


@dataclass(frozen=True)
class Rule:
    """One rule. `summary` is its docstring's first line, `manual` the whole docstring.

    `check` is given the Program; that of a rule about vmxlint's own comments, the Judged ones.
    """

    id: str
    name: str
    severity: str
    tier: str
    summary: str
    manual: str
    check: Callable[[Any], Iterator[Hit]]

    @property
    def is_own(self) -> bool:
        """Whether the rule looks at comments for vmxlint, not at the hypervisor."""
        return self.id.startswith(OWN)


def _folder() -> Path:
    """The rules' folder: beside this module in a wheel, beside the package in a checkout."""
    here = Path(__file__).parent
    return here / "rules" if (here / "rules").is_dir() else here.parent / "rules"


@cache
def rules() -> tuple[Rule, ...]:
    """All rules in order of their ids; RuleError names the file of one that is not right."""
    found: dict[str, Rule] = {}
    for path in sorted(_folder().glob("*.py")):
        rule = _rule(path, _load(path))
        if rule.id in found:
            raise RuleError(f"{path}: {rule.id} is also the id of {found[rule.id].name}")
        found[rule.id] = rule
    return tuple(found[key] for key in sorted(found))


def _load(path: Path) -> ModuleType:
    name = f"vmxlint_rules.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise RuleError(f"{path}: not a module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _rule(path: Path, module: ModuleType) -> Rule:
    rule_id, check = getattr(module, "ID", ""), getattr(module, "check", None)
    severity, tier = getattr(module, "SEVERITY", ""), getattr(module, "TIER", "")
    manual = (module.__doc__ or "").strip()
    wrong = (
        not manual and "a docstring",
        not _ID.fullmatch(rule_id) and "an ID such as VMX101",
        not callable(check) and "a function check(program)",
        severity not in SEVERITIES and f"a SEVERITY of {', '.join(SEVERITIES)}",
        tier not in TIERS and f"a TIER of {', '.join(TIERS)}",
    )
    for missing in filter(None, wrong):
        raise RuleError(f"{path}: a rule needs {missing}")
    assert check is not None
    summary = manual.splitlines()[0]
    return Rule(rule_id, path.stem.replace("_", "-"), severity, tier, summary, manual, check)


def find(wanted: str) -> Rule:
    """The rule of that id or name, in any case; RuleError says which one may have been meant."""
    known = {key: rule for rule in rules() for key in (rule.id.lower(), rule.name)}
    if rule := known.get(wanted.lower()):
        return rule
    import difflib

    near = difflib.get_close_matches(wanted.lower(), known, 1, 0.5)
    hint = f"; did you mean {known[near[0]].id} {known[near[0]].name}?" if near else ""
    raise RuleError(f"no rule {wanted!r}{hint}")
