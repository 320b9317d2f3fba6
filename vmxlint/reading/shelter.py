"""A process to die in: if the parser's C library falls, the run stands up and goes on with care.

The parser is given strangers' code in a language that has no bounds. So a run that is about to
parse goes on in a child, and its parent waits for it: two milliseconds. If the child dies of a
fault, the next one has each file read by a child of its own first: the file that kills it is not
read, and that is said. If that was not enough, one more reads all bodies of functions so, too.
"""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

FAULTS = frozenset(
    (signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE, signal.SIGSYS)
)
_PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_MOST_FALLS = 2

_state = {"entered": False, "falls": 0}


def enter() -> None:
    """Go on in a child of this process, whose end is also that of this one. Once is enough.

    To be called before threads or other processes are started.
    """
    if _state["entered"] or not hasattr(os, "fork"):
        return
    _state["entered"] = True
    here, there = os.pipe()
    while child := os.fork():
        code = _outlived(child)
        if code >= 0:
            os._exit(code)
        if -code not in FAULTS or _state["falls"] == _MOST_FALLS:
            _die_of(-code)
        _state["falls"] += 1
    os.close(there)
    _end_with(here)


def falls() -> int:
    """How often the parser has fallen in this run; from the first time on, it is to be careful."""
    return _state["falls"]


def begin_worker() -> None:
    """What a process of a pool does first: it says nothing where it is interrupted, and does not
    wait for work from one that is dead."""
    from multiprocessing import parent_process

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT,))
    if parent := parent_process():
        _end_with(parent.sentinel)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put off an interrupt till the body has ended: the hooks of a fork would ignore it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT,))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with(pipe: int) -> None:
    """Be ended when the other side of a pipe is closed, by whatever end its process comes to."""
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETSIG, signal.SIGTERM)
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([pipe], [], [], 0)[0]:  # closed before it could send a signal
        os._exit(128 + signal.SIGTERM)


def survives(step: Callable[[], object]) -> bool:
    """Whether a child of this process that takes a step lives to its end."""
    child = os.fork()
    if child:
        return _outlived(child) == 0
    try:
        step()
    finally:
        os._exit(0)


def _outlived(child: int) -> int:
    """Wait for a child, to which signals are passed on; its exit code, or a signal's number < 0."""

    def pass_on(number: int, frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(child, number)

    before = [(number, signal.signal(number, pass_on)) for number in _PASSED_ON]
    _, status = os.waitpid(child, 0)
    for number, handler in before:
        signal.signal(number, handler)
    return os.waitstatus_to_exitcode(status)


def _die_of(number: int) -> None:
    """End as the child did, which no fault of the code has killed, but somebody."""
    sys.stderr.write(f"vmxlint: stopped by {signal.Signals(number).name}\n")
    sys.stderr.flush()
    os._exit(128 + number)
