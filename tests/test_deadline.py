"""What takes too long is given up, and that is said; the rest goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.fixtures import FIXTURES, analysed, options
from vmxlint import engine, syntax
from vmxlint.deadline import TooLong, within
from vmxlint.engine import run
from vmxlint.facts import Facts
from vmxlint.hits import Hit
from vmxlint.program import Program

BEFORE = FIXTURES / "kvm_before"


def compute() -> None:
    end = time.process_time() + 30
    while time.process_time() < end:
        sum(range(1000))


def test_a_step_that_computes_too_long_is_given_up() -> None:
    begun = time.process_time()
    with pytest.raises(TooLong), within(0.05):
        compute()
    assert time.process_time() - begun < 2
    with within(0.05):
        time.sleep(0.2)  # which is no time of this process
    with within(60):
        pass


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_exception_that_is_ignored_is_raised_again() -> None:
    class Deaf:
        def __del__(self) -> None:
            compute()

    with pytest.raises(TooLong), within(0.05):
        Deaf()
        compute()


def test_another_thread_has_no_limit() -> None:
    ended: list[bool] = []

    def step() -> None:
        with within(0.001):
            sum(range(1_000_000))
        ended.append(True)

    thread = threading.Thread(target=step)
    thread.start()
    thread.join()
    assert ended


def test_a_file_that_takes_too_long_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    known = syntax.Reader._read

    def read(reader: syntax.Reader, path: str, text: bytes) -> Facts:
        if path == "vmx/exits.c":
            compute()
        return known(reader, path, text)

    monkeypatch.setattr(syntax.Reader, "_read", read)
    monkeypatch.setattr(syntax, "_PATIENCE", 2)
    report = run([str(BEFORE)], options())
    gaps = {(one.path, one.reason) for one in report.coverage.not_understood}
    assert gaps == {("vmx/exits.c", "not read: it takes longer than 2 seconds")}
    assert report.findings


def test_a_rule_that_takes_too_long_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(program: Program) -> Iterator[Hit]:
        compute()
        return iter(())

    rules = options().rules
    slow = [replace(one, check=check) if one.id == "VMX602" else one for one in rules]
    monkeypatch.setattr(engine, "PATIENCE", 4)
    report = run([str(BEFORE)], replace(options(), rules=slow))
    reasons = [one.reason for one in report.coverage.not_understood if one.path == "."]
    assert reasons
    assert all(one.startswith("rule VMX602 ") and "given up" in one for one in reasons)
    assert {one.rule for one in report.findings} == {
        one.rule for one in analysed(BEFORE).findings if one.rule != "VMX602"
    }
