"""Calls git so that a stranger's repository makes it run nothing, fetch nothing and write nothing.

No shell, no pager, no hook, no file-system monitor, no system configuration, no transport: whatever
a repository's own configuration names, the few commands used here have no way to start it.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from vmxlint.reading.source import InputError

_OFF = (
    "core.fsmonitor=",
    "core.hooksPath=/dev/null",
    "core.untrackedCache=false",
    "core.preloadIndex=false",
    "protocol.allow=never",
    "gc.auto=0",
    "maintenance.auto=false",
)
_KEPT = {  # which repository and index the caller means, as git tells its hooks
    "GIT_DIR",
    "GIT_COMMON_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_CEILING_DIRECTORIES",
    "GIT_DISCOVERY_ACROSS_FILESYSTEM",
    "GIT_EXEC_PATH",
}
_SET = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_ASKPASS": "",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_PAGER": "cat",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
    "SSH_ASKPASS": "",
}
_NOISE = re.compile(r"^(?:fatal|error|warning): ")


class GitError(InputError):
    """git would not do it; the message is git's own reason on one line."""


def git(
    *arguments: str | bytes | Path,
    folder: Path,
    given: bytes = b"",
    environment: Mapping[str, str] | None = None,
    dropped: Sequence[str] = (),
) -> bytes:
    """What git says on stdout when called in `folder` with `given` on stdin.

    `environment` is added to git's, `dropped` taken from it. Raises GitError if git fails, and
    InputError if there is no git.
    """
    command = ["git", "--no-pager", *(part for one in _OFF for part in ("-c", one)), *arguments]
    kept = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith("GIT_") or (key in _KEPT and key not in dropped)
    }
    try:
        done = subprocess.run(  # noqa: S603 - an argument vector, no shell
            command,
            cwd=folder,
            env={**kept, **_SET, **(environment or {})},
            input=given,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError:
        raise InputError("no git: a change is read by git, which is not installed") from None
    except OSError as error:
        raise InputError(f"can't run git: {error.strerror}") from None
    if done.returncode:
        raise GitError(_reason(done.stderr))
    return done.stdout


def _reason(stderr: bytes) -> str:
    """The first line of git's that says what is wrong."""
    lines = [line.strip() for line in os.fsdecode(stderr).splitlines() if line.strip()]
    said = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
    return _NOISE.sub("", said[0]) if said else "git failed and did not say why"
