"""How far a long step is: one line on stderr, if that is a terminal, gone when the step ends."""

from __future__ import annotations

import sys
import time

PATIENCE = 1.0  # seconds before anything is said
_AGAIN = 0.1


class Progress:
    """Says `form`, with a count in it, for as long as the step takes."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._next = time.monotonic() + PATIENCE
        self._width = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()

    def tell(self, count: int) -> None:
        """Say how far the step is, at most ten times a second."""
        now = time.monotonic()
        if now < self._next or not sys.stderr.isatty():
            return
        self._next = now + _AGAIN
        line = self._form.format(f"{count:,}")
        self._width = max(self._width, len(line))
        sys.stderr.write("\r" + line.ljust(self._width))
        sys.stderr.flush()
