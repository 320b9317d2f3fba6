"""What must hold of every budget: on programs made at random, at random exit mixes."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fixtures import FIXTURES, PLAIN, options
from tests.test_budget import HANDLERS, HEAD, RUN
from vmxlint.budget import Budget, budget_of
from vmxlint.budget.amounts import NONE, Amount, Bag, either
from vmxlint.engine import budget
from vmxlint.model import load_model
from vmxlint.model.profiles import Profile
from vmxlint.program import Program
from vmxlint.reading import Reading
from vmxlint.reporters import budget_folded, budget_json, budget_speedscope

FIELDS = ("GUEST_RIP", "GUEST_RSP", "HOST_RSP", "TPR_THRESHOLD", "PIN_BASED_VM_EXEC_CONTROL")
OPERATION = re.compile(r"\b(?:get|put)\([A-Z][^;]*\);")
TESTS = st.sampled_from(
    ["v->state", "!v->mode", "v->state && v->mode", "v->mode || v->exit_reason == EXIT_REASON_HLT"]
)

operations = st.one_of(
    st.sampled_from(FIELDS).map(lambda field: f"get({field});"),
    st.sampled_from(FIELDS).map(lambda field: f"put({field}, v->mode);"),
    st.sampled_from(["first(v);", "second(v);", "v->state = 1;", "if (v->mode) return;"]),
)


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.lists(inner, max_size=4).map(" ".join),
        st.tuples(TESTS, inner).map(lambda one: f"if ({one[0]}) {{ {one[1]} }}"),
        st.tuples(TESTS, inner, inner).map(
            lambda one: f"if ({one[0]}) {{ {one[1]} }} else {{ {one[2]} }}"
        ),
        st.tuples(TESTS, inner).map(lambda one: f"if ({one[0]}) {{ {one[1]} return; }}"),
        st.tuples(inner, inner, inner).map(
            lambda one: (
                f"switch (v->mode) {{ case 1: {one[0]} break; case 2: {one[1]} default: {one[2]} }}"
            )
        ),
        inner.map(lambda one: f"while (v->mode) {{ {one} }}"),
    )


bodies = st.recursive(operations, compound, max_leaves=12)
programs = st.tuples(bodies, bodies, bodies, bodies)


def source(parts: tuple[str, str, str, str]) -> str:
    one, two, before, after = parts
    inner = [text.replace("first(v);", "").replace("second(v);", "") for text in (one, two)]
    helpers = (
        f"static void first(struct vcpu *v) {{ {inner[0]} }}\n"
        f"static void second(struct vcpu *v) {{ {inner[1]} }}\n"
        f"static void prepare(struct vcpu *v) {{ {before} }}\n"
        f"static void settle(struct vcpu *v) {{ {after} }}\n"
    )
    return HEAD + helpers + HANDLERS + RUN % ("prepare(v);", "settle(v);")


def budget_in(text: str) -> Budget:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "vmx.c").write_text(text, "utf-8")
        return budget(folder, options())


slowly = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


@slowly
@given(programs)
def test_counts_and_cycles_are_in_order_and_the_steps_add_up(
    parts: tuple[str, str, str, str],
) -> None:
    for path in budget_in(source(parts)).paths:
        assert 0 <= path.cycles.low <= path.cycles.typical <= path.cycles.high
        for kind, one in path.operations.items():
            assert 0 <= one.min <= one.expected + 1e-9, (path.context, kind)
            assert one.expected <= one.max + 1e-9, (path.context, kind)
        for end in range(3):
            total = sum(step.cycles[end] for step in path.steps)
            assert total == pytest.approx(path.cycles[end])
        for kind in ("vmread", "vmwrite", "msr"):
            expected = sum(step.expected for step in path.steps if step.kind == kind)
            assert expected == pytest.approx(path.operations[kind].expected)


@slowly
@given(programs, st.data())
def test_removing_an_operation_never_raises_a_price(
    parts: tuple[str, str, str, str], data: st.DataObject
) -> None:
    text = source(parts)
    body = text.index("static void first")
    found = [one for one in OPERATION.finditer(text) if one.start() > body]
    gone = data.draw(st.sampled_from(found))
    before = budget_in(text)
    after = budget_in(f"{text[: gone.start()]};{text[gone.end() :]}")
    for path in before.paths:
        now = after.path(path.context)
        if now is not None:
            for end in range(3):
                assert now.cycles[end] <= path.cycles[end] + 1e-6, path.context


@cache
def program(name: str) -> Callable[[Profile], Program]:
    reading = Reading(FIXTURES / name, PLAIN, 1)
    facts, reader = reading.facts()

    def of(profile: Profile) -> Program:
        pricing = replace(options().pricing, profile=profile)
        return Program(facts, reader.body, PLAIN, pricing)

    return of


samples = st.dictionaries(
    st.sampled_from(sorted(load_model().exits.reasons)), st.integers(0, 10**9), max_size=8
)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(samples, st.integers(1, 10**9))
def test_any_exit_mix_gives_finite_results(mix: dict[str, int], unlisted: int) -> None:
    profile = Profile("any", "", "", mix, sum(mix.values()) + unlisted)
    found = budget_of(program("kvm_before")(profile))
    assert {one.context for one in found.paths} >= {"entry", "exit", "nested-round-trip"}
    document = json.loads(budget_json.render(found))
    assert all(path["cycles"]["high"] < 1e6 for path in document["paths"])


@pytest.mark.parametrize("name", ["kvm_before", "kvm_after"])
def test_every_form_adds_up_to_the_cycles_of_its_path(name: str) -> None:
    found = budget(str(FIXTURES / name), options())
    document = json.loads(budget_json.render(found))
    folded: dict[str, int] = {}
    for line in budget_folded.render(found).splitlines():
        stack, number = line.rsplit(" ", 1)
        context = stack.split(" [modelled]")[0]
        folded[context] = folded.get(context, 0) + int(number)
    speedscope = json.loads(budget_speedscope.render(found, name))
    weights = {one["name"].split(" ")[0]: sum(one["weights"]) for one in speedscope["profiles"]}
    for path in document["paths"]:
        typical = path["cycles"]["typical"]
        for end, value in path["cycles"].items():
            total = sum(step["cycles"][end] for step in path["steps"])
            assert total == pytest.approx(value, abs=1e-3)
        assert folded.get(path["context"], 0) == round(typical)
        assert weights.get(path["context"], 0) == pytest.approx(typical, abs=1e-3)


amounts = st.dictionaries(st.sampled_from("abc"), st.floats(0, 10), max_size=3)


@given(st.lists(st.tuples(st.floats(0.01, 1), amounts), min_size=1, max_size=4))
def test_one_of_several_ways_is_no_less_than_the_least_and_no_more_than_the_most(
    ways: list[tuple[float, Bag]],
) -> None:
    total = sum(chance for chance, _ in ways)
    found = either([(chance / total, Amount(bag, bag, bag)) for chance, bag in ways])
    for kind in "abc":
        least, expected = found.least.get(kind, 0), found.expected.get(kind, 0)
        assert least <= expected + 1e-9
        assert expected <= found.most.get(kind, 0) + 1e-9
    assert either([]) == NONE
