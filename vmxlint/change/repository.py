"""The user's repository, of which only names, references and paths are asked for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vmxlint.change.git import GitError, git
from vmxlint.reading.source import InputError

_ID = re.compile("[0-9a-f]{40,64}")
_RECENT = 100  # commits that a patch is looked for among
_COUNTED = re.compile(r"(.+)-([1-9]\d{0,5})")


@dataclass(frozen=True)
class Repository:
    """Where a work tree, its objects and its index lie, and which hash names the objects."""

    top: Path
    objects: Path
    index: Path
    hash: str

    def commit(self, revision: str) -> str:
        """The id of the commit that a revision means; InputError if it means none."""
        found = self._resolved(f"{revision}^{{commit}}") if _is_name(revision) else None
        if found is None:
            raise InputError(f"no commit {revision!r} in {str(self.top)!r}")
        return found

    def head(self) -> str | None:
        """The commit that is checked out, None before the first one."""
        return self._resolved("HEAD^{commit}")

    def tree(self, revision: str) -> str:
        """The id of the tree that a revision means; InputError if it means none."""
        found = self._resolved(f"{revision}^{{tree}}") if _is_name(revision) else None
        if found is None:
            raise InputError(f"no revision {revision!r} in {str(self.top)!r}")
        return found

    def commits(self, given: str) -> list[str]:
        """The commits that a range means, oldest first, as checkpatch reads it.

        `A..B`: those of B that A lacks; `A...B`: those of B since it left A; `REV-N`: the last N up
        to REV; `REV`: that one. Merges count as one commit, along the first parent.
        """
        left, dots, right = given.partition("...")
        if not dots:
            left, dots, right = given.partition("..")
        if dots:
            return self._between(left or "HEAD", dots, right or "HEAD")
        counted = _COUNTED.fullmatch(given)
        if counted and _is_name(given) and not self._resolved(f"{given}^{{commit}}"):
            return self._listed(f"--max-count={counted[2]}", self.commit(counted[1]))
        return [self.commit(given)]

    def _between(self, left: str, dots: str, right: str) -> list[str]:
        old = self.fork(left, right) if dots == "..." else self.commit(left)
        return self._listed(self.commit(right), f"^{old}")

    def with_subject(self, subject: str) -> str | None:
        """The latest of HEAD's commits with a subject, if it is among the last hundred."""
        if not subject or not self.head():
            return None
        listed = self._git(
            "rev-list", "--first-parent", f"--max-count={_RECENT}", "--format=%s", "HEAD", "--"
        )
        lines = iter(listed.decode("utf-8", "replace").split("\n"))
        pairs = ((line.removeprefix("commit "), next(lines, "")) for line in lines)
        return next((commit for commit, found in pairs if found == subject), None)

    def fork(self, left: str, right: str) -> str:
        """The last commit that two revisions have in common; InputError if there is none."""
        try:
            return _line(self._git("merge-base", self.commit(left), self.commit(right)))
        except GitError:
            raise InputError(f"{left!r} and {right!r} have no commit in common") from None

    def _listed(self, *what: str) -> list[str]:
        listed = self._git("rev-list", "--first-parent", "--reverse", *what, "--")
        return listed.decode("ascii").split()

    def work_tree(self, below: Sequence[bytes]) -> Iterator[bytes]:
        """The paths from the top of files that git tracks, and of new ones not ignored.

        Some may be gone. `below` are the paths that they lie at or below, all for "".
        """
        below = [] if b"" in below else below
        listed = self._git(
            "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *below
        )
        yield from sorted(set(listed.split(b"\0")) - {b""})

    def _resolved(self, revision: str) -> str | None:
        try:
            found = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", revision)
        except GitError:
            return None
        return _line(found) if _ID.fullmatch(_line(found)) else None

    def _git(self, *arguments: str | bytes) -> bytes:
        return git(*arguments, folder=self.top)


def repository(folder: Path) -> Repository:
    """The repository around a folder.

    Raises GitError with git's reason if there is none, InputError if its files are not there.
    """

    def asked(*what: str) -> Path:
        answer = git("rev-parse", "--path-format=absolute", *what, folder=folder)
        return Path(os.fsdecode(answer.removesuffix(b"\n")))

    if asked("--is-bare-repository").name == "true":
        raise InputError(f"{str(folder)!r} is in a bare repository, which has no work tree")
    top = asked("--show-toplevel").resolve()
    if not (top / ".git").exists() and "GIT_WORK_TREE" not in os.environ:
        raise InputError(f"the repository around {str(folder)!r} says that its files lie elsewhere")
    form = asked("--show-object-format").name
    return Repository(top, asked("--git-path", "objects"), asked("--git-path", "index"), form)


def _is_name(revision: str) -> bool:
    """Whether git may be asked about it: no option, nothing that it would read as several."""
    return bool(revision) and not revision.startswith("-") and "\0" not in revision


def _line(answer: bytes) -> str:
    return answer.decode("ascii").strip()
