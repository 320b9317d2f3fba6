"""A change tells what it brings and mends, by whatever way it comes, and leaves git alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.mutants import (
    DROP,
    NESTED,
    OPEN_TIMER,
    SWITCH,
    TIMER,
    VMX,
    WANTED,
    Edit,
    define,
    entry,
    leave,
    new_file,
    switch_vmcs,
    toggle,
)
from tests.repositories import Repository, deltas, is_toggle, rules

TOGGLE = toggle(OPEN_TIMER, f"pin_ctls_clearbit(vmx, {TIMER});")
COLD = define(f"void now_and_then(struct vcpu_vmx *vmx)\n{{\n\t{WANTED}\n}}\n")
CALL = leave("now_and_then(vmx);")
WAYS = ("diff", "staged", "git", "git-range", "patch", "patch-diff")


def by(way: str, repository: Repository, *edits: Edit) -> dict[str, Any]:
    """What vmxlint says of the edits, told in one of the ways."""
    if way == "diff":
        repository.edit(*edits)
        return repository.change("--diff", "HEAD")
    if way == "staged":
        repository.edit(*edits)
        repository.git("add", "-A")
        repository.git("stash", "apply", "-q") if repository.git("stash", "list") else ""
        return repository.change("--staged")
    repository.committed("KVM: VMX: Change something", *edits)
    if way == "git":
        return repository.change("--git", "HEAD")
    if way == "git-range":
        return repository.change("--git", "HEAD~1..HEAD")
    text = repository.mails()
    if way == "patch-diff":
        text = repository.git("diff", "HEAD~1", "HEAD").encode()
    repository.git("reset", "-q", "--hard", "HEAD~1")
    return repository.change("--patch", "-", given=text)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.mark.parametrize("way", WAYS)
def test_a_toggle_is_new(way: str, repository: Repository) -> None:
    document = by(way, repository, *TOGGLE)
    assert is_toggle(document["findings"])
    assert {one["path"] for one in document["findings"]} <= {VMX, NESTED}
    assert not document["change"]["fixed"]
    assert deltas(document["change"])["entry"] > 10


@pytest.mark.parametrize("way", ("diff", "git", "patch"))
def test_the_way_back_is_fixed(way: str, repository: Repository) -> None:
    repository.committed("toggle", *TOGGLE)
    back = [(file, new, old) for file, old, new in TOGGLE]
    document = by(way, repository, *back)
    assert not document["findings"]
    assert is_toggle(document["change"]["fixed"])
    assert deltas(document["change"])["entry"] < -10


@pytest.mark.parametrize("way", ("staged", "git", "patch"))
def test_a_caller_makes_an_untouched_line_a_finding(way: str, repository: Repository) -> None:
    repository.committed("cold", COLD)
    document = by(way, repository, CALL)
    (found,) = document["findings"]
    assert (found["rule"], found["function"]) == ("VMX102", "now_and_then")
    assert "now_and_then" in found["call_path"]
    assert deltas(document["change"])["exit"] > 10


@pytest.mark.parametrize("way", ("staged", "git", "patch"))
def test_a_finding_that_runs_more_often_is_costlier(way: str, repository: Repository) -> None:
    repository.committed("nested", COLD, switch_vmcs("now_and_then(vmx);"))
    change = by(way, repository, CALL)["change"]
    ((before, after),) = [(one["before"], one["after"]) for one in change["costlier"]]
    assert before["rule"] == after["rule"] == "VMX102"
    assert before["cost"]["per_exit"]["typical"] == 0 < after["cost"]["per_exit"]["low"]
    assert not change["new"]
    assert not change["fixed"]
    assert deltas(change)["exit"] > 20


def test_what_has_no_price_is_told_by_its_count(repository: Repository) -> None:
    repository.edit(leave("vmcs_activate(vmx->loaded_vmcs->vmcs);"))
    document = repository.change("--diff", "HEAD")
    told = {one["context"]: one["not_priced"] for one in document["change"]["paths"]}
    assert told["exit"] == {"vmptrld": pytest.approx(1, abs=0.05)}
    assert told["entry"] == {}
    text = repository.check("--diff", "HEAD").stdout.decode()
    assert "exit and 16 more: VMPTRLD +1.0 expected in one pass, not priced" in text
    repository.git("reset", "-q", "--hard")
    assert "not priced" not in repository.check("--diff", "HEAD").stdout.decode()


def test_a_finding_that_runs_less_often_is_not_costlier(repository: Repository) -> None:
    repository.committed("both", COLD, switch_vmcs("now_and_then(vmx);"), CALL)
    change = by("git", repository, (CALL[0], CALL[2], CALL[1]))["change"]
    assert not change["costlier"]
    assert not change["new"]
    assert not change["fixed"]
    assert deltas(change)["exit"] < -20


REGROUPED = {
    "parentheses": (f"pin_ctls_clearbit(vmx, {TIMER})", f"pin_ctls_clearbit((vmx), ({TIMER}))"),
    "braces": (f"pin_ctls_clearbit(vmx, {TIMER});", f"{{ pin_ctls_clearbit(vmx, {TIMER}); }}"),
}


@pytest.mark.parametrize("regrouped", REGROUPED.values(), ids=REGROUPED)
def test_a_statement_in_other_parentheses_is_the_same(
    regrouped: tuple[str, str], repository: Repository
) -> None:
    repository.committed("toggle", *TOGGLE)
    document = by("git", repository, (VMX, *regrouped))
    assert not document["findings"]
    assert not document["change"]["fixed"]


MOVED = {
    "down-the-file": [define("/* one\n * two\n */"), entry("/* three */")],
    "to-another-file": [
        (SWITCH, DROP, ""),
        new_file(DROP),
    ],
    "indented": [(VMX, "\t", "        ")],
    "function-renamed": [
        (VMX, "start_deadline_timer", "begin_deadline_timer"),
        (VMX, "park_deadline_timer", "rest_deadline_timer"),
    ],
    "variable-renamed": [
        (NESTED, "u32 ctls;", "u32 bits;"),
        (NESTED, "ctls = ", "bits = "),
        (NESTED, "ctls |= ", "bits |= "),
        (NESTED, "(vmx, ctls", "(vmx, bits"),
    ],
    "member-renamed": [
        (file, "timer_parked", "at_rest") for file in ("vmx/vmcs.h", VMX, "vmx/exits.c")
    ],
}


@pytest.mark.parametrize("edits", MOVED.values(), ids=MOVED)
@pytest.mark.parametrize("way", ("git", "patch"))
def test_what_is_only_moved_or_renamed_is_nothing(
    way: str, edits: list[Edit], repository: Repository
) -> None:
    repository.committed("toggle", *TOGGLE, entry(WANTED))
    document = by(way, repository, *edits)
    assert not document["findings"]
    assert not document["change"]["fixed"]
    assert not deltas(document["change"])


def test_a_file_renamed_is_nothing(repository: Repository) -> None:
    repository.committed("toggle", *TOGGLE, entry(WANTED))
    repository.git("mv", VMX, "vmx/main.c")
    document = repository.change("--staged")
    assert not document["findings"]
    assert not document["change"]["fixed"]


def test_no_change_is_nothing(repository: Repository) -> None:
    repository.committed("toggle", *TOGGLE)
    for arguments in (["--diff", "HEAD"], ["--staged"], ["--git", "HEAD..HEAD"]):
        done = repository.check(*arguments)
        assert (done.returncode, done.stdout) == (0, b"")


def series(repository: Repository) -> None:
    """Three patches: one toggles, one writes without a compare, one takes the first back."""
    repository.committed("KVM: VMX: Toggle the timer", *TOGGLE)
    repository.committed("KVM: VMX: Write again", entry(WANTED))
    repository.committed("KVM: VMX: Rest", *[(file, new, old) for file, old, new in TOGGLE])


@pytest.mark.parametrize("way", ("git", "git-count", "patch", "cover", "replies"))
def test_a_series_pins_each_finding_to_its_patch(way: str, repository: Repository) -> None:
    series(repository)
    if way.startswith("git"):
        document = repository.change("--git", "HEAD~3..HEAD" if way == "git" else "HEAD-3")
    else:
        mails = repository.mails(3, *(["--cover-letter"] if way == "cover" else []))
        repository.git("reset", "-q", "--hard", "HEAD~3")
        if way == "replies":
            mails += mails.replace(b"Subject: [", b"Subject: Re: [").replace(b"\n+", b"\n> +")
        document = repository.change("--patch", "-", given=mails)
    (found,) = document["findings"]
    assert found["rule"] == "VMX102"
    assert found["patch"] == 'patch 2/3 "KVM: VMX: Write again"'
    assert not document["change"]["fixed"]
    first, second, third = document["change"]["patches"]
    assert is_toggle(first["new"])
    assert first["lost"] == first["new"]
    assert rules(second["new"]) == ["VMX102"]
    assert not second["lost"]
    assert is_toggle(third["fixed"])
    steps = [deltas(one)["entry"] for one in (first, second, third)]
    assert abs(sum(steps) - deltas(document["change"])["entry"]) < 0.1
    assert steps[0] > 10


def test_both_ways_say_the_same(repository: Repository) -> None:
    series(repository)
    by_git = repository.change("--git", "HEAD-3")
    mails = repository.mails(3)
    repository.git("reset", "-q", "--hard", "HEAD~3")
    by_patch = repository.change("--patch", "-", given=mails)
    by_git["change"]["base"] = by_patch["change"]["base"] = ""
    assert by_git == by_patch
