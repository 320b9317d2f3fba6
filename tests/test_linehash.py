"""The line hash is GitHub's: values that codeql-action's own JavaScript gave for the same bytes.

Both were also compared on kernel sources and on files of random bytes: 615 files, 200,897 lines.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmxlint.reading.linehash import LineHashes
from vmxlint.reading.source import SourceFile

LAST = "c129715d7a2bc9a3:1"  # of the empty line behind the last line feed

RECORDED = {
    "crlf": (
        b"int a;\r\n\r\n\tint a;\r\nreturn 0;\r\n",
        {
            1: "ba7b1fd5a30d4d54:1",
            2: "62b62c18ff537cab:1",
            3: "4c343996e7f0724d:1",
            4: "5c68255be88a642c:1",
            5: LAST,
        },
    ),
    "bom": (
        b"\xef\xbb\xbfint a;\nint a;\n",
        {1: "62e34dff38367d8c:1", 2: "fe6def72dd4ce68c:1", 3: LAST},
    ),
    "tabs": (
        b"\t int\ta ;\n  \n\t\n",
        {1: "fe9aff80a0b92dc0:1", 2: "5b5d4caf73a13177:1", 3: "3c5bef55b72b93c9:1", 4: LAST},
    ),
    "utf8": (
        "/* é漢 \U0001f600 */ x;\n/* é漢 \U0001f600 */ x;".encode(),
        {1: "23344ed5650b5c1f:1", 2: "698dfbe6d1280b3c:1"},
    ),
    "repeated": (
        b"a;\nb;\n" * 60,
        {
            1: "d8b986fd61d9624:1",
            2: "ed0eec856e0080c0:1",
            60: "ed0eec856e0080c0:30",
            61: "d8b986fd61d9624:31",
            119: "7a6c64f6db6d1598:1",
            120: "e883642b30b48e8e:1",
            121: LAST,
        },
    ),
    "invalid": (
        b"a\xff\xe2\x82b\n\xf0\x9f\x98c\n\xed\xa0\x80\n",
        {1: "6e50bd804aa062e1:1", 2: "ecde743c9b845b02:1", 3: "66bb4c1842ee204c:1", 4: LAST},
    ),
    "empty": (b"", {1: LAST}),
    "long": (
        b"x" * 250 + b"\n" + b"x" * 250,
        {1: "52b56201ffb58620:1", 2: "52b56201ffb58620:2"},
    ),
}


@pytest.mark.parametrize("kind", RECORDED)
def test_the_hash_is_githubs(kind: str) -> None:
    data, expected = RECORDED[kind]
    assert {line: LineHashes(data).of(line) for line in expected} == expected


def test_white_space_and_line_ends_do_not_count() -> None:
    unix, dos = b"if (a)\n\treturn b;\n" * 70, b"  if  (a)\r\n return b;\r\n" * 70
    numbers = range(1, 142)
    assert [*map(LineHashes(unix).of, numbers)] == [*map(LineHashes(dos).of, numbers)]


def test_a_lone_carriage_return_leaves_no_hash() -> None:
    assert LineHashes(b"a;\rb;\nc;\n").of(1) is None
    assert LineHashes(b"a;\r \nc;\n").of(1) is None


def rolled(data: bytes) -> list[str]:
    """The same in the words of the algorithm: a window that rolls over the units, then zeros."""
    units = data.decode("utf-8", "replace").replace("\r\n", "\n")
    stream = [unit for unit in _utf16(units) if unit not in (0x20, 0x09)] + [0xFFFF] + [0] * 100
    counts: dict[int, int] = {}
    found = []
    for start in [0, *(n + 1 for n, unit in enumerate(stream) if unit == 0x0A)]:
        value = sum(unit * 37 ** (99 - n) for n, unit in enumerate(stream[start : start + 100]))
        counts[value % 2**64] = counts.get(value % 2**64, 0) + 1
        found.append(f"{value % 2**64:x}:{counts[value % 2**64]}")
    return found


def _utf16(text: str) -> list[int]:
    raw = text.encode("utf-16-le")
    return [int.from_bytes(raw[n : n + 2], "little") for n in range(0, len(raw), 2)]


@given(st.text(st.sampled_from("ab \t\n;é\U0001f600\0\ufffd\uffff"), max_size=400))
def test_any_line_of_any_text(text: str) -> None:
    hashes = LineHashes(text.encode())
    assert [hashes.of(n + 1) for n in range(text.count("\n") + 1)] == rolled(text.encode())


@given(st.binary(max_size=300))
def test_any_bytes_have_a_hash_a_line_or_none(data: bytes) -> None:
    hashes = LineHashes(data)
    assert len({hashes.of(n + 1) is None for n in range(data.count(b"\n") + 1)}) == 1


def test_columns_of_the_first_line_do_not_count_the_mark() -> None:
    marked = SourceFile("a.c", b"\xef\xbb\xbfint a;\nint b;\n")
    plain = SourceFile("a.c", b"int a;\nint b;\n")
    assert marked.location(7, 8, "a.c") == plain.location(4, 5, "a.c")
    assert marked.location(14, 15, "a.c") == plain.location(11, 12, "a.c")
    assert (marked.line(0), marked.line(3), marked.line(10)) == (1, 1, 2)
