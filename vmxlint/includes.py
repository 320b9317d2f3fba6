"""Which file of a unit includes which, and the headers that include each other."""

from __future__ import annotations

import posixpath
from collections import deque
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from vmxlint.facts import Facts


@dataclass(frozen=True)
class Link:
    """`path` includes `target`; or, if `needs` is a struct's name, has one of those by value."""

    path: str
    target: str
    start: int
    end: int
    needs: str = ""


Graph = Mapping[str, Mapping[str, Link]]


def included(files: Sequence[Facts]) -> dict[str, dict[str, Link]]:
    """The first include of each header in each file, as far as the header is in the unit.

    A name is looked up from the including file's folder, then from the unit's root: two headers of
    one name are two headers.
    """
    paths = {one.path for one in files}
    found: dict[str, dict[str, Link]] = {one.path: {} for one in files}
    for one in files:
        for name, start in one.includes:
            target = resolved(name, one.path, paths)
            if target and target != one.path:
                link = Link(one.path, target, start - 1, start + len(name.encode()) + 1)
                found[one.path].setdefault(target, link)
    return found


def resolved(name: str, path: str, paths: Container[str]) -> str | None:
    """The path of the file that another one includes under a name, if it is among `paths`."""
    near = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
    return next((one for one in (near, posixpath.normpath(name)) if one in paths), None)


def is_last_word(link: Link, facts: Facts) -> bool:
    """Whether an include stands behind all that the file itself defines, where it does no harm."""
    own = [one.start for one in facts.structs] + [one.start for one in facts.functions]
    return bool(own) and max(own) < link.start


def groups(graph: Graph) -> Iterator[list[str]]:
    """The sets of files each of which leads to all others of its set, two files or more."""
    done: set[str] = set()
    back = _turned(graph)
    for start in reversed(_finished(graph)):
        if start in done:
            continue
        done.add(start)
        group, todo = [start], [start]
        while todo:
            for one in back.get(todo.pop(), ()):
                if one not in done:
                    done.add(one)
                    group.append(one)
                    todo.append(one)
        if len(group) > 1:
            yield sorted(group)


def _turned(graph: Graph) -> dict[str, list[str]]:
    back: dict[str, list[str]] = {}
    for path, links in graph.items():
        for target in links:
            back.setdefault(target, []).append(path)
    return back


def _finished(graph: Graph) -> list[str]:
    """All files, each behind those that it leads to, as far as there is such an order."""
    order: list[str] = []
    seen: set[str] = set()
    for start in sorted(graph):
        todo = [] if start in seen else [(start, iter(sorted(graph[start])))]
        seen.add(start)
        while todo:
            path, rest = todo[-1]
            target = next((one for one in rest if one not in seen and one in graph), None)
            if target is None:
                order.append(path)
                todo.pop()
            else:
                seen.add(target)
                todo.append((target, iter(sorted(graph[target]))))
    return order


def reached(start: str, graph: Graph) -> set[str]:
    """The files that a file includes, itself or through others."""
    found: set[str] = set()
    todo = [start]
    while todo:
        new = graph.get(todo.pop(), {}).keys() - found
        found |= new
        todo += new
    return found


def around(start: str, graph: Graph) -> list[Link]:
    """The shortest way from a file back to itself; empty if there is none."""
    came: dict[str, Link] = {}
    todo = deque([start])
    while todo:
        path = todo.popleft()
        for target, link in sorted(graph.get(path, {}).items()):
            if target == start:
                return [*_way(start, path, came), link]
            if target not in came:
                came[target] = link
                todo.append(target)
    return []


def _way(start: str, path: str, came: Mapping[str, Link]) -> list[Link]:
    links: list[Link] = []
    while path != start:
        links.append(came[path])
        path = came[path].path
    return links[::-1]
