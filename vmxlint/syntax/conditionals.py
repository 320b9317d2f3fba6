"""`#if` without a preprocessor: both arms stay where C allows it, and no byte moves.

tree-sitter-c loses whole functions where `#if` splits an expression or a pair of braces. So every
conditional group is rewritten in place, by what its arms are:

- arms of whole statements in a function become `if(2){ ... }else{ ... }`. The constant 2 stands for
  "the build's configuration": nobody writes it, and both arms count, as alternatives;
- arms of whole declarations, members or initialiser rows stay, one after the other;
- of arms that only make sense one at a time (half an expression, one brace too many) one is kept,
  the one of a common x86-64 configuration, and the others are named as gaps;
- `#if 0` and its like are dead and vanish.

What is nested deeper than DEPTH groups is read without its directives, which is a gap.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from vmxlint.facts import Gap
from vmxlint.numbers import evaluate
from vmxlint.syntax import brackets
from vmxlint.syntax.brackets import last_byte
from vmxlint.syntax.mask import spaces

DEPTH = 100
_DIRECTIVE = re.compile(rb"#[ \t]*(?P<word>[a-z_]+)(?P<rest>(?:\\\r?\n|[^\n])*)")
_CONDITIONALS = frozenset(b"if ifdef ifndef else elif endif".split())
_LABEL = re.compile(rb"\s*(?:case\b|default\s*:|else\b|\w+\s*:[^:])")
_ASSEMBLER = re.compile(rb"\s*_*ASSEMBL(?:Y|ER)_*\s*\Z")
_ASSEMBLY = re.compile(rb"\s*defined\s*\(?\s*_*ASSEMBL(?:Y|ER)_*\s*\)?\s*\Z")


@dataclass
class _Arm:
    """One arm: its directive's span, where its text starts and ends, whether it can live, and
    whether it does in every build."""

    at: int
    start: int
    alive: bool
    certain: bool
    end: int = -1
    balanced: bool = True


@dataclass
class _Group:
    """One `#if` to `#endif`, with the brackets that are open where it stands."""

    stack: tuple[str, ...]
    low: int
    negated: bool
    arms: list[_Arm] = field(default_factory=list)
    after: tuple[str, ...] | None = None
    taken: bool = False
    about_assembly: bool = False


def directives(text: bytes) -> Iterator[re.Match[bytes]]:
    """The preprocessor's lines in `text`, which has no comments, each from its `#` on."""
    for found in _DIRECTIVE.finditer(text):
        start = text.rfind(b"\n", 0, found.start()) + 1
        if not text[start : found.start()].strip():
            yield found


def living(directives: Iterable[re.Match[bytes]]) -> Iterator[re.Match[bytes]]:
    """The directives that say something in some build: none between `#if 0` and its `#else`."""
    arms: list[tuple[bool, bool]] = []  # of each open group: its arm is dead, one is taken for sure
    for one in directives:
        word = one["word"]
        if word not in _CONDITIONALS:
            if not any(dead for dead, _ in arms):
                yield one
        elif word == b"endif":
            del arms[-1:]
        else:
            taken = bool(arms) and not word.startswith(b"if") and arms.pop()[1]
            value = _constant(one["rest"]) if word in (b"if", b"elif") else None
            arms.append((taken or value == 0, taken or bool(value)))


def resolve(
    text: bytes, code: bytes, directives: Sequence[re.Match[bytes]]
) -> tuple[bytes, bytes, list[Gap]]:
    """`text` and `code` with every directive blanked and the conditionals resolved, and the arms
    that are not kept.

    `code` is `text` with strings masked. Both have no comments.
    """
    bare = bytearray(code)
    out = bytearray(text)
    for one in directives:
        blank = spaces(one[0])
        bare[one.start() : one.end()] = blank
        out[one.start() : one.end()] = blank
    gaps: list[Gap] = []
    conditionals = list(_not_too_deep(directives, gaps))
    for group in _groups(conditionals, bytes(bare)):
        _rewrite(group, out, bare, gaps)
    return bytes(out), bytes(bare), gaps


def _not_too_deep(
    directives: Iterable[re.Match[bytes]], gaps: list[Gap]
) -> Iterator[re.Match[bytes]]:
    """The directives of conditionals down to DEPTH; the first of those below is a gap."""
    depth = 0
    for one in directives:
        if one["word"] not in _CONDITIONALS:
            continue
        depth += one["word"].startswith(b"if")
        if depth <= DEPTH:
            yield one
        elif depth == DEPTH + 1 and one["word"] != b"endif":
            gaps.append(Gap(one.start(), f"#if nested deeper than {DEPTH} levels"))
        depth -= depth > 0 and one["word"] == b"endif"


def _groups(directives: Sequence[re.Match[bytes]], bare: bytes) -> Iterator[_Group]:
    """The conditional groups, inner ones first, each when its `#endif` is reached."""
    stack: tuple[str, ...] = ()
    open_groups: list[_Group] = []
    position = 0
    for one in directives:
        word = one["word"]
        stack, low = brackets.opened(bare, position, one.start(), stack)
        position = one.end()
        if open_groups:
            open_groups[-1].low = min(open_groups[-1].low, low)
        if word.startswith(b"if"):
            group = _Group(stack, len(stack), word == b"ifndef")
            open_groups.append(group)
            _open_arm(group, one)
        elif open_groups:
            group = open_groups[-1]
            _close_arm(group, one.start(), stack)
            if word == b"endif":
                open_groups.pop()
                stack = group.stack if group.after is None else group.after
                yield group
                if open_groups:
                    open_groups[-1].low = min(open_groups[-1].low, group.low)
            else:
                stack = group.stack
                _open_arm(group, one)


def _open_arm(group: _Group, directive: re.Match[bytes]) -> None:
    word, condition = directive["word"], directive["rest"]
    if word in (b"ifdef", b"ifndef"):
        group.about_assembly = bool(_ASSEMBLER.match(condition))
    assembly = group.about_assembly and word == (b"else" if group.negated else b"ifdef")
    value = _constant(condition) if word in (b"if", b"elif") else None
    alive = not (assembly or value == 0 or _ASSEMBLY.match(condition) or group.taken)
    certain = bool(word == b"else" or value) and not any(arm.alive for arm in group.arms)
    group.arms.append(_Arm(directive.start(), directive.end(), alive, alive and certain))
    group.taken = group.taken or bool(value)
    group.low = len(group.stack)


def _constant(condition: bytes) -> int | None:
    """The value of a condition that no configuration changes."""
    text = condition.replace(b"\\", b" ").decode("latin-1").strip()
    if "&&" in text and "||" not in text and "!(" not in text:
        parts = [evaluate(part.strip("() \t"), {}) for part in text.split("&&")]
        return 0 if 0 in parts else None
    if text.startswith("!"):
        value = evaluate(text[1:], {})
        return None if value is None else int(not value)
    return evaluate(text, {})


def _close_arm(group: _Group, end: int, stack: tuple[str, ...]) -> None:
    arm = group.arms[-1]
    arm.end = end
    arm.balanced = stack == group.stack and group.low >= len(group.stack)
    if arm.alive and group.after is None:
        group.after = stack


def _rewrite(group: _Group, out: bytearray, bare: bytearray, gaps: list[Gap]) -> None:
    for arm in group.arms:
        if not arm.alive:
            _blank(arm, out, bare)
    alive = [arm for arm in group.arms if arm.alive]
    context = group.stack[-1] if group.stack else "file"
    if all(arm.balanced for arm in alive) and _whole(alive, group, context, bare):
        if any(arm.certain for arm in alive):
            return
        if context == "block" and not any(_LABEL.match(bare, a.start, a.end) for a in alive):
            _branch(group, out, bare)
        return
    keep = alive[1] if group.negated and len(alive) > 1 else alive[0] if alive else None
    for arm in alive:
        if arm is not keep:
            if bare[arm.start : arm.end].strip():
                gaps.append(Gap(arm.at, "an arm of #if that is no whole statement is not read"))
            _blank(arm, out, bare)


def _whole(alive: list[_Arm], group: _Group, context: str, bare: bytearray) -> bool:
    """Whether each arm is made of whole statements, declarations or rows."""
    if context == "(":
        return False
    ends = (b";", b"}", b",", b"{", b"") if context == "data" else (b";", b"}", b"{", b":", b"")
    first = group.arms[0].at
    if last_byte(bare, first) not in (*ends, b")"):
        return False
    for arm in alive:
        body = bytes(bare[arm.start : arm.end]).strip()
        if body.startswith(b"else") or (body and body[-1:] not in ends and context != "file"):
            return False
    following = bytes(bare[group.arms[-1].end : group.arms[-1].end + 200]).lstrip()
    return not (context == "file" and following.startswith(b"{"))


def _branch(group: _Group, out: bytearray, bare: bytearray) -> None:
    """Turn a group of statements into `if(2){ ... }else{ ... }`, in the room of its directives."""
    if not any(bytes(bare[arm.start : arm.end]).strip() for arm in group.arms):
        return
    for number, arm in enumerate(group.arms):
        last = number == len(group.arms) - 1
        word = b"if(2){" if number == 0 else b"}else{" if last else b"}if(2){"
        _write(out, arm.at, word)
        _write(bare, arm.at, word)
    _write(out, group.arms[-1].end, b"}")
    _write(bare, group.arms[-1].end, b"}")


def _write(buffer: bytearray, at: int, word: bytes) -> None:
    buffer[at : at + len(word)] = word


def _blank(arm: _Arm, out: bytearray, bare: bytearray) -> None:
    blank = spaces(bytes(out[arm.start : arm.end]))
    out[arm.start : arm.end] = blank
    bare[arm.start : arm.end] = blank
