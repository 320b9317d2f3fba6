"""The command in a process of its own, forked from one that has imported all that it needs.

A new interpreter takes longer to import the command than the command takes for a small unit. What
only a new one heeds, such as a locale or a hash seed, is for those tests that start one.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from tempfile import TemporaryDirectory
from typing import NamedTuple

import vmxlint as package
from tests.fixtures import ROOT, analysed, cases
from vmxlint.__main__ import main

LONGEST = 120  # seconds
STREAMS = ("stdin", "stdout", "stderr")
Argument = str | bytes | Path

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])
for _module in walk_packages(package.__path__, "vmxlint."):
    import_module(_module.name)
analysed(cases()[0])  # for what is imported or read late


class _Run(NamedTuple):
    arguments: tuple[Argument, ...]
    cwd: Path
    env: Mapping[str, str]
    encoding: str
    memory: int | None


def vmxlint(*arguments: Argument, cwd: Path = ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    """What `vmxlint ARGUMENTS` says."""
    done = forked(*arguments, cwd=cwd, env={**os.environ, **env})
    out, err = done.stdout.decode(), done.stderr.decode()
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)


def forked(
    *arguments: Argument,
    cwd: Path = ROOT,
    given: bytes = b"",
    env: Mapping[str, str] | None = None,
    encoding: str = "utf-8",
    memory: int | None = None,
    longest: float = LONGEST,
) -> subprocess.CompletedProcess[bytes]:
    """What `vmxlint ARGUMENTS` gives, byte for byte, with so much memory and time at most."""
    with TemporaryDirectory() as streams:
        Path(streams, "stdin").write_bytes(given)
        asked = _Run(arguments, cwd, dict(os.environ if env is None else env), encoding, memory)
        run = _FORKS.Process(target=_run, args=(asked, streams))
        run.start()
        run.join(longest)
        if run.exitcode is None:
            run.kill()
            raise subprocess.TimeoutExpired(list(arguments), longest)
        out, err = (Path(streams, name).read_bytes() for name in STREAMS[1:])
    return subprocess.CompletedProcess(arguments, run.exitcode, out, err)


def _run(asked: _Run, streams: str) -> None:
    for number, name in enumerate(STREAMS):
        opened = os.open(Path(streams, name), os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = os.fdopen(0, encoding=asked.encoding, closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding=asked.encoding, closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, asked.encoding, "backslashreplace", closefd=False)
    os.chdir(asked.cwd)
    os.environ.clear()
    os.environ.update(asked.env)
    if asked.memory:
        resource.setrlimit(resource.RLIMIT_AS, (asked.memory, asked.memory))
    sys.argv = ["vmxlint", *map(os.fsdecode, asked.arguments)]
    main()
