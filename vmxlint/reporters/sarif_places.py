"""SARIF's view of text and places: messages without markup, relative URIs, UTF-16 columns."""

from __future__ import annotations

import re
from urllib.parse import quote

import sarif_om

from vmxlint.findings import Location
from vmxlint.reporters.escape import escape, is_shown_as_it_is

ROOT = "SRCROOT"
_LONGEST_SNIPPET = 1000  # bytes

_BRACES = str.maketrans("{}", "()")
_CALL = re.compile(r"(?<![\w'>.-])[A-Za-z_][\w>.-]*\(\)(?!')")


def sentence(text: str) -> str:
    """`text` as a message: calls in single quotes, a period at the end, no link, no placeholder."""
    return _CALL.sub(r"'\g<0>'", unmarked(text)).rstrip(" .") + "."


def unmarked(text: str) -> str:
    """`text` without what a consumer takes for a link or a placeholder."""
    return escape(text).translate(_BRACES).replace("](", "] (")


def is_below_root(path: str) -> bool:
    """SARIF has no name for a place above the analysed root, where a narrowed PATH can lead."""
    return not path.startswith("../")


def artifact(path: str) -> sarif_om.ArtifactLocation:
    """The file at `path`, which is relative to the root and may hold surrogateescaped bytes."""
    return sarif_om.ArtifactLocation(uri=quote(path, errors="surrogateescape"), uri_base_id=ROOT)


def physical(location: Location) -> sarif_om.PhysicalLocation:
    """The first line of `location`'s span, in UTF-16 code units, within its whole line."""
    text = location.text.rstrip(b"\r\n")
    start = min(location.column - 1, len(text))
    end = max(start, location.end_column - 1) if location.end_line == location.line else len(text)
    whole = (start, end) == (0, len(text))
    return sarif_om.PhysicalLocation(
        artifact_location=artifact(location.path),
        region=_region(location.line, text, start, end),
        context_region=None if whole else _region(location.line, text, 0, len(text)),
    )


def _region(line: int, text: bytes, start: int, end: int) -> sarif_om.Region:
    snippet = None
    if end - start <= _LONGEST_SNIPPET and is_shown_as_it_is(text[start:end].replace(b"\t", b"")):
        snippet = sarif_om.ArtifactContent(text=text[start:end].decode())
    return sarif_om.Region(
        start_line=line,
        start_column=_utf16_units(text[:start]) + 1,
        end_line=line,
        end_column=_utf16_units(text[:end]) + 1,
        snippet=snippet,
    )


def _utf16_units(text: bytes) -> int:
    return len(text.decode("utf-8", "replace").encode("utf-16-le")) // 2
