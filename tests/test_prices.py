"""Prices: the worked table of the cost model on fixtures, and what must hold for any price."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.command import vmxlint
from tests.fixtures import FIXTURES, analysed, options
from tests.kernels import KVM, kernel
from vmxlint.contexts.reach import Reach
from vmxlint.cost import Pricing, Rate, Saving, Times
from vmxlint.engine import run
from vmxlint.findings import Finding
from vmxlint.interval import NOTHING, ONCE, Interval, exactly
from vmxlint.model import load_model, profiles
from vmxlint.model.profiles import Profile
from vmxlint.report import Report
from vmxlint.reporters.cycles import in_words

MODEL = load_model()
PRICING = Pricing(MODEL, profiles.load(profiles.DEFAULT), "skylake")

# Section 4 of the cost model: rule, part of the message, what it is per, low, typical, high.
WORKED = [
    ("VMX201", "'VM_EXIT_INTR_INFO'", "per_exit", 4, 19, 39),
    ("VMX101", "'PIN_BASED_VM_EXEC_CONTROL'", "per_exit", 22, 38, 76),
    ("VMX101", "'PIN_BASED_VM_EXEC_CONTROL'", "per_nested_round_trip", 230, 404, 820),
    ("VMX301", "'HOST_RSP'", "per_nested_round_trip", 30, 54, 120),
]


def worked(report: Report, rule: str, part: str, per: str) -> set[tuple[float, ...]]:
    found = [one for one in report.findings if one.rule == rule and part in one.message]
    prices = [getattr(one.cost, per) for one in found]
    return {tuple(_half_up(end) for end in price) for price in prices if price and price.high}


def _half_up(value: float) -> int:
    return math.floor(value + 0.5)


@pytest.mark.parametrize(("rule", "part", "per", "low", "typical", "high"), WORKED)
def test_the_worked_table_on_the_demo_tree(
    rule: str, part: str, per: str, low: int, typical: int, high: int
) -> None:
    assert worked(analysed(FIXTURES / "kvm_before"), rule, part, per) == {(low, typical, high)}


@pytest.mark.parametrize("rule", ["VMX201", "VMX202"])
def test_a_reason_that_a_mix_does_not_list_may_be_all_the_rest_of_it(rule: str) -> None:
    mix = Profile("cut", "", "", {"HLT": 60}, 100)
    wanted = options(rule)
    cut = replace(wanted, pricing=replace(wanted.pricing, profile=mix))
    prices = {one.cost.per_exit for one in run([str(FIXTURES / "kvm_before")], cut).findings}
    assert Interval(0.6 * 5, 25, 50) in prices


@pytest.mark.parametrize(("rule", "part", "per", "low", "typical", "high"), WORKED)
def test_the_worked_table_on_the_kernel_it_is_about(
    rule: str, part: str, per: str, low: int, typical: int, high: int
) -> None:
    report = run([str(kernel("5.0.1") / KVM)], options(rule))
    assert (low, typical, high) in worked(report, rule, part, per)


def test_each_toggle_of_a_control_costs_a_write_and_the_checks() -> None:
    once = Times(exactly(1), NOTHING)
    cost = PRICING.price([Saving("vmwrite", once), Saving("consistency_recheck", once)], "VM-entry")
    assert cost.per_exit == Interval(215, 377, 760)
    assert in_words(cost) == "~380 cycles per VM-entry (220-760) [skylake, modelled, grade B]"


def test_cpus_that_cache_no_vmcs_check_anyway() -> None:
    once = Times(exactly(1), NOTHING)
    for cpu in ("prescott", "core2", "nehalem"):
        for environment in MODEL.operations.environments:
            pricing = Pricing(MODEL, PRICING.profile, cpu, environment)
            cost = pricing.price([Saving("consistency_recheck", once)], "VM-entry")
            assert cost.per_exit == NOTHING


def test_every_operation_that_rules_save_has_a_price_everywhere() -> None:
    saved = (
        "vmread vmread_next_in_batch vmwrite consistency_recheck rdmsr_generic wrmsr_generic "
        "vmptrld vmclear invept_single invvpid vm_roundtrip_hw"
    ).split()
    for cpu in MODEL.operations.families:
        for environment in MODEL.operations.environments:
            for operation in saved:
                row = Pricing(MODEL, PRICING.profile, cpu, environment).cost_of(operation)
                assert row.cycles.high >= row.cycles.low >= 0


def test_as_a_nested_hypervisor_an_access_is_an_exit() -> None:
    read = [Saving("vmread", Times(exactly(1), NOTHING))]
    prices = {
        environment: Pricing(MODEL, PRICING.profile, "skylake", environment).price(read, "VM-exit")
        for environment in MODEL.operations.environments
    }
    typical = {name: cost.rank[0] for name, cost in prices.items()}
    assert typical["L1-evmcs"] < typical["L0"] < typical["L1-shadow"] < typical["L1-noshadow"]
    assert prices["L1-evmcs"].magnitude == "a few cycles per VM-exit"
    assert "[skylake, L1-noshadow, modelled, grade C]" in in_words(prices["L1-noshadow"])


def test_a_rate_of_exits_gives_the_share_of_a_core() -> None:
    rate = Rate(100_000, Interval(2, 2.5, 4))
    pricing = replace(PRICING, rate=rate)
    cost = pricing.price([Saving("vmwrite", Times(exactly(1), NOTHING))], "VM-exit")
    assert cost.load is not None
    assert cost.load.part == pytest.approx((15e5 / 4e9, 27e5 / 2.5e9, 60e5 / 2e9))
    nested = pricing.price([Saving("vmwrite", Times(NOTHING, exactly(1)))], "VM-exit")
    assert nested.load is None
    assert PRICING.price([Saving("vmwrite", Times(exactly(1), NOTHING))], "VM-exit").load is None


def test_an_exit_that_the_mix_does_not_list_may_be_any_of_the_rest() -> None:
    vmcall = Reach("exit:VMCALL", (), (), ONCE)
    whole = replace(PRICING, profile=Profile("p", "d", "s", {"HLT": 50}, 50))
    assert whole.times([vmcall]).per_exit == NOTHING
    part = replace(PRICING, profile=Profile("p", "d", "s", {"HLT": 50}, 200))
    assert part.times([vmcall]).per_exit == Interval(0, 0, 0.75)
    cost = part.price([Saving("vmwrite", part.times([vmcall]))], "VM-exit")
    assert (cost.per_exit, cost.grade) == (None, "X")
    assert cost.magnitude == "a few cycles per VM-exit"


AMOUNTS = st.floats(min_value=0, max_value=1000, allow_subnormal=False)
OPERATIONS = st.sampled_from(
    [name for name in MODEL.operations.operations if (name, "any", "L0") in MODEL.operations.rows]
)


def intervals(ends: st.SearchStrategy[float]) -> st.SearchStrategy[Interval]:
    return st.lists(ends, min_size=3, max_size=3).map(lambda three: Interval(*sorted(three)))


SAVINGS = st.lists(
    st.builds(
        Saving,
        OPERATIONS,
        st.builds(Times, intervals(AMOUNTS), intervals(AMOUNTS), st.sampled_from("ABCD")),
    ),
    max_size=6,
)
CPUS = st.sampled_from(MODEL.operations.families)


@settings(deadline=None)
@given(SAVINGS, CPUS)
def test_a_price_has_its_ends_in_order_and_is_the_sum_of_its_terms(
    savings: list[Saving], cpu: str
) -> None:
    cost = Pricing(MODEL, PRICING.profile, cpu).price(savings, "VM-exit")
    assert len(cost.terms) == len(savings)
    for per in ("per_exit", "per_nested_round_trip"):
        price = getattr(cost, per)
        if price is None:
            assert cost.magnitude
            continue
        assert 0 <= price.low <= price.typical <= price.high < math.inf
        for end in range(3):
            parts = (one.cycles[end] * getattr(one, per)[end] for one in cost.terms)
            assert price[end] == pytest.approx(sum(parts))


@settings(deadline=None)
@given(SAVINGS, st.data())
def test_removing_an_operation_never_raises_a_price(
    savings: list[Saving], data: st.DataObject
) -> None:
    assume(savings)
    gone = data.draw(st.integers(0, len(savings) - 1))
    whole = PRICING.price(savings, "VM-exit")
    less = PRICING.price([*savings[:gone], *savings[gone + 1 :]], "VM-exit")
    assert less.rank <= whole.rank or less.rank == pytest.approx(whole.rank)
    for per in ("per_exit", "per_nested_round_trip"):
        one, other = getattr(less, per), getattr(whole, per)
        if one and other:
            assert all(a <= b * (1 + 1e-9) for a, b in zip(one, other, strict=True))


SAMPLES = st.dictionaries(
    st.sampled_from(sorted(MODEL.exits.reasons)), st.integers(0, 10**12), min_size=1, max_size=8
)


@settings(deadline=None, max_examples=15)
@given(SAMPLES, st.integers(0, 10**12))
def test_any_mix_gives_finite_prices_in_order(samples: dict[str, int], unlisted: int) -> None:
    assume(sum(samples.values()))
    mix = Profile("p", "d", "s", samples, sum(samples.values()) + unlisted)
    demo = options("VMX101", "VMX102", "VMX201", "VMX206")
    chosen = replace(demo, pricing=replace(PRICING, profile=mix))
    for finding in run([str(FIXTURES / "kvm_before" / "vmx" / "vmx.c")], chosen).findings:
        _check(finding)


def _check(finding: Finding) -> None:
    for price in (finding.cost.per_exit, finding.cost.per_nested_round_trip):
        if price is not None:
            assert 0 <= price.low <= price.typical <= price.high < math.inf
    assert all(map(math.isfinite, finding.cost.rank))
    for chance in finding.chances:
        assert 0 <= chance.probability.low <= chance.probability.high <= 1


def test_the_share_of_a_core_is_told_only_where_a_rate_was_asked_for() -> None:
    tree = FIXTURES / "kvm_before"
    select = ("--select", "VMX201")
    assert "= load: " not in vmxlint(*select, tree).stdout
    shown = vmxlint(*select, "--profile", "service_bcc", tree).stdout
    assert "at 3867 VM-exits/s [TSC of ~2.5 GHz (1.7-3.8), modelled]" in shown
    options = ("--exits-per-second", "1000000", "--tsc-ghz", "2", "--format", "json")
    for finding in json.loads(vmxlint(*select, *options, tree).stdout)["findings"]:
        cost = finding["cost"]
        for end in ("low", "typical", "high"):
            part = cost["load"]["part_of_a_core"][end]
            assert part == pytest.approx(cost["per_exit"][end] * 1e6 / 2e9, rel=1e-2)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--exits-per-second", "0"),
        ("--exits-per-second", "-5"),
        ("--exits-per-second", "nan"),
        ("--exits-per-second", "inf"),
        ("--tsc-ghz", "0"),
        ("--tsc-ghz", "1e9"),
        ("--environment", "L2"),
    ],
)
def test_options_that_make_no_sense_are_named(option: str, value: str) -> None:
    done = vmxlint(option, value, FIXTURES / "kvm_before")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert option.removeprefix("--") in done.stderr


def test_prices_as_a_nested_hypervisor_say_so_in_every_format() -> None:
    options = ("--select", "VMX201", "--environment", "L1-noshadow", FIXTURES / "kvm_before")
    assert "[skylake, L1-noshadow, modelled, grade C]" in vmxlint(*options).stdout
    document = json.loads(vmxlint("--format", "json", *options).stdout)
    assert {one["cost"]["environment"] for one in document["findings"]} == {"L1-noshadow"}
    budget = vmxlint("budget", *options[2:]).stdout
    assert "skylake, L1-noshadow" in budget
