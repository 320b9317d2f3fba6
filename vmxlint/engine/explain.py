"""From a Program to the answer of `vmxlint why`."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

from vmxlint.contexts.gate import Gate
from vmxlint.contexts.reach import Reach
from vmxlint.explanation import Explained, Made, Running
from vmxlint.facts import spelled
from vmxlint.flow.routine import Routine
from vmxlint.operations import Operation
from vmxlint.program import Program
from vmxlint.reading.source import InputError, SourceFile, Target

GUESSED = "X"  # the grade of a count that rests on conditions of unknown probability
_CERTAIN = 0.99
_TELLING = ("reason", "guest-mode", "flag", "request")


def explained(
    name: str, target: Target, program: Program, files: Mapping[str, SourceFile]
) -> tuple[Explained, ...]:
    """Each function of that name below the target; InputError with near names if there is none."""
    known = program.linker.names.routines
    routines = [one for one in known.get(name, ()) if target.name(one.path)]
    real = [one for one in routines if one.function.origin not in ("macro", "alias")]
    if not routines:
        near = difflib.get_close_matches(name, sorted(known), n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise InputError(f"no function {name!r} in {target.given!r}{hint}")
    found = (_function(one, target, program, files[one.path]) for one in real or routines)
    return tuple(sorted(found, key=lambda one: (one.path, one.line)))


def _function(routine: Routine, target: Target, program: Program, file: SourceFile) -> Explained:
    path = target.name(routine.path) or routine.path
    ways = program.contexts.to(routine).values()
    contexts = [_running(reach, program) for reach in ways]
    return Explained(
        routine.name,
        path,
        target.opened_as(path),
        file.line(routine.function.start),
        tuple(sorted(contexts, key=_most_often_first)),
        tuple(_made(one, program, file) for one in program.made_in(routine)),
    )


def _most_often_first(one: Running) -> tuple[float, float, str]:
    often = max(one.per_exit.typical, one.per_nested_round_trip.typical)
    return -often, -one.per_exit.typical, one.context


def _running(reach: Reach, program: Program) -> Running:
    times = program.pricing.times([reach])
    return Running(
        reach.context,
        times.per_exit,
        times.per_nested_round_trip,
        times.grade if reach.expected.low == reach.expected.high else GUESSED,
        times.source,
        reach.path,
        tuple(dict.fromkeys(_told(gate) for gate in _turns(reach, program))),
        tuple(dict.fromkeys(gate.spelled for gate in reach.gates)),
    )


def _turns(reach: Reach, program: Program) -> Iterator[Gate]:
    """The gates that tell when the code runs, or may keep it from running."""
    for gate in reach.gates:
        chance = program.contexts.chance(gate, reach.context)
        guessed = reach.expected.low < reach.expected.high and chance.typical < _CERTAIN
        if gate.kind in _TELLING or guessed:
            yield gate


def _told(gate: Gate) -> str:
    if gate.kind != "flag":
        return gate.spelled
    setters = dict.fromkeys(f"{routine.name}()" for routine, _ in gate.setters)
    return f"{gate.spelled} (set in {', '.join(setters)})"


def _made(operation: Operation, program: Program, file: SourceFile) -> Made:
    return Made(
        file.line(operation.site.expr.start),
        operation.kind,
        operation.field.name if operation.field else spelled(operation.operand),
        tuple(_conditions(operation, program)),
    )


def _conditions(operation: Operation, program: Program) -> Iterator[str]:
    gates = program.gates_before(operation)
    yield from dict.fromkeys(gate.spelled for gate in gates)
