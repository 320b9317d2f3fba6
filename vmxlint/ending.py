"""How a run ends that can't go on: one line, the right exit code, and nothing left behind."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from types import FrameType
from typing import NoReturn

CLEAN, UNUSABLE, INTERRUPTED = 0, 2, 128 + signal.SIGINT

_ONE_INTERRUPT = 1.0
"""Seconds in which several signals are one: a terminal sends it to a run's whole group, and the
parent passes its own on."""

_state = {"interrupted": -_ONE_INTERRUPT}


class Interrupted(BaseException):
    """The user wants no more of this run. Not KeyboardInterrupt, which click keeps for itself."""


def heed_interrupts() -> None:
    """Let an interrupt raise Interrupted, unless the run is in the background and to ignore it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Raise once: a second one would fall into the handling of the first."""
    before, _state["interrupted"] = _state["interrupted"], monotonic()
    if _state["interrupted"] - before >= _ONE_INTERRUPT:
        raise Interrupted


@contextmanager
def orderly() -> Iterator[None]:
    """End the run where the body is interrupted (130), or where it can't write (2); quietly where
    nobody reads on, which is no error."""
    try:
        yield
    except (Interrupted, KeyboardInterrupt):
        _end(INTERRUPTED, "interrupted")
    except BrokenPipeError:
        _end(CLEAN)
    except OSError as error:
        where = ascii(error.filename) if error.filename else "the output"
        _end(UNUSABLE, f"can't read or write {where}: {(error.strerror or str(error)).lower()}")


def _end(code: int, said: str = "") -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if "multiprocessing" in sys.modules:
        from multiprocessing import active_children

        for child in active_children():
            child.kill()
    if said:
        with suppress(OSError):
            sys.stderr.write(f"vmxlint: {said}\n")
            sys.stderr.flush()
    os._exit(code)


def open_streams() -> None:
    """Open what was closed of stdin, stdout and stderr, lest a file of the run takes its number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))
