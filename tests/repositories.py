"""Git repositories of a fixture's files in a temporary folder, and patches between their states."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.command import forked
from tests.documents import validate
from tests.fixtures import FIXTURES, ROOT
from tests.mutants import Edit

AFTER, BEFORE = FIXTURES / "kvm_after", FIXTURES / "kvm_before"
NONE: Mapping[str, str] = {}
Done = subprocess.CompletedProcess[bytes]

_GIT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "PYTHONPATH": str(ROOT),
    **{
        f"GIT_{who}_{what}": f"{what.lower()}@example.org"
        for who in ("AUTHOR", "COMMITTER")
        for what in ("NAME", "EMAIL")
    },
    "GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z",
}


def environment(env: Mapping[str, str] = NONE) -> dict[str, str]:
    """That of the tests, with what git needs, and more."""
    return {**os.environ, **_GIT, **env}


class Repository:
    """A work tree with its `.git`; the first commit, if there is one, holds the files of `tree`."""

    def __init__(
        self,
        top: Path,
        tree: Path = AFTER,
        below: str = "",
        commit: bool = True,
        made: bool = False,
    ) -> None:
        self.top = top
        self.files = top / below
        if made:
            return
        shutil.copytree(tree, self.files)
        self.git("init", "-q", "-b", "main")
        if commit:
            self.commit("start")

    def git(self, *arguments: str, given: str | None = None) -> str:
        command = ["git", *arguments]
        done = subprocess.run(
            command, cwd=self.top, env=environment(), input=given, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def commit(self, subject: str) -> str:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD").strip()

    def edit(self, *edits: Edit) -> None:
        for name, old, new in edits:
            file = self.files / name
            text = file.read_bytes().decode() if old else ""
            assert old in text, f"{name} has no {old!r}"
            file.write_bytes((text.replace(old, new) if old else new).encode())

    def committed(self, subject: str, *edits: Edit) -> str:
        self.edit(*edits)
        return self.commit(subject)

    def mails(self, count: int = 1, *options: str) -> bytes:
        """The last commits as an mbox."""
        return self.git("format-patch", "--stdout", f"-{count}", *options).encode()

    def state(self) -> dict[str, object]:
        """All that vmxlint must leave alone: each file, with its time, and what git says."""
        files = {
            str(file.relative_to(self.top)): (
                hashlib.sha256(file.read_bytes()).hexdigest(),
                "sharedindex" in file.name or file.stat().st_mtime_ns,  # renewed by any reader
            )
            for file in sorted(self.top.rglob("*"))
            if file.is_file() and not file.is_symlink()
        }
        index = Path(self.top, ".git/index")
        before = index.stat().st_mtime_ns if index.exists() else 0
        said = self.git("--no-optional-locks", "status", "--porcelain=v2", "--branch")
        assert before == (index.stat().st_mtime_ns if index.exists() else 0)
        return {**files, "status": said, "objects": self.git("count-objects", "-v")}

    def check(
        self, *arguments: str | Path, given: bytes = b"", env: Mapping[str, str] = NONE
    ) -> Done:
        """vmxlint called at the top; it must not have written anything there."""
        before = self.state()
        done = vmxlint(*arguments, cwd=self.top, given=given, env=env)
        changed = {key for key, value in self.state().items() if before.get(key) != value}
        assert not changed, changed
        return done

    def change(
        self, *arguments: str | Path, given: bytes = b"", env: Mapping[str, str] = NONE
    ) -> dict[str, Any]:
        """The JSON document on a change."""
        done = self.check("--format", "json", *arguments, given=given, env=env)
        assert done.returncode in (0, 1), done.stderr
        document: dict[str, Any] = json.loads(done.stdout)
        validate(document, "vmxlint-v1.schema.json")
        assert document["findings"] == document["change"]["new"]
        told = [one for one in document["findings"] if one["suppressed"] is None]
        assert done.returncode == bool(told)
        return document


def vmxlint(
    *arguments: str | Path, cwd: Path, given: bytes = b"", env: Mapping[str, str] = NONE
) -> Done:
    return forked("check", *arguments, cwd=cwd, given=given, env=environment(env))


def rules(findings: Sequence[dict[str, Any]]) -> list[str]:
    """The rules of some findings, one a finding."""
    return sorted(one["rule"] for one in findings)


def is_toggle(findings: Sequence[dict[str, Any]]) -> bool:
    """Whether these are the findings of a control that is toggled, and so written twice."""
    return {"VMX101"} <= set(rules(findings)) <= {"VMX101", "VMX103"}


def deltas(change: dict[str, Any]) -> dict[str, float]:
    """By how many cycles the typical pass of each path has changed, where it has."""
    paths = change["paths"]
    for one in paths:
        low, typical, high = (one["delta"][end] for end in ("low", "typical", "high"))
        assert low <= typical <= high
        if one["before"] and one["after"]:
            moved = one["after"]["typical"] - one["before"]["typical"]
            assert abs(moved - typical) < 0.02 + abs(typical) / 1000
    return {one["context"]: one["delta"]["typical"] for one in paths if one["delta"]["typical"]}
