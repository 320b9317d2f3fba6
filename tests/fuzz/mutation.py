"""Changes of C that nobody would make: of bytes, of tokens, of lines."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

_TOKEN = re.compile(rb"\w+|\s+|->|\+\+|--|&&|\|\||[<>=!]=|\.\.\.|##|/\*|\*/|//|.", re.DOTALL)
_ODD = (
    b"\0", b"\r", b"\f", b"\x1b[31m", b"\xff", b"\xef\xbb\xbf", b"\xe2\x80\xae", b"\\\n", b"\\",
    b'"', b"'", b"/*", b"*/", b"//", b"{", b"}", b"(", b")", b"[", b"]", b";", b",", b":", b"#",
    b"##", b"...", b"\n#if A\n", b"\n#else\n", b"\n#endif\n", b"\n#define X(a) a##a X(a)\n",
    b'\n#include "vmx.c"\n', b"asm(", b"__attribute__((", b"({", b"})", b"case 1 ... 2:",
    b"default:", b"goto out;", b"out:", b"return", b"if (", b"else", b"while (", b"switch (x) {",
    b"for (;;)", b"do", b"struct", b"static", b"vmcs_writel(HOST_CR3, 1);", b"__A", b"_x0",
    b"/* vmxlint: ignore[VMX101] */", b"0x", b"99999999999999999999", b"1 << 64", b"~0", b"-1",
)  # fmt: skip
Bytes = Sequence[bytes]


def mutated(data: bytes, others: Bytes, random: Random) -> bytes:
    """`data` with some changes; `others` are what may be put into it."""
    for _ in range(random.choice((1, 1, 2, 3, 5, 10, 40))):
        data = random.choice(_CHANGES)(data, others, random)
    return data


def _tokens(change: Callable[[list[bytes], Random], None]) -> Callable[..., bytes]:
    def changed(data: bytes, others: Bytes, random: Random) -> bytes:
        tokens = _TOKEN.findall(data)
        if tokens:
            change(tokens, random)
        return b"".join(tokens)

    return changed


def _delete(tokens: list[bytes], random: Random) -> None:
    start = random.randrange(len(tokens))
    del tokens[start : start + random.choice((1, 1, 1, 3, 30))]


def _repeat(tokens: list[bytes], random: Random) -> None:
    start = random.randrange(len(tokens))
    part = tokens[start : start + random.choice((1, 1, 3, 30))]
    tokens[start:start] = part * random.choice((1, 1, 2, 300))


def _swap(tokens: list[bytes], random: Random) -> None:
    one, other = random.randrange(len(tokens)), random.randrange(len(tokens))
    tokens[one], tokens[other] = tokens[other], tokens[one]


def _odd(data: bytes, others: Bytes, random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.choice(_ODD) * random.choice((1, 1, 1, 2, 50)) + data[at:]


def _noise(data: bytes, others: Bytes, random: Random) -> bytes:
    at = random.randrange(len(data) + 1)
    length = random.choice((1, 1, 8, 64))
    return data[:at] + random.randbytes(length) + data[at + length :]


def _cut(data: bytes, others: Bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _splice(data: bytes, others: Bytes, random: Random) -> bytes:
    other = random.choice(others)
    start = random.randrange(len(other) + 1)
    at = random.randrange(len(data) + 1)
    return data[:at] + other[start : start + random.choice((10, 200, 5000))] + data[at:]


def _line_ends(data: bytes, others: Bytes, random: Random) -> bytes:
    return data.replace(b"\n", random.choice((b"\r\n", b"\r", b"\n\n", b" ", b"\\\n")))


_CHANGES: tuple[Callable[..., bytes], ...] = (
    _tokens(_delete), _tokens(_repeat), _tokens(_swap), _tokens(_swap),
    _odd, _odd, _odd, _noise, _cut, _splice, _splice, _line_ends,
)  # fmt: skip
