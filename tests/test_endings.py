"""A run that can't go on ends with one line and the right code; one that can, goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Executor, Future
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import NoReturn

import pytest

from tests.fixtures import FIXTURES, PLAIN, ROOT
from tests.hostile import ACCESSORS, FINDING, SOUND, WRITE, function, unit
from vmxlint.reading import PARALLEL_FROM, Reading
from vmxlint.reading.workers import of_the_living

BEFORE = FIXTURES / "kvm_before"
COMMAND = [sys.executable, "-m", "vmxlint"]
SHELL = f"{sys.executable} -m vmxlint --no-cache"
FULL = "can't read or write the output: no space left on device"
PARSER = """
import os, signal, time, tree_sitter
class Parser:
    def __init__(self, *given, **more):
        self.parser = tree_sitter_parser(*given, **more)
    def parse(self, text):
        {first}
        return self.parser.parse(text)
tree_sitter_parser, tree_sitter.Parser = tree_sitter.Parser, Parser
"""
DIES = 'if b"deadly" in text: os.kill(os.getpid(), signal.SIGSEGV)'
WAITS = 'while not os.path.exists(os.environ["GO_ON"]): time.sleep(0.01)'


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


def shell(line: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        capture_output=True,
        text=True,
        cwd=BEFORE,
        env=environment(**env),
        timeout=60,
    )


def with_parser(folder: Path, first: str) -> str:
    """A path of modules with which the parser does something first."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(PARSER.format(first=first))
    return f"{folder}:{ROOT}"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A unit that several processes read, in no time."""
    root = unit(tmp_path_factory.mktemp("shared"), b"")
    for number in range(30):
        code = f"int f{number}(int a) {{ return a; }}\n" + f"/* {'filler ' * 10}*/\n" * 300
        (root / f"part{number}.c").write_text(code)
    assert sum(one.stat().st_size for one in root.iterdir()) > PARALLEL_FROM
    return root


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A unit that several processes read, for seconds: a signal comes in time on a busy machine."""
    root = unit(tmp_path_factory.mktemp("large"), b"")
    for number in range(30):
        code = "".join(f"int f{number}_{n}(int a) {{ return a + {n}; }}\n" for n in range(4000))
        (root / f"part{number}.c").write_text(code)
    return root


def heeding_interrupts() -> None:
    """What runs in the background of a shell ignores them, and so does all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def started(root: Path, **env: str) -> subprocess.Popen[str]:
    command = [*COMMAND, "--no-cache", "--format", "json", "-j", "3", str(root)]
    return subprocess.Popen(
        command,
        text=True,
        cwd=ROOT,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heeding_interrupts,
    )


def descendants(process: int) -> list[int]:
    listed = Path(f"/proc/{process}/task/{process}/children")
    own = [int(one) for one in listed.read_text().split()] if listed.exists() else []
    return [*own, *(other for one in own for other in descendants(one))]


def grown(run: subprocess.Popen[str], least: int) -> list[int]:
    """The processes of a run, once there are so many beside the first."""
    for _ in range(3000):
        if len(found := descendants(run.pid)) >= least:
            return found
        time.sleep(0.01)
    raise AssertionError("no such processes")


def is_gone(process: int) -> bool:
    state = Path(f"/proc/{process}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] == "Z"


def all_gone(processes: list[int]) -> bool:
    for _ in range(3000):
        if all(map(is_gone, processes)):
            return True
        time.sleep(0.01)
    return False


TWICE = """
import os, signal, sys
from vmxlint import __main__, ending
def end_interrupted_again(*how, end=ending._end):
    os.kill(os.getpid(), signal.SIGINT)
    end(*how)
ending._end = end_interrupted_again
def interrupted(): os.kill(os.getpid(), signal.SIGINT)
ending.open_streams = __main__.open_streams = interrupted
__main__.main()
"""


def test_interrupted_again_while_it_ends() -> None:
    command = [sys.executable, "-c", TWICE]
    run = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=environment(),
        preexec_fn=heeding_interrupts,
    )
    assert (run.returncode, run.stderr) == (130, "vmxlint: interrupted\n")


@pytest.mark.parametrize("whole_group", [False, True])
def test_interrupted(large: Path, whole_group: bool) -> None:
    run = started(large)
    processes = grown(run, 2)
    for one in (run.pid, *processes) if whole_group else (run.pid,):
        os.kill(one, signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert (run.returncode, out, err) == (130, "", "vmxlint: interrupted\n")
    assert all_gone(processes)


def test_terminated(large: Path) -> None:
    run = started(large)
    processes = grown(run, 2)
    run.terminate()
    out, err = run.communicate(timeout=60)
    assert (run.returncode, out, err) == (143, "", "vmxlint: stopped by SIGTERM\n")
    assert all_gone(processes)


def test_killed_leaves_nothing_running(large: Path) -> None:
    run = started(large)
    processes = grown(run, 2)
    run.kill()
    run.communicate(timeout=60)
    assert all_gone(processes)


def test_a_process_that_died_before_it_had_its_work_changes_no_answer(shared: Path) -> None:
    class Dead(Executor):
        def submit(self, *args: object, **kwargs: object) -> NoReturn:
            raise BrokenProcessPool

    reading = Reading(shared, PLAIN, 3, executor=Dead())
    reading.begin()
    assert len(reading.facts()[0]) == 33


def test_nobody_waits_for_what_a_dead_process_was_sending() -> None:
    dead = get_context("fork").Process(target=os._exit, args=(1,))
    dead.start()
    unsent, sent, failed = Future[int](), Future[int](), Future[int]()
    sent.set_result(1)
    failed.set_exception(BrokenProcessPool())
    assert list(of_the_living([unsent, sent, failed], [dead])) == [1]
    assert list(of_the_living([sent, failed])) == [1]


@pytest.mark.parametrize("which", [0, -1])
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_killed_child_changes_no_answer(
    shared: Path, which: int, number: int, tmp_path: Path
) -> None:
    """Killed from outside, the child that does it all (0) is not run again: it may be too big."""
    site, go_on = with_parser(tmp_path / "site", WAITS), tmp_path / "go-on"
    run = started(shared, PYTHONPATH=site, GO_ON=str(go_on))
    os.kill(grown(run, 2)[which], number)
    go_on.touch()
    out, err = run.communicate(timeout=60)
    if which == 0 and number == signal.SIGKILL:
        assert (run.returncode, out, err) == (137, "", "vmxlint: stopped by SIGKILL\n")
    else:
        assert run.returncode == 1 and out, err
        found = json.loads(out)
        assert [(one["rule"], one["path"], one["line"]) for one in found["findings"]] == [FINDING]
        assert found["coverage"]["files"] == 33
        assert found["coverage"]["not_understood"] == []


@pytest.mark.parametrize("command", ["check", "why hostile", "budget"])
@pytest.mark.parametrize("size", [1, 12_000])
def test_a_file_that_kills_the_parser_is_left_out(command: str, size: int, tmp_path: Path) -> None:
    site = with_parser(tmp_path / "site", DIES)
    root = unit(tmp_path / "unit", function(WRITE).encode())
    (root / "deadly.c").write_text("int deadly;\n" * size)
    (root / "large.c").write_text("int large;\n" + "// no code\n" * size * 4)
    line = f"{SHELL.replace(' --no-cache', '')} {command} --no-cache -j 2 --format json {root}"
    done = shell(line, PYTHONPATH=site)
    assert done.returncode == (1 if command == "check" else 0), done.stderr
    found = json.loads(done.stdout)
    if command == "check":
        assert len(found["findings"]) == 2
        gaps = [{"path": "deadly.c", "line": 1, "reason": "kills the parser"}]
        assert found["coverage"]["not_understood"] == gaps


@pytest.mark.parametrize(
    ("line", "code", "out", "err"),
    [
        (f"{SHELL} . > /dev/full", 2, "", FULL),
        (f"{SHELL} --format json . > /dev/full", 2, "", FULL),
        (f"{sys.executable} -m vmxlint why handle_cpuid . > /dev/full", 2, "", FULL),
        (f"{sys.executable} -m vmxlint rule > /dev/full", 2, "", FULL),
        (f"{sys.executable} -m vmxlint --help > /dev/full", 2, "", FULL),
        (f"{SHELL} -o /dev/full .", 2, "", "can't write '/dev/full'"),
        (f"{SHELL} -o /no/such/folder/x .", 2, "", "can't write '/no/such/folder/x'"),
        (f"{SHELL} . | head -1", 1, "[VMX", "warnings in"),
        (f"{SHELL} --format json . | head -c 1", 1, "{", "warnings in"),
        (f"{sys.executable} -m vmxlint rule | head -1", 0, "VMX101", ""),
        (f"{SHELL} . 2> /dev/full", 1, "[VMX", ""),
        (f"{SHELL} . >&-", 1, "", "warnings in"),
        (f"{SHELL} . 2>&-", 1, "[VMX", ""),
        (f"{SHELL} . <&-", 1, "[VMX", "warnings in"),
        (f"{SHELL} . <&- >&- 2>&-", 1, "", ""),
    ],
)
def test_streams_that_fail(line: str, code: int, out: str, err: str) -> None:
    done = shell(line)
    assert done.returncode == code
    assert out in done.stdout and bool(out) == bool(done.stdout)
    assert err in done.stderr and bool(err) == bool(done.stderr)
    assert done.stderr.count("\n") <= 1


@pytest.mark.parametrize("home", [None, "/proc/nowhere", "/dev/null", "relative", ""])
def test_no_home(home: str | None) -> None:
    env = {key: value for key, value in environment().items() if key != "XDG_CACHE_HOME"}
    env = {key: value for key, value in env.items() if key != "HOME"}
    env |= {} if home is None else {"HOME": home}
    for _ in range(2):
        done = subprocess.run(
            [*COMMAND, "."], capture_output=True, text=True, cwd=BEFORE, env=env, timeout=60
        )
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert not (BEFORE / "relative").exists()


def test_a_report_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """A disk that is full: the old report stays."""
    old = tmp_path / "report.json"
    old.write_text("old")
    line = f"ulimit -f 1; {SHELL} --format json -o {old} ."
    done = shell(line, PYTHONDONTWRITEBYTECODE="1")  # Python keeps what it could write of a module
    assert done.returncode != 0
    assert old.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["report.json"]


def test_a_tree_that_may_not_be_written(tmp_path: Path) -> None:
    root = tmp_path / "unit"
    root.mkdir()
    (root / "vmx.c").write_text(ACCESSORS + SOUND.partition("\n")[2])
    root.chmod(0o555)
    before = sorted(root.rglob("*"))
    done = shell(f"{SHELL} {root}")
    assert done.returncode == 1
    assert sorted(root.rglob("*")) == before
