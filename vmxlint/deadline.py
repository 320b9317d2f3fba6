"""A limit on the time that one step may take, so that no input holds up a run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_AGAIN = 1.0  # seconds; a signal may be lost where Python ignores exceptions


_passed = [False]


def has_passed() -> bool:
    """Whether any step of this process took too long, so that what it found is not the whole."""
    return _passed[0]


class TooLong(BaseException):
    """A step took longer than it may. No error of the step: nothing in it may catch this."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raise TooLong in a body that computes for longer, in seconds of this process's own time.

    Time that other processes take does not count. Outside of the main thread there is no limit,
    since only that one gets signals. Not to be nested.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGVTALRM, _give_up)
    signal.setitimer(signal.ITIMER_VIRTUAL, max(seconds, 0.001), _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _give_up(number: int, frame: FrameType | None) -> None:
    _passed[0] = True
    raise TooLong
