"""Of functions made up at random the engine knows which operations there are, in which order they
run, and only conditions that hold whenever they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests import fixtures, generated
from tests.fixtures import options
from tests.generated import CHOICES, FLAGS, HEAD, PLAIN, Numbers, Op, Statement
from vmxlint.facts import Expr
from vmxlint.flow import Condition
from vmxlint.operations import Operation
from vmxlint.program import Program
from vmxlint.reading import read_facts
from vmxlint.reading.source import SourceFile, Unit

MOST = 24
FIELDS = [
    one.name
    for one in options().pricing.model.fields.fields
    if one.name.startswith(("GUEST_", "HOST_")) and "FULL" not in one.name
][:MOST]
VALUES = [
    {**dict(zip(FLAGS, flags, strict=True)), "x": choice}
    for flags in product((0, 1), repeat=len(FLAGS))
    for choice in CHOICES
]
Operands = Mapping[str, int]


def operations(code: str) -> list[Operation]:
    unit = Unit([SourceFile("vmx.c", code.encode())])
    facts, reader = read_facts(unit)
    assert not facts[0].gaps
    program = Program(facts, reader.body, fixtures.PLAIN, options().pricing)
    return [one for one in program.operations if one.routine.name == "made_up"]


def value(expr: Expr, values: Operands) -> int | None:
    """The value of a condition's expression, None if it is not known."""
    match expr:
        case Expr("name", name):
            return values.get(name)
        case Expr("number", text):
            return int(text)
        case Expr("call", _, (Expr("name", "likely" | "unlikely"), inner)) | Expr(
            "cast", _, (inner,)
        ):
            return value(inner, values)
        case Expr("unary", "!", (inner,)):
            known = value(inner, values)
            return None if known is None else int(not known)
        case Expr("binary", operator, (left, right)):
            return _binary(operator, value(left, values), value(right, values))
    return None


def _binary(operator: str, left: int | None, right: int | None) -> int | None:
    if operator in ("&&", "||"):
        decisive = operator == "||"
        known = [None if one is None else bool(one) for one in (left, right)]
        if decisive in known:
            return int(decisive)
        return None if None in known else int(not decisive)
    if left is None or right is None:
        return None
    return {"==": int(left == right), "!=": int(left != right)}.get(operator)


def holds(condition: Condition, values: Operands) -> bool | None:
    subject = value(condition.test, values)
    if subject is None:
        return None
    if condition.cases:
        cases = [value(one, values) for one in condition.cases]
        return (subject in cases) == condition.holds
    return bool(subject) == condition.holds


@st.composite
def programs(draw: st.DrawFn) -> tuple[list[Statement], Op]:
    numbers = Numbers(MOST)
    body = draw(generated.bodies(numbers))
    return body, Op(MOST - 1, PLAIN[0], None)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_made_up_functions(program: tuple[list[Statement], Op]) -> None:
    body, last = program
    code = HEAD + generated.function("made_up", body, last, FIELDS)
    note(code)
    traces = [generated.trace(body, last, values) for values in VALUES]
    found: dict[int, list[Operation]] = {}
    order: list[int] = []
    for one in operations(code):
        assert one.field is not None
        number = FIELDS.index(one.field.name)
        found.setdefault(number, []).append(one)
        order.append(number)
    ran = {number for trace in traces for number in trace}
    assert ran <= found.keys(), "an operation that runs is not known"
    for values, trace in zip(VALUES, traces, strict=True):
        check_order(trace, order)
        for number in set(trace):
            check_conditions(found[number], values)


def check_order(trace: Sequence[int], order: Sequence[int]) -> None:
    """What runs for the first time after another stands behind it in the engine's order."""
    firsts = list(dict.fromkeys(trace))
    assert firsts == sorted(firsts, key=order.index)


def check_conditions(ways: Sequence[Operation], values: Operands) -> None:
    """On one of the ways to an operation that runs, no condition is false."""
    assert any(
        all(holds(one, values) is not False for one in (*way.site.conditions, *way.conditions))
        for way in ways
    ), "an operation runs though a condition does not hold"


@st.composite
def plain_programs(draw: st.DrawFn) -> tuple[list[Statement], Op]:
    return draw(generated.plain_bodies(Numbers(MOST))), Op(MOST - 1, PLAIN[0], None)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(plain_programs())
def test_conditions_say_exactly_when_an_operation_runs(
    program: tuple[list[Statement], Op],
) -> None:
    body, last = program
    code = HEAD + generated.function("made_up", body, last, FIELDS)
    note(code)
    known = operations(code)
    for values in VALUES:
        done = generated.trace(body, last, values)
        said = {
            one.field.name
            for one in known
            if one.field
            and all(holds(each, values) for each in (*one.site.conditions, *one.conditions))
        }
        assert said == {FIELDS[number] for number in done}
