"""For all tests: the user's settings don't reach them, and clocks are read undisturbed."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import settings

from tests.fixtures import FIXTURES, ROOT

# The same examples each time; for others, --hypothesis-profile default.
settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
settings.load_profile("repeatable")

THEIRS = re.compile(
    "CLICOLOR|COLORTERM|COLUMNS|FORCE_COLOR|GIT_|LANG|LC_|LINES|NO_COLOR|PRE_COMMIT"
    "|PYTHON(?!PATH|HOME)|TERM|TZ|XDG_"
)


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Neither read nor kept is anything where the user's own runs would."""
    home = tmp_path_factory.mktemp("home")
    umask = os.umask(0o022)
    with pytest.MonkeyPatch.context() as patch:
        for name in filter(THEIRS.match, [*os.environ]):
            patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
        patch.setenv("PYTHONPYCACHEPREFIX", str(home / "compiled"))  # for all runs
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        patch.setenv("LC_ALL", "C.UTF-8")
        yield
    os.umask(umask)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """A test that is marked `alone` runs while no other process of the suite runs one."""
    with _turn(fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH):
        return (yield)


@contextmanager
def _turn(kind: int) -> Iterator[None]:
    """One lock to wait for one's turn, so that nobody overtakes who waits for the other."""
    turns, runs = (os.open(folder, os.O_RDONLY) for folder in (ROOT, FIXTURES))
    try:
        fcntl.flock(turns, fcntl.LOCK_EX)
        fcntl.flock(runs, kind)
        fcntl.flock(turns, fcntl.LOCK_UN)
        yield
        fcntl.flock(runs, fcntl.LOCK_UN)
    finally:
        os.close(turns)
        os.close(runs)
