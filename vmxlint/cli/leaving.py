"""How a command ends: the exit codes, the one line that says what was wrong."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NoReturn

import click

CLEAN, FOUND, UNUSABLE = 0, 1, 2


def say(line: str) -> None:
    """Print a line on stderr; that nobody can read it there changes nothing else."""
    with contextlib.suppress(OSError):
        click.echo(line, nl=not line.endswith("\n"), err=True)


def leave(code: int) -> NoReturn:
    """Exit without taking a million small objects apart first, which takes as long as linking."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(code)


def fail(message: str) -> NoReturn:
    """Exit for a wrong path or option, which the message names."""
    from vmxlint.reporters.escape import escape

    say(f"vmxlint: {escape(message)}")
    sys.exit(UNUSABLE)
