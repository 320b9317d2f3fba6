"""The benchmark runs, and the line that says how far a long step is."""

from __future__ import annotations

import io
import sys

import pytest

from tests.bench.__main__ import main
from tests.test_cli import AFTER
from vmxlint.cli import progress


def test_a_table_of_one_round(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "--rounds", "1", "--no-peers", str(AFTER)])
    main()
    table = [line for line in capfd.readouterr().out.splitlines() if line.startswith("| ")]
    assert [line.split(" |")[0] for line in table[1:]] == [
        "| floor",
        "| vmxlint, cold",
        "| vmxlint, warm",
        "| vmxlint, a comment more",
        "| vmxlint, a statement more",
    ]
    assert table[1].split(" | ")[2] == "1.0"


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "is_told"), [(_Terminal(), True), (io.StringIO(), False)])
def test_progress_is_told_on_a_terminal_and_wiped(
    stream: io.StringIO, is_told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    monkeypatch.setattr(progress, "_AGAIN", 0.0)
    with progress.Progress("{} files") as shown:
        shown.tell(1000)
        shown.tell(5)
    assert stream.getvalue().startswith("\r1,000 files\r5 files    \r" if is_told else "")
    assert stream.getvalue().strip("\r ") == ("1,000 files\r5 files" if is_told else "")


def test_a_short_step_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = _Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    with progress.Progress("{} files") as shown:
        shown.tell(1)
    assert stream.getvalue() == ""
