"""Changes of C text that mean nothing: each takes a tree of files and gives one that says the same.

All of them go by tokens, so comments stay with the code that they stand beside, and a comment of
the form `expect: VMX101` still names the line of its finding.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from vmxlint.model import dialect

Tree = dict[str, str]
Choice = Callable[[], bool]
Renames = dict[str, str]

_TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)
    |(?P<directive>^[ \t]*\#(?:/\*.*?\*/|\\.|[^\\\n])*)
    |(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+')
    |(?P<word>[A-Za-z_]\w*)
    |(?P<number>\d[\w.]*)
    |(?P<space>[ \t\r]+|\n|\\\n)
    |(?P<mark>->|\#\#|\+\+|--|&&|\|\||<<=?|>>=?|[-+*/%&|^=!<>]=|\.\.\.|.)""",
    re.X | re.S | re.M,
)
_KEYWORDS = frozenset(
    "if else for while do switch case default return goto break continue asm __asm__ sizeof".split()
)
_ASSEMBLY = (".S", ".s", ".asm")
_TAGS = ("struct", "union", "enum")
_OF_MEMBERS = (("offsetof", 1), ("container_of", 2))  # with the commas before the member
_PAIRS = {"(": ")", "{": "}", "[": "]"}


class Token(NamedTuple):
    kind: str
    text: str


class Function(NamedTuple):
    """A definition, as indices of tokens: its first one, its parentheses and its braces."""

    name: str
    start: int
    open: int
    close: int
    first: int
    last: int


def tokens(text: str) -> list[Token]:
    return [Token(found.lastgroup or "", found[0]) for found in _TOKEN.finditer(text)]


def joined(parts: Sequence[Token]) -> str:
    return "".join(one.text for one in parts)


class Source:
    """The tokens of a file, the code among them, and what it defines."""

    def __init__(self, text: str) -> None:
        self.all = tokens(text)
        self.code = [
            number
            for number, one in enumerate(self.all)
            if one.kind not in ("comment", "space", "directive")
        ]
        self.place = {number: at for at, number in enumerate(self.code)}
        self.of_members = [one for one in _OF_MEMBERS if one[0] in text]
        self.match = self._matching()
        self.opening = {end: start for start, end in self.match.items()}
        self.functions = list(self._functions())
        self.bodies = [
            (at, self.match[at])
            for at, text in enumerate(map(self.text, range(len(self.code))))
            if text == "{" and at in self.match and set(self.texts(at - 2, at)) & set(_TAGS[:2])
        ]
        self.declared = set(self._member_places())

    def text(self, at: int) -> str:
        """The text of a token of the code; empty outside of it."""
        return self.all[self.code[at]].text if 0 <= at < len(self.code) else ""

    def kind(self, at: int) -> str:
        return self.all[self.code[at]].kind if 0 <= at < len(self.code) else ""

    def texts(self, start: int, end: int) -> list[str]:
        return [self.text(at) for at in range(start, end)]

    def _matching(self) -> dict[int, int]:
        found: dict[int, int] = {}
        opened: list[int] = []
        for at in range(len(self.code)):
            if self.text(at) in _PAIRS:
                opened.append(at)
            elif self.text(at) in _PAIRS.values() and opened:
                found[opened.pop()] = at
        return found

    def starts_line(self, at: int) -> bool:
        number = self.code[at]
        return number == 0 or self.all[number - 1].text == "\n"

    def _functions(self) -> Iterator[Function]:
        at = start = 0
        while at < len(self.code):
            text, end = self.text(at), self.match.get(at, at)
            if self.starts_line(at) and text not in _PAIRS:
                if self.text(at - 1) in (")", ";", "}") or self.behind_directive(at):
                    start = at
            if text == "(" and self.text(end + 1) == "{" and self.kind(at - 1) == "word":
                last = self.match[end + 1]
                yield Function(self.text(at - 1), start, at, end, end + 1, last)
                end = last
            at = end + 1

    def behind_directive(self, at: int) -> bool:
        """Whether a directive, or nothing, stands between a token and the one before it."""
        return not at or any(one.kind == "directive" for one in self.between(at))

    def between(self, at: int) -> list[Token]:
        """What stands between a token and the one before it."""
        return self.all[self.code[at - 1] + 1 if at else 0 : self.code[at]]

    def locals_of(self, one: Function) -> set[str]:
        """The names of parameters and local variables."""
        found = set(self._declared(one.open + 1, one.close, whole=True))
        for at in range(one.first, one.last):
            if self.text(at) in ("{", "}", ";") or self.texts(at - 1, at + 1) == ["for", "("]:
                found.update(self._declared(at + 1, one.last, whole=False))
        return found - {"void"}

    def _declared(self, at: int, end: int, *, whole: bool) -> Iterator[str]:
        words = 0
        while at < end:
            text, kind, after = self.text(at), self.kind(at), self.text(at + 1)
            if self.texts(at, at + 2) == ["(", "*"] and words:
                yield self.text(at + 2)
                at = self.match[at]
                words = 0
            elif kind == "word" and text not in _KEYWORDS:
                words += 1
                if words > 1 and after in ("=", ";", ",", "[", ")", "]") and text not in _TAGS:
                    yield text
            elif text == "," and (whole or words > 1):
                words = 0 if whole else 1
            elif text == "=" and not whole and words > 1:
                at = self.value_end(at)
                continue
            elif text in ("[", "("):
                at = self.match[at]
            elif text != "*":
                return
            at += 1

    def value_end(self, at: int) -> int:
        """Where an initial value, an argument or a statement ends."""
        while self.text(at) not in (",", ";", "", "}"):
            at = self.match.get(at, at) + 1
        return at

    def members(self) -> set[str]:
        """The names of struct members."""
        return {self.text(at) for at in self.declared}

    def _member_places(self) -> Iterator[int]:
        for start, end in self.bodies:
            at = start + 1
            while at < end:
                if self.texts(at, at + 2) == ["(", "*"]:
                    yield at + 2
                elif self.kind(at) == "word" and self.text(at + 1) in (";", ",", "[", ":"):
                    yield at
                at = (self.match[at] if self.text(at) in ("(", "[") else at) + 1

    def is_member(self, at: int) -> bool:
        """Whether a word names a member where it stands."""
        if self.text(at - 1) in (".", "->") or at in self.declared:
            return True
        for callee, count in self.of_members:
            start = at
            while start and self.text(start - 1) != callee and at - start < 40:
                start -= 1
            if self.text(start - 1) == callee and self.match.get(start, 0) > at:
                return self.texts(start, at).count(",") >= count and self.text(at - 1) == ","
        return False


def sources(tree: Tree) -> dict[str, Source]:
    return {path: source_of(text) for path, text in tree.items() if not path.endswith(_ASSEMBLY)}


@lru_cache(maxsize=500)  # nothing changes a Source
def source_of(text: str) -> Source:
    return Source(text)


def _words_of(one: dialect.Dialect) -> set[str]:
    kept: set[str] = {*one.entry_slots, *one.slot_contexts, *one.known, *one.accessors}
    kept.update(re.findall(r"\w+", " ".join(one.words)))
    for names in (one.call_forms, one.reason_parts, one.guest_mode, one.request, one.build):
        kept |= names
    return kept | one.static_key | one.cold | one.only_inside | one.failure


KEPT = frozenset().union(*(_words_of(dialect.load(name)) for name in dialect.names()))


def _fixed(tree: Tree) -> Callable[[str], bool]:
    """Whether a name must stay: the dialect's, pasted by a macro, or a word in assembly."""
    text = "\n".join(tree.values())
    pasted = [re.compile(rf"{one}\w*") for one in re.findall(r"(\w+)[ \t]*##", text)]
    pasted += [re.compile(rf"\w*{one}") for one in re.findall(r"##[ \t]*(\w+)", text)]
    assembly = [body for path, body in tree.items() if path.endswith(_ASSEMBLY)]
    assembly += re.findall(r'"[ \t]*(?:call|jmp) [^"\n]*"', text)
    outside = set(re.findall(r"\w+", " ".join(assembly)))

    def fixed(name: str) -> bool:
        return name in KEPT or name in outside or any(one.fullmatch(name) for one in pasted)

    return fixed


def _renamed(source: Source, new: Callable[[Source, int], str]) -> str:
    """The text with each word replaced by what `new` says, in macros too."""
    found = list(source.all)
    for at, number in enumerate(source.code):
        if source.kind(at) == "word":
            found[number] = Token("word", new(source, at))
    for number, one in enumerate(found):
        if define := re.match(r"[ \t]*#[ \t]*define[ \t]+", one.text):
            if one.kind == "directive":
                inner = Source(one.text[define.end() :])
                found[number] = Token("directive", define[0] + _renamed(inner, new))
    return joined(found)


def rename_variables(tree: Tree) -> tuple[Tree, Renames]:
    """Every local variable and parameter gets another name; `__unused` is none of them."""
    known = sources(tree)
    names = {name for one in known.values() for f in one.functions for name in one.locals_of(f)}
    names = {name for name in names if not name.startswith("__")}
    new = {name: f"v{number}_" for number, name in enumerate(sorted(names))}
    return {path: _with_locals(known, path, tree[path], new) for path in tree}, {}


def _is_operand(source: Source, at: int) -> bool:
    """Whether a word is the name of an operand of inline assembly."""
    return (source.text(at - 1), source.text(at + 1), source.kind(at + 2)) == ("[", "]", "string")


def _with_locals(known: Mapping[str, Source], path: str, text: str, new: Renames) -> str:
    if path not in known:
        return text
    main = known[path]
    spans = [(f.open, f.last, main.locals_of(f)) for f in main.functions]

    def name(source: Source, at: int) -> str:
        word = source.text(at)
        if word not in new or source.is_member(at) or source.text(at - 1) in _TAGS:
            return word
        if "##" in (source.text(at - 1), source.text(at + 1)) or _is_operand(source, at):
            return word
        local = source is not main or any(a < at < b and word in names for a, b, names in spans)
        return new[word] if local else word

    return _renamed(main, name)


def rename_functions(tree: Tree) -> tuple[Tree, Renames]:
    """Every static function gets another name."""
    known = sources(tree)
    fixed = _fixed(tree)
    found = {
        one.name
        for source in known.values()
        for one in source.functions
        if "static" in source.texts(one.start, one.open) and not fixed(one.name)
    }
    found -= {name for one in known.values() for f in one.functions for name in one.locals_of(f)}
    new = {name: f"f{number}_" for number, name in enumerate(sorted(found))}

    def name(source: Source, at: int) -> str:
        word = source.text(at)
        return word if word not in new or source.is_member(at) else new[word]

    return _map(tree, lambda source: _renamed(source, name)), new


def rename_members(tree: Tree) -> tuple[Tree, Renames]:
    """Every struct member gets another name, if it is a member wherever the name stands."""
    known = sources(tree)
    fixed = _fixed(tree)
    found = {name for source in known.values() for name in source.members() if not fixed(name)}
    found -= {name for source in known.values() for name in _loose(source)}
    new = {name: f"m{number}_" for number, name in enumerate(sorted(found))}

    def name(source: Source, at: int) -> str:
        word = source.text(at)
        return new[word] if word in new and source.is_member(at) else word

    return _map(tree, lambda source: _renamed(source, name)), {}


def _loose(source: Source) -> Iterator[str]:
    """The words that are no member where they stand, and no variable, function or tag either."""
    names = [(f.open, f.last, source.locals_of(f)) for f in source.functions]
    defined = {one.name for one in source.functions}
    for at in range(len(source.code)):
        word = source.text(at)
        if source.kind(at) != "word" or source.text(at - 1) in _TAGS or source.is_member(at):
            continue
        if _is_operand(source, at):
            continue
        if word in defined or any(a < at < b and word in known for a, b, known in names):
            continue
        yield word
    for one in source.all:
        if one.kind == "directive":
            yield from re.findall(r"(?<![\w.>])\w+", one.text)


def _map(tree: Tree, change: Callable[[Source], str]) -> Tree:
    return tree | {path: change(source) for path, source in sources(tree).items()}


def _runs(source: Source) -> Iterator[list[Function]]:
    """The functions that stand behind one another with nothing but comments between them."""
    run: list[Function] = []
    for one in source.functions:
        if run and (one.start != run[-1].last + 1 or source.behind_directive(one.start)):
            yield run
            run = []
        run.append(one)
    if run:
        yield run


def prototype(source: Source, one: Function, *, static: bool = True) -> str:
    parts = source.all[source.code[one.start] : source.code[one.close] + 1]
    dropped = () if static else ("static", "inline", "__always_inline")
    kept = [part for part in parts if part.kind != "comment" and part.text not in dropped]
    return " ".join(joined(kept).split()) + ";\n"


def reorder(tree: Tree, order: Callable[[Sequence[int]], Sequence[int]]) -> tuple[Tree, Renames]:
    """The functions of each file in another order, behind declarations of them all."""
    return _map(tree, lambda source: _reordered(source, order)), {}


def _reordered(source: Source, order: Callable[[Sequence[int]], Sequence[int]]) -> str:
    parts, done = [], 0
    for run in _runs(source):
        begin = source.code[run[0].start]
        ends = [begin, *(source.code[one.last] + 1 for one in run)]
        chunks = [joined(source.all[a:b]) for a, b in pairwise(ends)]
        parts.append(joined(source.all[done:begin]))
        parts += [prototype(source, one) for one in run]
        parts.append("\n\n".join(chunks[number].strip("\n") for number in order(range(len(run)))))
        done = ends[-1]
    return "".join(parts) + joined(source.all[done:])


def movable(tree: Tree) -> list[tuple[str, str]]:
    """The static functions of C files whose names no other file knows: (path, name); none of a
    file in which a macro makes functions, which would have to be static there."""
    known = sources(tree)
    all_names = [one.name for source in known.values() for one in source.functions]
    return [
        (path, one.name)
        for path, source in known.items()
        if path.endswith(".c") and not re.search(r"##(?s:.*)\{", _macros(source))
        for one in source.functions
        if "static" in source.texts(one.start, one.open) and all_names.count(one.name) == 1
    ]


def _macros(source: Source) -> str:
    return "\n".join(one.text for one in source.all if "define" in one.text[:10])


def move(tree: Tree, path: str, name: str) -> tuple[Tree, Renames]:
    """A function gets a file of its own; whom it calls becomes visible there."""
    source = source_of(tree[path])
    moved = next(one for one in source.functions if one.name == name)
    used = {name, *source.texts(moved.open, moved.last), *re.findall(r"\w+", _macros(source))}
    shared = [one for one in source.functions if one.name in used]
    head = source.code[source.functions[0].start]
    types = f"{path[:-2]}_types.h"
    include = f'#include "{types.rsplit("/", 1)[-1]}"\n'
    declared = "".join(prototype(source, one, static=False) for one in shared)
    body = joined(_public(source, moved))
    rest = _without_moved(source, head, moved, shared)
    return tree | {
        types: f"#pragma once\n{joined(source.all[:head])}\n{declared}",
        path: include + "\n" + rest,
        f"{path[:-2]}_moved.c": include + "\n" + body + "\n",
    }, {}


def _public(source: Source, one: Function) -> list[Token]:
    dropped = ("static", "inline", "__always_inline")
    head = source.all[source.code[one.start] : source.code[one.open]]
    body = source.all[source.code[one.open] : source.code[one.last] + 1]
    return [part for part in head if part.text not in dropped] + body


def _without_moved(source: Source, head: int, moved: Function, shared: Sequence[Function]) -> str:
    parts, done = [], head
    for one in shared:
        parts.append(joined(source.all[done : source.code[one.start]]))
        parts.append("" if one is moved else joined(_public(source, one)))
        done = source.code[one.last] + 1
    return "".join(parts) + joined(source.all[done:])


WRAPS = {"if": ("if (1) { ", " }"), "do": ("do { ", " } while (0);")}


def wrap_bodies(tree: Tree, how: str) -> tuple[Tree, Renames]:
    """The whole body of each function inside one statement."""
    before, after = WRAPS[how]

    def wrapped(source: Source) -> str:
        found = list(source.all)
        for one in source.functions:
            first, last = source.code[one.first], source.code[one.last]
            found[first] = Token("mark", "{ " + before)
            found[last] = Token("mark", after.strip() + " }")
        return joined(found)

    return _map(tree, wrapped), {}


def wrap_statements(tree: Tree, how: str, choice: Choice = lambda: True) -> tuple[Tree, Renames]:
    """Single statements that are calls or assignments, each inside a statement."""
    before, after = WRAPS[how]

    def wrapped(source: Source) -> str:
        found = list(source.all)
        for start, end in _statements(source):
            if choice():
                found[source.code[start]] = Token("word", before + source.text(start))
                found[source.code[end]] = Token("mark", ";" + after)
        return joined(found)

    return _map(tree, wrapped), {}


def wrap_guards(tree: Tree, how: str) -> tuple[Tree, Renames]:
    """Each `if (...) return ...;`, and the like with goto, inside a statement."""
    before, after = WRAPS[how]

    def wrapped(source: Source) -> str:
        found = list(source.all)
        for at, end in source.match.items():
            if source.text(at - 1) == "if" and source.text(end + 1) in ("return", "goto"):
                last = source.value_end(end)
                if source.text(last) == ";" and source.text(last + 1) != "else":
                    if source.text(at - 2) in ("{", "}", ";"):
                        found[source.code[at - 1]] = Token("word", before + "if")
                        found[source.code[last]] = Token("mark", ";" + after)
        return joined(found)

    return _map(tree, wrapped), {}


def _statements(source: Source) -> Iterator[tuple[int, int]]:
    for one in source.functions:
        for at in range(one.first + 1, one.last):
            if not _begins(source, at) or not _is_expression(source, at):
                continue
            end = source.value_end(at)
            while source.text(end) == ",":
                end = source.value_end(end + 1)
            inside = source.all[source.code[at] : source.code[end]]
            if source.text(end) == ";" and source.text(end + 1) != "else":
                if not any(one.kind == "directive" for one in inside):
                    yield at, end


def _begins(source: Source, at: int) -> bool:
    if source.text(at - 1) == ")":
        opened = source.opening[at - 1]
        return source.text(opened - 1) in ("if", "while", "for")
    return source.text(at - 1) in ("{", "}", ";", "else")


def _is_expression(source: Source, at: int) -> bool:
    if source.kind(at) != "word" or source.text(at) in (*_KEYWORDS, *_TAGS):
        return False
    return source.text(at + 1) in ("(", "->", ".", "[", "=", "|=", "&=", "++", "--", "+=", "-=")


def extra_parentheses(tree: Tree) -> tuple[Tree, Renames]:
    """Conditions and returned values in one more pair of parentheses."""

    def changed(source: Source) -> str:
        found = list(source.all)
        for at, end in source.match.items():
            if source.text(at) == "(" and source.text(at - 1) in ("if", "while", "switch"):
                found[source.code[at]] = Token("mark", "((")
                found[source.code[end]] = Token("mark", "))")
        return joined(found)

    return _map(tree, changed), {}


def braces_apart(tree: Tree) -> tuple[Tree, Renames]:
    """Each opening brace of a block on a line of its own."""

    def changed(source: Source) -> str:
        found = list(source.all)
        for at in source.match:
            if source.text(at) == "{" and source.text(at - 1) in (")", "else", "do"):
                if not _is_spoken_of(source, at):
                    found[source.code[at]] = Token("mark", "\n{")
                    if source.text(at - 1) == "else":
                        found[source.code[at - 1]] = Token("word", "\nelse")
        return joined(found)

    return _map(tree, changed), {}


def _is_spoken_of(source: Source, at: int) -> bool:
    """Whether a comment names the finding of a token's line, or one for vmxlint stands above it."""
    rest = joined(source.all[source.code[at] :]).split("\n")[0]
    while "\n" not in (above := joined(source.between(at))) and at:
        at -= 1
    return "expect" in rest or "vmxlint:" in above


def braces_together(tree: Tree) -> tuple[Tree, Renames]:
    """Each opening brace of a function on the line of its name."""

    def changed(source: Source) -> str:
        found = list(source.all)
        for one in source.functions:
            between = range(source.code[one.close] + 1, source.code[one.first])
            if all(source.all[number].kind == "space" for number in between):
                for number in between:
                    found[number] = Token("space", " ")
        return joined(found)

    return _map(tree, changed), {}


def long_lines(tree: Tree) -> tuple[Tree, Renames]:
    """No line end inside parentheses."""

    def changed(source: Source) -> str:
        found = list(source.all)
        for at, closing in source.match.items():
            inside = range(source.code[at], source.code[closing])
            fixed = any(found[n].kind == "directive" or found[n].text[:2] == "//" for n in inside)
            for number in inside if source.text(at) == "(" and not fixed else ():
                if found[number].kind == "space":
                    found[number] = Token("space", " ")
        return joined(found)

    return _map(tree, changed), {}


def comments_between(tree: Tree, choice: Choice = lambda: True) -> tuple[Tree, Renames]:
    """Comments that look like code behind tokens."""

    def changed(source: Source) -> str:
        behind = {number for number in source.code if choice()}
        return "".join(
            one.text + (' /* } " ( ; */ ' if number in behind else "")
            for number, one in enumerate(source.all)
        )

    return _map(tree, changed), {}


def spaces(tree: Tree) -> tuple[Tree, Renames]:
    """Eight spaces for each tab, two for each space."""

    def changed(source: Source) -> str:
        return "".join(
            one.text.replace(" ", "  ").expandtabs() if one.kind == "space" else one.text
            for one in source.all
        )

    return _map(tree, changed), {}


def crlf(tree: Tree) -> tuple[Tree, Renames]:
    return {path: text.replace("\n", "\r\n") for path, text in tree.items()}, {}
