"""Which commit of which repository a tree is, without what a remote's URL may hold in secret."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from vmxlint.change.git import git
from vmxlint.reading.source import InputError

_SCHEMES = ("https", "http", "ssh", "git")
_SCP = re.compile(r"(?:[^/@:]+@)?([\w.-]+):(?!/?/)([^\s\\]+)")


@dataclass(frozen=True)
class Provenance:
    """A commit: `repository` is an absolute URI; `branch` is None where none is checked out.

    `is_root` says whether the tree is the repository's root.
    """

    repository: str
    revision: str
    branch: str | None
    is_root: bool


def provenance(folder: Path) -> Provenance | None:
    """That of the tree in a folder; None if it lies in no repository with a commit and a remote."""
    try:
        remote = _line(folder, "config", "--get", "remote.origin.url")
        revision = _line(folder, "rev-parse", "--verify", "HEAD^{commit}")
        top = _line(folder, "rev-parse", "--show-toplevel")
    except InputError:
        return None
    uri = without_secrets(remote)
    if uri is None:
        return None
    return Provenance(uri, revision, _branch(folder), Path(top).resolve() == folder.resolve())


def _branch(folder: Path) -> str | None:
    try:
        return _line(folder, "symbolic-ref", "--quiet", "--short", "HEAD")
    except InputError:
        return None


def _line(folder: Path, *arguments: str) -> str:
    return git(*arguments, folder=folder).decode("utf-8", "surrogateescape").rstrip("\n")


def without_secrets(remote: str) -> str | None:
    """A remote as an absolute URI without user, password, query and fragment; None for a path of
    this machine, and for what is no URI."""
    scp = _SCP.fullmatch(remote)
    try:
        parts = urlsplit(f"ssh://{scp[1]}/{scp[2]}" if scp else remote)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in _SCHEMES or not host:
        return None
    netloc = f"[{host}]" if ":" in host else host
    path = quote(parts.path, safe="/%~", errors="surrogateescape")
    return urlunsplit((parts.scheme, f"{netloc}:{port}" if port else netloc, path, "", ""))
