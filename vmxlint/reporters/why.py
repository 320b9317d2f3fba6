"""`vmxlint why`, for a person and as JSON."""

from __future__ import annotations

from collections.abc import Iterator

from vmxlint.explanation import Explained, Explanation, Running
from vmxlint.reporters.cycles import ends, times
from vmxlint.reporters.document import dumped
from vmxlint.reporters.escape import escape

_SELDOM = 0.0005  # times per VM-exit and per nested round trip; below, a context has one line
_SHOWN = 6


def as_text(answer: Explanation) -> str:
    """The answer as lines: each context with its frequency, way and conditions; the operations."""
    blocks = ("\n".join(map(escape, _function(one, answer))) for one in answer.functions)
    return "\n\n".join(blocks) + "\n"


def _function(one: Explained, answer: Explanation) -> Iterator[str]:
    yield f"{one.opened_as}:{one.line}: {one.name}()"
    if not one.contexts:
        yield "  cold: nothing that runs at a VM-entry or a VM-exit calls it"
    often = [context for context in one.contexts if _is_often(context)]
    seldom = [context for context in one.contexts if not _is_often(context)]
    if not often:  # then the way to what is seldom is all there is to tell
        often, seldom = seldom[:1], seldom[1:]
    for context in often:
        yield from _running(context, answer)
    if seldom:
        yield f"  seldom: {', '.join(context.context for context in seldom)}"
    if one.operations:
        yield "  operations:"
    for made in one.operations:
        yield f"    {made.line}: {made.kind} {made.field}"
        for condition in made.conditions:
            yield f"        if {condition}"


def _is_often(one: Running) -> bool:
    return max(one.per_exit.typical, one.per_nested_round_trip.typical) >= _SELDOM


def _running(one: Running, answer: Explanation) -> Iterator[str]:
    terms = (("VM-exit", one.per_exit), ("nested round trip", one.per_nested_round_trip))
    known = [f"{times(often)} per {per}" for per, often in terms if often.high]
    basis = f"modelled, grade {one.grade}"
    if one.context.startswith("exit:"):
        basis = f"profile {answer.profile}, {basis}"
    yield f"  {one.context}: {', '.join(known) or 'no figure'} [{basis}]"
    yield f"    path: {' -> '.join(f'{name}()' for name in one.call_path)}"
    for condition in one.turns[:_SHOWN]:
        yield f"    when: {condition}"
    if len(one.turns) > _SHOWN:
        yield f"    when: ... and {len(one.turns) - _SHOWN} more; all with --format json"


def as_json(answer: Explanation) -> str:
    """The answer as JSON, version 1; counts are runs of the function, modelled."""
    document = {
        "version": 1,
        "cpu": answer.cpu,
        "profile": answer.profile,
        "dialect": answer.dialect,
        "modelled": True,
        "functions": [_function_data(one) for one in answer.functions],
    }
    return dumped(document, indent=2)


def _function_data(one: Explained) -> dict[str, object]:
    return {
        "name": one.name,
        "path": one.path,
        "line": one.line,
        "cold": not one.contexts,
        "contexts": [_running_data(context) for context in one.contexts],
        "operations": [
            {
                "line": made.line,
                "op": made.kind,
                "field": made.field,
                "conditions": list(made.conditions),
            }
            for made in one.operations
        ],
    }


def _running_data(one: Running) -> dict[str, object]:
    return {
        "context": one.context,
        "per_exit": ends(one.per_exit, 6),
        "per_nested_round_trip": ends(one.per_nested_round_trip, 6),
        "grade": one.grade,
        "source": one.source,
        "call_path": list(one.call_path),
        "conditions": list(one.conditions),
    }
