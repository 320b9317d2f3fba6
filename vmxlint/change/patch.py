"""What a file of patches holds: a mail, an mbox with a series, or a plain diff.

Mails are taken apart by git's own mailsplit and mailinfo, which know encodings and odd headers.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vmxlint.change.naming import USUAL, Naming
from vmxlint.change.store import Store, store
from vmxlint.reading.source import InputError

_HEADER = re.compile(rb"[!-9;-~]+:|[ \t]")
_DIFF = re.compile(rb"^(?:diff --git |--- |Index: |@@ )", re.M)
_BASE = re.compile(rb"^base-commit: ([0-9a-f]{40,64})\s*$", re.M)
_REPLY = re.compile(r"(?:re|aw|fwd?)(?:\[\d+\])?\s*:", re.I)
_REPLY_TO_PATCH = re.compile(r"[a-z]{2,4}(?:\[\d+\])?\s*:\s*\[[^]]*(?:PATCH|RFC)", re.I)
_TAG = re.compile(r"\s*\[([^\]]*)\]")
_NUMBER = re.compile(r"\b(\d+)/(\d+)\b")
_VERSION = re.compile(r"\bv(\d+)\b", re.I)


@dataclass(frozen=True)
class Patch:
    """One patch of a series: `diff` is its text if it came as one, `of` how many there are.

    `naming` says how the text names its files.
    """

    number: int = 1
    of: int = 1
    subject: str = ""
    diff: bytes = b""
    naming: Naming = USUAL

    @property
    def name(self) -> str:
        """`patch 2/5 "subject"`, shorter for one alone or without a subject."""
        place = f"patch {self.number}/{self.of}" if self.of > 1 else "patch"
        return f'{place} "{self.subject}"' if self.subject else place


@dataclass(frozen=True)
class Mailed:
    """The patches of a file in order, and the commit that it says they are made for.

    `missing` are the numbers of those that should come before one that is there.
    """

    patches: tuple[Patch, ...]
    base: str | None = None
    missing: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Mail:
    subject: str
    diff: bytes
    number: int | None
    of: int
    version: int


def mailed(text: bytes, given: str) -> Mailed:
    """The patches in a text; InputError, naming `given`, if there is nothing like one in it.

    A mail without a diff, a cover letter for one, is passed over, and so are replies and all but
    the newest version of a series, or of a patch that was sent anew alone.
    """
    if not _is_mail(text):
        if not _DIFF.search(text):
            raise InputError(f"no patch in {given!r}")
        return Mailed((Patch(diff=_unwrapped(text)),))
    with tempfile.TemporaryDirectory(prefix="vmxlint-") as folder:
        scratch = store(Path(folder) / "scratch")
        mails = [_read(mail, scratch) for mail in _split(text, scratch)]
    bases = [found[1].decode("ascii") for found in _BASE.finditer(text)]
    patches = tuple(_series(mails))
    numbers = {one.number for one in patches}
    missing = set(range(1, max(numbers, default=0))) - numbers - {one.number for one in mails}
    return Mailed(patches, bases[0] if bases else None, tuple(sorted(missing)))


def _unwrapped(text: bytes) -> bytes:
    """A patch without the CRs of its way, which all lines have, not only those of a file."""
    carried = text.count(b"\r\n") == text.count(b"\n")
    return text.replace(b"\r\n", b"\n") if carried else text


def _is_mail(text: bytes) -> bool:
    """As `git am` tells: a line of an mbox, or nothing but headers down to an empty line."""
    head = text.lstrip().partition(b"\n\n")[0].replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    lines = head.split(b"\n")
    return lines[0].startswith(b"From ") or (
        bool(lines[0]) and not lines[0][:1].isspace() and all(map(_HEADER.match, lines))
    )


def _split(text: bytes, scratch: Store) -> list[bytes]:
    ends = text.count(b"\n")
    kept = ["--keep-cr"] if 0 < text.count(b"\r\n") < ends - 1 else []
    folder = scratch.folder / "mails"
    folder.mkdir()
    scratch.git("mailsplit", "-b", *kept, "-omails", given=text.lstrip())
    return [one.read_bytes() for one in sorted(folder.iterdir())]


def _read(mail: bytes, scratch: Store) -> _Mail:
    said = scratch.git("mailinfo", "-k", "--encoding=UTF-8", "message", "diff", given=mail)
    headers = said.decode("utf-8", "replace").split("\n")
    whole = next((one[9:] for one in headers if one.startswith("Subject: ")), "")
    tags = []
    subject = whole.strip()
    while found := _TAG.match(subject):
        tags.append(found[1])
        subject = subject[found.end() :].strip()
    number = next((found for tag in tags if (found := _NUMBER.search(tag))), None)
    version = next((found for tag in tags if (found := _VERSION.search(tag))), None)
    body = _unwrapped((scratch.folder / "diff").read_bytes())
    is_reply = _REPLY.match(whole.strip()) or _REPLY_TO_PATCH.match(subject)
    is_patch = bool(_DIFF.search(body)) and not is_reply
    return _Mail(
        subject,
        body if is_patch else b"",
        int(number[1]) if number else None,
        int(number[2]) if number else 1,
        int(version[1]) if version else 1,
    )


def _series(mails: Sequence[_Mail]) -> list[Patch]:
    """The patches among the mails, without second copies, in the order in which they apply."""
    found = [one for one in dict.fromkeys(mails) if one.diff and one.number != 0]
    newest = max((one.version for one in found), default=1)
    latest = [one for one in found if one.version == newest]
    if latest and all(one.number for one in latest) and len({one.of for one in latest}) == 1:
        alike = [one for one in found if one.number and one.of == latest[0].of]
        newest_first = sorted(alike, key=lambda one: -one.version)
        by_number = {one.number or 0: one for one in reversed(newest_first)}
        ordered = [(number, latest[0].of, by_number[number]) for number in sorted(by_number)]
    else:
        ordered = [(number, len(latest), one) for number, one in enumerate(latest, 1)]
    return [Patch(number, of, one.subject, one.diff) for number, of, one in ordered]
