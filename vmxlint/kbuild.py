"""`vmxlint-kbuild`, for `make C=1 CHECK=vmxlint-kbuild`: checks one file of a kernel that is built.

Kbuild calls it as it would call a compiler, with all of the compiler's options, and stops when it
fails. So it looks at no option, takes the last C file, says what it finds there on stderr, and
succeeds, whatever happens.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from vmxlint.findings import Finding

_OPTIONS = ("--terse", "--quiet", "--color", "never", "--")
_OURS = re.compile(rb"vmcs|vmread|vmwrite|vmlaunch|vmresume", re.IGNORECASE)


def main() -> NoReturn:
    """Check the file that the command line names, and exit 0."""
    file = named(sys.argv[1:])
    path = analysed_with(file) if file else None
    if file and path:
        sys.stdout.flush()
        os.dup2(2, 1)
        _check(file, path)
    sys.exit(0)


def named(arguments: Sequence[str]) -> str | None:
    """The last argument that is the name of a C file."""
    return next((one for one in reversed(arguments) if one.endswith(".c")), None)


def analysed_with(file: str) -> str | None:
    """The path to analyse for a file, None if neither its folder nor its text speaks of VMX.

    For a file of a hypervisor that vmxlint knows that is the whole of it, so that the answer for
    one file, once kept, is the answer for all.
    """
    from vmxlint.model import dialect
    from vmxlint.reading.whose import known_unit

    try:
        path = Path(file).resolve(strict=True)
        if unit := known_unit(path, [dialect.load(dialect.PLAIN)]):
            return str(unit) if os.path.isabs(file) else os.path.relpath(unit)  # noqa: PTH117
        return file if _OURS.search(path.read_bytes()) else None
    except (OSError, RuntimeError, ValueError):
        return None


def _check(file: str, path: str) -> None:
    from vmxlint.reporters.escape import escape

    try:
        _say(file, path)
    except SystemExit:
        pass  # it has said on stderr what was wrong
    except Exception as error:
        print(escape(f"vmxlint: can't check {file!r}: {error!r}"), file=sys.stderr)


def _goes_with(finding: Finding, place: Path, files: Mapping[str, Path]) -> bool:
    """Whether a finding is told with a C file: as it lies there; or it lies in a header, which make
    hands to no checker, and that is the first C file that it speaks of, or includes the header."""
    where = files[finding.location.path]
    if where.suffix == ".c":
        return where == place
    others = (*finding.call_sites, *(one.location for one in finding.related))
    spoken_of = (files[one.path] for one in others if one.path in files)
    first = next((one for one in spoken_of if one.suffix == ".c"), None)
    included = rb'(?m)^[ \t]*#[ \t]*include[^\n]*["/]' + re.escape(os.fsencode(where.name)) + rb'"'
    return first == place if first else bool(re.search(included, place.read_bytes()))


def _say(file: str, path: str) -> None:
    """What `vmxlint check` says of the path, as far as it goes with the file."""
    from vmxlint.cli import check, output, settings

    place = Path(file).resolve()
    with check.command.make_context("vmxlint-kbuild", [*_OPTIONS, path]) as context:
        given = settings.resolved(context)
        report, keep = check.analysed(given)
        files = {name: Path(opened).resolve() for name, opened in report.prefixes.items()}
        own = tuple(one for one in report.findings if _goes_with(one, place, files))
        wanted = output.outputs("concise", ())
        output.emit(report._replace(findings=own, stale=()), given, wanted)
        keep()
