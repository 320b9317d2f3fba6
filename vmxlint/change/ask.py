"""What was asked about a change, answered: finds the trees, has them analysed and subtracted."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from vmxlint.cache import Store as Cache
from vmxlint.change import series as trees
from vmxlint.change.git import GitError
from vmxlint.change.hook import hooked
from vmxlint.change.look import Budgeted, Looking
from vmxlint.change.patch import mailed
from vmxlint.change.paths import joined, upwards
from vmxlint.change.repository import Repository, repository
from vmxlint.change.series import Series
from vmxlint.change.store import Store, store
from vmxlint.change.subtract import subtracted
from vmxlint.config import OWN, SHARED, Config, parsed
from vmxlint.engine import Options
from vmxlint.model.dialect import Dialect, candidates
from vmxlint.reading.source import InputError
from vmxlint.reading.whose import is_unit
from vmxlint.report import Report


@dataclass(frozen=True)
class Asked:
    """Which change: one of `diff` (a revision), `staged`, `git` (a range) and `patch` (its text).

    `patch_name` is where the text comes from, `base` the revision that it is to be applied to.
    With `hook` the paths are the files that pre-commit passes; `refs` are then the two revisions
    that it may name, between which the change lies.
    """

    diff: str | None = None
    staged: bool = False
    git: str | None = None
    patch: bytes | None = None
    patch_name: str = "-"
    base: str | None = None
    hook: bool = False
    refs: tuple[str, str] | None = None


@dataclass(frozen=True)
class Plan:
    """The trees of a change, found but not read yet, and the paths of interest in them.

    `top` is the top of the tree on the disk and `shown` how the user opens it.
    """

    asked: Asked
    series: Series
    paths: tuple[bytes, ...]
    top: Path
    shown: str
    folder: Path

    def config(self) -> Config:
        """The configuration for the paths, as the first tree has it: no patch turns a rule off."""
        common = os.path.commonpath(self.paths) if all(self.paths) else b""
        for above in upwards(common):
            names = [joined(above, name.encode()) for name in (OWN, SHARED)]
            found = self.series.trees[0].files(names, names.__contains__)
            for name in filter(found.__contains__, names):
                config = parsed(found[name].data, self.top / os.fsdecode(name))
                if config.path:
                    return config
        return Config()

    def report(
        self, options: Options, cache: Cache, question: bytes, quoted: bool, budgeted: Budgeted
    ) -> Report:
        """The report on the change, with the hunks that bring a finding if it is to be `quoted`,
        with the cycles of each path before and after it or `each` patch, if it is `budgeted`.

        What is found is kept in the cache under the question, which stands for the options. Raises
        InputError for a path that can't be analysed.
        """
        is_whole = self.asked.hook or self.paths == (b"",)
        looking = Looking(
            self.paths, options, self.shown, self.folder, cache, question, is_whole, budgeted
        )
        if self.asked.hook:
            return hooked(self.series, self.paths, looking)
        return subtracted(self.series, looking, quoted)


@contextmanager
def planned(asked: Asked, paths: Sequence[str]) -> Iterator[Plan]:
    """The plan for a change to what lies in `paths`, the whole repository if there are none.

    Raises InputError if the change can't be had.
    """
    with tempfile.TemporaryDirectory(prefix="vmxlint-") as name:
        folder = Path(name).resolve()
        there = [_there(path, asked.hook) for path in paths]
        try:
            known = repository(_folder(there))
        except GitError as error:
            if asked.patch is None or not there or "not a git repository" not in str(error):
                raise InputError(f"{str(_folder(there))!r}: {error}") from None
            yield _on_plain_files(asked, paths, there, folder)
            return
        own = store(folder / "store", known.objects, known.hash)
        inside = [_inside(known.top, path, given) for path, given in zip(there, paths, strict=True)]
        series = _series(asked, known, own, [*inside, *_here(known.top)])
        yield Plan(
            asked, series, tuple(inside or [b""]), known.top, _shown(known.top, paths), folder
        )


def _there(path: str, hook: bool) -> Path:
    """A path with its links followed, but for a file that pre-commit passes: it may be a link."""
    return Path(path).parent.resolve() / Path(path).name if hook else Path(path).resolve()


def _folder(paths: Sequence[Path]) -> Path:
    """The folder that tells the repository: that of the first path, or where vmxlint was called.

    Where git has set GIT_DIR, as for a hook in a linked work tree, it takes the folder that it is
    called in for the top.
    """
    first = paths[0] if paths and "GIT_DIR" not in os.environ else Path.cwd()
    return next(one for one in (first, *first.parents) if one.is_dir())


def _inside(top: Path, path: Path, given: str) -> bytes:
    if not path.is_relative_to(top):
        raise InputError(f"{given!r} is not in the repository {str(top)!r}")
    inside = path.relative_to(top).as_posix()
    return b"" if inside == "." else os.fsencode(inside)


def _shown(top: Path, paths: Sequence[str]) -> str:
    """How a user who gave these paths opens the top of the tree."""
    if any(Path(path).is_absolute() for path in paths):
        return str(top)
    return os.path.relpath(top)


def _here(top: Path) -> Iterator[bytes]:
    """The folder below the top from which vmxlint was called."""
    if (here := Path.cwd()) != top and here.is_relative_to(top):
        yield os.fsencode(here.relative_to(top).as_posix())


def _series(asked: Asked, known: Repository, own: Store, folders: Sequence[bytes]) -> Series:
    if asked.diff is not None:
        return trees.work_tree(known, own, asked.diff)
    if asked.git is not None:
        return trees.commits(known, own, asked.git)
    if asked.patch is not None:
        patches = mailed(asked.patch, asked.patch_name)
        return trees.mails(known, own, patches, asked.base, folders)
    if asked.refs is not None:
        return trees.between(known, own, *asked.refs)
    return trees.staged(known, own)


def _on_plain_files(
    asked: Asked, paths: Sequence[str], there: Sequence[Path], folder: Path
) -> Plan:
    """The plan for a patch to files that are in no repository."""
    if asked.base is not None:
        raise InputError(f"--base names a revision, and {paths[0]!r} is in no git repository")
    dialects = list(candidates(None))
    top = _top(there[0], dialects)
    inside = [_inside(top, path, given) for path, given in zip(there, paths, strict=True)]
    patches = mailed(asked.patch or b"", asked.patch_name)
    series = trees.on_plain_files(top, inside, patches, dialects)
    return Plan(asked, series, tuple(inside), top, _shown(top, paths), folder)


def _top(path: Path, dialects: Sequence[Dialect]) -> Path:
    """The root of the source tree around a path, from which patches name their files."""
    if not path.exists():
        raise InputError(f"no such file or folder: {str(path)!r}")
    for above in (path, *path.parents):
        if any(is_unit(above / known, one) for one in dialects for known in one.folders):
            return above
    return path if path.is_dir() else path.parent
