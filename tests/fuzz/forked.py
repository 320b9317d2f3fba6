"""Runs of the command in forks of this process, which has imported all of it: many in a second."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from typing import NoReturn

from vmxlint import engine  # noqa: F401  # imported here, once for all forks
from vmxlint.cli import main
from vmxlint.reading import shelter
from vmxlint.registry import rules
from vmxlint.reporters import json_v1, rdjson, sarif, text  # noqa: F401

rules()


def run(arguments: Sequence[str], longest: float) -> subprocess.CompletedProcess[bytes]:
    """What `vmxlint ARGUMENTS` gives; TimeoutExpired if it does not end."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if not child:
            _in_child(arguments, out.fileno(), err.fileno())
        code = _waited_for(child, arguments, longest)
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(arguments, code, out.read(), err.read())


def _waited_for(child: int, arguments: Sequence[str], longest: float) -> int:
    end = time.monotonic() + longest
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise subprocess.TimeoutExpired(arguments, longest)
        time.sleep(0.002)


def _in_child(arguments: Sequence[str], out: int, err: int) -> NoReturn:
    os.dup2(out, 1)
    os.dup2(err, 2)
    shelter._state["entered"] = True  # a fault of the parser is one here
    code = 70
    try:
        main(list(arguments))
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
