"""`vmxlint-kbuild`, for `make C=1 CHECK=vmxlint-kbuild`: checks one file of a kernel that is built.

Kbuild calls it as it would call a compiler, with all of the compiler's options, and stops when it
fails. So it looks at no option, takes the last C file, says what it finds there on stderr, and
succeeds, whatever happens.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

_OPTIONS = ("check", "--terse", "--quiet", "--exit-zero", "--color", "never", "--")
_OURS = re.compile(rb"vmcs|vmread|vmwrite|vmlaunch|vmresume", re.IGNORECASE)


def main() -> NoReturn:
    """Check the file that the command line names, and exit 0."""
    file = named(sys.argv[1:])
    if file is not None and concerns_vmx(file):
        sys.stdout.flush()
        os.dup2(2, 1)
        _check(file)
    sys.exit(0)


def named(arguments: Sequence[str]) -> str | None:
    """The last argument that is the name of a C file."""
    return next((one for one in reversed(arguments) if one.endswith(".c")), None)


def concerns_vmx(file: str) -> bool:
    """Whether a file lies in a hypervisor that vmxlint knows, or speaks of VMX itself: the rest of
    the kernel is passed over without a look at what is around it."""
    from vmxlint.model import dialect
    from vmxlint.source import known_unit

    try:
        path = Path(file).resolve(strict=True)
        return bool(known_unit(path, dialect.load("kvm")) or _OURS.search(path.read_bytes()))
    except (OSError, RuntimeError, ValueError):
        return False


def _check(file: str) -> None:
    from vmxlint.cli import main as command
    from vmxlint.reporters.escape import escape

    try:
        command([*_OPTIONS, file])
    except SystemExit:
        pass  # it has said on stderr what was wrong
    except Exception as error:
        print(escape(f"vmxlint: can't check {file!r}: {error!r}"), file=sys.stderr)
