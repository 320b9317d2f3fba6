"""A change as a row of trees, from the one before it to the one after its last patch."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from vmxlint.change.apply import File, applied
from vmxlint.change.git import GitError
from vmxlint.change.naming import named
from vmxlint.change.parts import part
from vmxlint.change.patch import Mailed, Patch
from vmxlint.change.paths import is_below
from vmxlint.change.repository import Repository
from vmxlint.change.store import Store, store
from vmxlint.change.trees import (
    DiskTree,
    GitTree,
    IndexTree,
    PatchedTree,
    SparseTree,
    Tree,
    Wanted,
    plain_tree,
)
from vmxlint.model.dialect import Dialect
from vmxlint.reading.source import InputError

_NAMED = 3  # patches that a note names
_SHORT = 12  # digits of a commit's id, as kernel people write it


@dataclass(frozen=True)
class Series:
    """`base` says what the first tree is; each patch leads from one tree to the next.

    `note` is what the user should know of how the trees were found.
    """

    base: str
    trees: tuple[Tree, ...]
    patches: tuple[Patch, ...]
    note: str = ""


def work_tree(repository: Repository, own: Store, revision: str) -> Series:
    """The files as they lie there, against a revision."""
    old = GitTree(own, repository.tree(revision))
    disk = DiskTree(repository.top, repository.work_tree)
    left_out = own.left_out(repository.index)
    new = SparseTree(disk, IndexTree(own, left_out)) if left_out else disk
    return Series(revision, (old, new), (Patch(),))


def staged(repository: Repository, own: Store) -> Series:
    """What the next commit would do, against the last one or, before the first, nothing."""
    head = repository.head()
    old = repository.tree(head) if head else own.empty_tree()
    trees = (GitTree(own, old), IndexTree(own, own.staged(repository.index)))
    return Series("HEAD" if head else "nothing", trees, (Patch(),))


def between(repository: Repository, own: Store, old: str, new: str) -> Series:
    """A revision against where it left another one."""
    ends = (repository.fork(old, new), repository.commit(new))
    return Series(old, tuple(GitTree(own, repository.tree(one)) for one in ends), (Patch(),))


def commits(repository: Repository, own: Store, given: str) -> Series:
    """The commits of a range, each against the one before it."""
    listed = repository.commits(given)
    if not listed:
        head = GitTree(own, repository.tree(given.rpartition("..")[2] or "HEAD"))
        return Series(given, (head,), (), f"no commits in {given}")
    base, tree = _parent(repository, own, listed[0])
    trees = [GitTree(own, tree), *(GitTree(own, repository.tree(one)) for one in listed)]
    patches = [
        Patch(number, len(listed), _subject(own.commit(one)))
        for number, one in enumerate(listed, 1)
    ]
    return Series(base, tuple(trees), tuple(patches))


def _parent(repository: Repository, own: Store, commit: str) -> tuple[str, str]:
    """The name and the tree of a commit's first parent, the empty tree for a root commit."""
    head = own.commit(commit).partition(b"\n\n")[0]
    parents = [line[7:] for line in head.split(b"\n") if line.startswith(b"parent ")]
    if not parents:
        return "nothing", own.empty_tree()
    parent = parents[0].decode("ascii")
    try:
        return parent[:_SHORT], repository.tree(parent)
    except InputError:
        raise InputError(
            f"the commit before {commit[:_SHORT]} is not here: the repository is shallow"
        ) from None


def _subject(commit: bytes) -> str:
    message = commit.partition(b"\n\n")[2].decode("utf-8", "replace").strip()
    return message.partition("\n")[0]


def mails(
    repository: Repository, own: Store, mailed: Mailed, base: str | None, folders: Sequence[bytes]
) -> Series:
    """Patches applied to `base`, else to the commit that they name, else to HEAD.

    Where HEAD has them already, as a branch of whose patches b4 asks, they are applied to what it
    was before the first of them. Their names may go on from one of the `folders`.
    """
    note = ""
    if base is None and mailed.base:
        try:
            base = repository.commit(mailed.base)[:_SHORT]
        except InputError:
            note = f"base-commit {mailed.base[:_SHORT]} is not here: applied to HEAD"
    if base is not None:
        return _applied(GitTree(own, repository.tree(base)), mailed, base, folders, note)
    tree = repository.tree("HEAD") if repository.head() else own.empty_tree()
    try:
        return _applied(GitTree(own, tree), mailed, "HEAD", folders, note)
    except InputError:
        subject = mailed.patches[0].subject if mailed.patches else ""
        there = repository.with_subject(subject)
        if there is None:
            raise
        base, tree = _parent(repository, own, there)
        return _applied(GitTree(own, tree), mailed, base, folders, "HEAD has it already")


def on_plain_files(
    top: Path, paths: Sequence[bytes], mailed: Mailed, dialects: Sequence[Dialect]
) -> Series:
    """Patches applied to files that are in no repository; what they do elsewhere is left out."""
    tree = plain_tree(top)
    parts = [found for path in paths if (found := part(tree, path, dialects)) is not None]
    return _applied(
        tree, mailed, "the files", paths, "", lambda path: any(is_below(path, up) for up in parts)
    )


def _every(_: bytes) -> bool:
    return True


def _applied(
    tree: Tree,
    mailed: Mailed,
    base: str,
    folders: Sequence[bytes],
    note: str,
    wanted: Wanted = _every,
) -> Series:
    trees, patches = [tree], []
    with tempfile.TemporaryDirectory(prefix="vmxlint-") as folder:
        scratch = store(Path(folder) / "scratch")
        for patch in mailed.patches:
            there = partial(_exactly, trees[-1])
            naming = named(scratch, patch.diff, there, folders)
            try:
                changed = applied(scratch, patch.diff, naming, there, wanted)
            except GitError as error:
                raise InputError(f"{patch.name} doesn't apply to {base}: {error}") from None
            trees.append(PatchedTree(trees[-1], changed))
            patches.append(replace(patch, naming=naming))
    return Series(base, tuple(trees), tuple(patches), note or _unusual(mailed))


def _unusual(mailed: Mailed) -> str:
    """What the user should know of some mails; "" if there is nothing."""
    if not mailed.patches:
        return "no patch in the mail"
    if mailed.missing:
        which = ", ".join(map(str, mailed.missing[:_NAMED]))
        more = " ..." if mailed.missing[_NAMED:] else ""
        return f"without patch {which}{more} of {mailed.patches[0].of}, not in the mail"
    return ""


def _exactly(tree: Tree, names: Sequence[bytes]) -> Mapping[bytes, File]:
    return tree.files(names, set(names).__contains__)
