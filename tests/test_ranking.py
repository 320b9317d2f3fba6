"""`--sort cost`: the dearest first, and ties where the model can't tell."""

from __future__ import annotations

import json

import pytest

from tests.command import vmxlint
from tests.fixtures import FIXTURES, analysed
from vmxlint.findings import Cost, Term
from vmxlint.interval import NOTHING, Interval
from vmxlint.ranking import ranked
from vmxlint.report import Report

DEMO = analysed(FIXTURES / "kvm_before")


def priced(*prices: tuple[float, float, float] | str) -> Report:
    """A report with findings of these prices per VM-exit, in the order given."""
    findings = []
    for n, price in enumerate(prices):
        figure = NOTHING if isinstance(price, str) else Interval(*price)
        magnitude = price if isinstance(price, str) else None
        term = Term("vmread", "vmread/any/L0", figure, Interval(1, 1, 1), NOTHING, "B", ("s",))
        cost = Cost(
            None if magnitude else figure,
            NOTHING,
            "VM-exit",
            magnitude,
            "B",
            "skylake",
            "p",
            ("s",),
            terms=(term,),
        )
        findings.append(DEMO.findings[0]._replace(cost=cost, fingerprint=str(n)))
    return DEMO._replace(findings=tuple(findings))


@pytest.mark.parametrize(
    ("prices", "order", "ties"),
    [
        ([(1, 2, 3), (10, 20, 30)], "10", [(False, False), (False, False)]),
        ([(10, 20, 30), (12, 19, 30), (1, 1, 2)], "012", [(0, 1), (1, 0), (0, 0)]),
        ([(10, 20, 30), (25, 26, 100)], "10", [(False, False), (False, False)]),
        ([(5, 5, 5), (5, 5, 5)], "01", [(False, True), (True, False)]),
        (["tens", (1, 1, 1), "tens"], "102", [(0, 0), (0, 1), (1, 0)]),
        ([], "", []),
    ],
)
def test_order_and_ties(prices: list[object], order: str, ties: list[tuple[int, int]]) -> None:
    findings = ranked(priced(*prices)).findings  # type: ignore[arg-type]
    assert "".join(one.fingerprint for one in findings) == order
    ranks = [one.rank for one in findings]
    assert [(r.ties_above, r.ties_below) for r in ranks if r] == ties
    assert [(r.place, r.among) for r in ranks if r] == [
        (n, len(prices)) for n in range(1, len(prices) + 1)
    ]


def test_sorting_on_the_command_line_changes_the_order_alone() -> None:
    tree = FIXTURES / "kvm_before"
    plain = json.loads(vmxlint("--format", "json", tree).stdout)["findings"]
    dear = json.loads(vmxlint("--format", "json", "--sort", "cost", tree).stdout)["findings"]
    assert all(one["rank"] is None for one in plain)
    assert [one.pop("rank")["place"] for one in dear] == list(range(1, len(plain) + 1))
    for one in plain:
        del one["rank"]
    key = json.dumps
    assert sorted(map(key, plain)) == sorted(map(key, dear))
    typical = [
        (one["cost"]["per_exit"]["typical"], one["cost"]["per_nested_round_trip"]["typical"])
        for one in dear
    ]
    assert typical == sorted(typical, reverse=True)
    assert "= rank: 1 of " in vmxlint("--sort", "cost", tree).stdout
