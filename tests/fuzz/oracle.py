"""What must hold of a run, whatever it was given."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.fixtures import ROOT

FORMATS = ("text", "json", "sarif", "concise", "rdjson", "github")
LONGEST = 60  # seconds on the clock: three times what is allowed, since machines are busy


def command(form: str, root: Path) -> list[str]:
    """The arguments of a run: `form` is a format, or another command."""
    if form == "why":
        return ["why", "--format", "json", "vmx_vcpu_run", str(root)]
    if form == "budget":
        return ["budget", "--format", "json", str(root)]
    return ["check", "--audit", "--format", form, str(root)]


Run = Callable[[Sequence[str], float], "subprocess.CompletedProcess[bytes]"]


def run(arguments: Sequence[str], longest: float) -> subprocess.CompletedProcess[bytes]:
    """What `vmxlint ARGUMENTS` gives, as users call it."""
    path = os.pathsep.join(filter(None, (os.environ.get("PYTHONPATH"), str(ROOT))))
    return subprocess.run(
        [sys.executable, "-m", "vmxlint", *arguments],
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        timeout=longest,
    )


def faults(form: str, root: Path, run: Run = run) -> Iterator[str]:
    """What is wrong with a run over a tree, in words."""
    try:
        done = run([*command(form, root), "--no-cache"], LONGEST)
    except subprocess.TimeoutExpired:
        yield f"hangs with {form}"
        return
    errors = done.stderr.decode("utf-8", "replace")
    if done.returncode not in (0, 1, 2):
        yield f"exit {done.returncode} with {form}: {errors[-2000:]}"
    if "Traceback" in errors or (done.returncode == 2 and errors.count("\n") != 1):
        yield f"traceback with {form}: {errors[-3000:]}"
    if form in ("json", "sarif", "rdjson", "why", "budget") and done.returncode < 2:
        yield from document_faults(form, done.stdout, root)


def document_faults(form: str, out: bytes, root: Path) -> Iterator[str]:
    """What is wrong with a document."""
    try:
        document = json.loads(out)
    except ValueError as error:
        yield f"{form} does not parse: {error}"
        return
    if form == "json":
        for finding in document["findings"]:
            yield from span_faults(finding, root)


def span_faults(place: dict[str, Any], root: Path) -> Iterator[str]:
    """Whether a finding lies inside its file."""
    lines = (root / place["path"]).read_bytes().split(b"\n")
    first, last = place["line"], place["end_line"]
    ordered = (first, place["column"]) < (last, place["end_column"])
    if not (1 <= first <= last <= len(lines) and place["column"] >= 1 and ordered):
        yield f"a finding outside of its file: {place}"
    elif (
        place["column"] > len(lines[first - 1]) + 1
        or place["end_column"] > len(lines[last - 1]) + 1
    ):
        yield f"a finding outside of its line: {place}"
