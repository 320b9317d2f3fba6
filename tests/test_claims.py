"""What others have published about the cost of VMX, and how well the model foretells it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import pytest

from tests.fixtures import ROOT
from vmxlint.interval import NOTHING, Interval, exactly
from vmxlint.model import Model, load_model
from vmxlint.model.operations import OperationTable
from vmxlint.model.tables import Table, parse

FILE = Path(__file__).parent / "claims.toml"
README = " ".join((ROOT / "README.md").read_text("utf-8").split())
MODEL = load_model()
ONE_PERCENT = 0.01
# What the model reaches today: a change of a constant may not make it worse.
LEAST_COVERAGE = {"fit": 22 / 23, "held-out": 9 / 11}
LARGEST_ERROR = {"fit": 0.11, "held-out": 0.63}  # median of |log2(predicted / claimed)|


@dataclass(frozen=True)
class Claim:
    """A published figure, and the operations that the model adds up for it."""

    id: str
    source: str
    what: str
    operations: Mapping[str, Interval]
    split: str = "no-change"
    claimed: Interval = NOTHING
    is_floor: bool = False
    family: str = "any"
    environment: str = "L0"
    beside: Interval = NOTHING

    def predicted(self, model: Model) -> Interval:
        total = self.beside
        for operation, times in self.operations.items():
            row = model.operations.lookup(operation, self.family, self.environment)
            total += row.cycles * times
        return total

    def holds(self, model: Model) -> bool:
        """Whether the claim lies in the interval, a floor not above it."""
        found = self.predicted(model)
        above = found.low <= self.claimed.high or self.is_floor
        return above and found.high >= self.claimed.low

    def ratio(self, model: Model) -> float:
        """Predicted to claimed, 1 where the claim is a range around it, or a floor below it."""
        typical = self.predicted(model).typical
        if typical < self.claimed.low:
            return typical / self.claimed.low
        return 1.0 if self.is_floor else max(1.0, typical / self.claimed.high)


def _counts(row: Table) -> dict[str, Interval]:
    counts = row.take("operations", dict)
    return {
        name: row.interval(times) if isinstance(times, list) else exactly(times)
        for name, times in counts.items()
    }


def _claim(row: Table) -> Claim:
    low, high = row.take("claimed", list)
    direction = row.optional("direction") or "equal"
    assert direction in ("equal", "at-least")
    return Claim(
        row.text("id"),
        row.text("source"),
        row.text("what"),
        _counts(row),
        row.text("split"),
        Interval(low, (low + high) / 2, high),
        direction == "at-least",
        row.optional("family") or "any",
        row.optional("environment") or "L0",
        row.interval(row.take("beside", list)) if "beside" in row.left else NOTHING,
    )


def _no_change(row: Table) -> Claim:
    return Claim(row.text("id"), row.text("source"), row.text("what"), _counts(row))


def _read(table: Table) -> tuple[tuple[Claim, ...], tuple[Claim, ...]]:
    return table.rows("claim", _claim), table.rows("no_change", _no_change)


CLAIMS, NO_CHANGES = parse(FILE.name, FILE.read_text("utf-8")).all(_read)


def scores(split: str, model: Model = MODEL) -> tuple[float, float, float]:
    """Coverage, the median ratio predicted to claimed, and the median of |log2| of it."""
    claims = [one for one in CLAIMS if one.split == split]
    ratios = [one.ratio(model) for one in claims]
    coverage = sum(one.holds(model) for one in claims) / len(claims)
    return coverage, median(ratios), median(abs(math.log2(one)) for one in ratios)


@pytest.mark.parametrize("split", ["fit", "held-out"])
def test_the_model_foretells_the_claims_as_well_as_before(
    split: str, capsys: pytest.CaptureFixture[str]
) -> None:
    coverage, ratio, error = scores(split)
    claims = [one for one in CLAIMS if one.split == split]
    with capsys.disabled():
        print(f"\n{split}: {coverage:.0%} of {len(claims)} claims in their interval,", end=" ")
        print(f"median ratio predicted to claimed {ratio:.2f}")
        for one in claims:
            if not one.holds(MODEL):
                low, _, high = one.predicted(MODEL)
                print(f"  missed {one.id}: {one.claimed.typical:g}, modelled {low:g} to {high:g}")
    assert coverage >= LEAST_COVERAGE[split] - 1e-9
    assert error <= LARGEST_ERROR[split]


def test_the_claims_are_split_by_source() -> None:
    fit = {one.source for one in CLAIMS if one.split == "fit"}
    held_out = {one.source for one in CLAIMS if one.split == "held-out"}
    assert fit | held_out == {one.source for one in CLAIMS}
    assert not fit & held_out
    assert len(held_out) >= 8
    ids = [one.id for one in (*CLAIMS, *NO_CHANGES)]
    assert len(ids) == len(set(ids))


def test_no_constant_of_a_prediction_was_read_off_its_claim() -> None:
    for one in CLAIMS:
        if one.split == "held-out":
            names = [one.source.split(" (")[0], *re.findall(r"[0-9a-f]{12}|\[.*\]", one.source)]
            for operation in one.operations:
                row = MODEL.operations.lookup(operation, one.family, one.environment)
                assert not [name for name in names if name in row.source]


@pytest.mark.parametrize("one", NO_CHANGES, ids=lambda one: one.id)
def test_what_nobody_could_measure_is_below_one_percent(one: Claim) -> None:
    round_trip = MODEL.operations.lookup("nested_roundtrip", "any").cycles.typical
    assert 0 < one.predicted(MODEL).typical < ONE_PERCENT * round_trip


def test_the_misses_are_in_the_readme() -> None:
    misses = [one for one in CLAIMS if not one.holds(MODEL)]
    assert misses
    for one in misses:
        assert f"`{one.id}`" in README
    for split in ("fit", "held-out"):
        claims = [one for one in CLAIMS if one.split == split]
        held = sum(one.holds(MODEL) for one in claims)
        assert f"{held} of {len(claims)}" in README


@pytest.mark.parametrize(
    ("operation", "factor"),
    [("wrmsr_generic", 0.3), ("wrmsr_generic", 4), ("rdmsr_generic", 0.3), ("kvm_exit_fast", 3)],
)
def test_a_constant_that_is_wrong_makes_the_scores_worse(operation: str, factor: float) -> None:
    rows = {
        key: replace(row, cycles=row.cycles.scaled(factor)) if row.operation == operation else row
        for key, row in MODEL.operations.rows.items()
    }
    wrong = replace(MODEL, operations=OperationTable(rows))
    before, after = scores("held-out"), scores("held-out", wrong)
    assert after[0] < before[0] or after[2] > before[2]
