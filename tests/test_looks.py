"""The looks of ``seeds: auto``: what each may spend, what they decide, and how many seeds a plan has then."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_plan import claim, made_up_record, plan_in, planned, store
from scipy import optimize, stats
from verdict_cases import rule, verdict_of

from nnbench.claims.looks import LOOKS, share_of
from nnbench.plan.looks import write_looks
from nnbench.plan.plan import Plan
from nnbench.plan.started import started
from nnbench.progress.looks import looks_told
from nnbench.verdicts.judge import judge
from nnbench.verdicts.looks import look

PAIR: dict[str, Any] = {
    "levels": {"high": {"lr": 0.1}, "low": {"lr": 0.001}},
    "claimed": {"high": 0.1, "low": 0.3},
}


def exact_limits(information: Sequence[float], spent: Callable[[float], float]) -> list[float]:
    """Limits of z at which one-sided errors ``spent`` are used up (Armitage, McPherson and Rowe 1969)."""
    limits: list[float] = []
    at, mass, before = np.zeros(1), np.ones(1), 0.0  # of the sum so far, where it crossed no limit
    for now in information:
        step, share = math.sqrt(now - before), spent(now) - spent(before)

        def beyond(z: float, at=at, mass=mass, step=step, now=now, share=share) -> float:  # type: ignore[no-untyped-def]
            return float((mass * stats.norm.sf((z * math.sqrt(now) - at) / step)).sum()) - share

        limits.append(float(optimize.brentq(beyond, 0.0, 9.0)))
        edges = np.linspace(-6 * math.sqrt(now), limits[-1] * math.sqrt(now), 1501)
        below = (stats.norm.cdf((edges[:, None] - at) / step) * mass).sum(axis=1)
        at, mass, before = (edges[1:] + edges[:-1]) / 2, np.diff(below), now
    return limits


def test_the_shares_of_all_looks_are_the_whole_error() -> None:
    assert [share_of(blocks) for blocks in LOOKS] == [1 / 8, 1 / 8, 1 / 4, 1 / 2]


def test_each_look_asks_for_at_least_what_lan_and_demets_would() -> None:
    def obrien_fleming(t: float) -> float:
        return 2 * float(stats.norm.sf(stats.norm.isf(0.0125) / math.sqrt(t))) if t else 0.0

    # the recursion gives what gsDesign and ldbounds print for a two-sided 0.05
    published = [4.333, 2.963, 2.359, 2.014]
    assert exact_limits([0.25, 0.5, 0.75, 1], obrien_fleming) == pytest.approx(published, abs=5e-4)
    exact = exact_limits([blocks / LOOKS[-1] for blocks in LOOKS], lambda t: 0.025 * t)
    own = [float(stats.norm.isf(0.025 * share_of(blocks))) for blocks in LOOKS]
    assert own[0] == pytest.approx(exact[0])
    assert all(e <= o <= 1.05 * e for e, o in zip(exact[1:], own[1:], strict=True))


def test_intervals_of_all_looks_together_cover_with_at_least_95_percent() -> None:
    values = np.random.default_rng(3).normal(size=(4000, LOOKS[-1]))
    missed = np.zeros(len(values), dtype=bool)
    for i, row in enumerate(values):
        for blocks in LOOKS:
            level = {"A": row[:blocks].tolist(), "B": [0.0] * blocks}
            pair = verdict_of(level, [rule("A", "B")], share=share_of(blocks)).pairs[0]
            missed[i] |= not pair.low <= 0 <= pair.high
    assert 0.035 < missed.mean() <= 0.05  # 0.0432 in 200,000 repetitions


def test_a_p_value_at_a_look_counts_all_looks_and_agrees_with_the_interval() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        values = {"A": rng.normal(1.0, 1.0, 10).tolist(), "B": [0.0] * 10}
        alone = verdict_of(values, [rule("A", "B")]).pairs[0]
        pair = verdict_of(values, [rule("A", "B")], share=share_of(10)).pairs[0]
        assert pair.p == pytest.approx(min(8 * alone.p, 1.0))
        assert (pair.p <= 0.05) == (pair.low > 0 or pair.high < 0)


def recorded(plan: Plan, *, seeds: int, better: float, noise: float) -> None:
    """Records of all cells of the first so many seeds: ``high`` has the lower loss by ``better``."""
    rng = np.random.default_rng(5)
    draws = {use.level: rng.normal(0, noise, LOOKS[-1])[:seeds] for use in plan.uses}
    for use in plan.uses:
        middle = np.log(0.3) - better * (use.level == "high")
        losses = np.exp(middle + draws[use.level]).tolist()
        cell = plan.cells[use.cells[0]]
        store(plan, cell, made_up_record(cell, {"test_loss": losses}))


def after_look(plan: Plan, folder: Path) -> Plan:
    write_looks(plan.config, look(plan.config))
    return plan_in(folder, seeds="auto")


def test_a_plan_begins_with_the_first_look(tmp_path: Path) -> None:
    plan = planned(tmp_path, claim(**PAIR), seeds="auto")
    assert set(plan.seeds.values()) == {5}
    assert plan.undecided() == ("paper/c0/digits/as-written",)
    (told,) = looks_told(plan)
    assert "0 of 1 comparisons are settled, with 5 seeds next: 1; up to 40 seeds" in told


def test_a_large_difference_is_settled_at_the_first_look(tmp_path: Path) -> None:
    plan = planned(tmp_path, claim(**PAIR), seeds="auto")
    recorded(plan, seeds=5, better=1.0, noise=0.02)
    after = after_look(plan, tmp_path)
    assert (set(after.seeds.values()), after.undecided()) == ({5}, ())
    (finding,) = judge(after).claims[0].results
    assert (finding.verdict, finding.looks, finding.most) == ("reproduced", (5,), 40)
    assert "95 % repeated CI" in finding.pairs[0].text


def test_an_unclear_pair_takes_the_next_look_and_a_run_is_still_the_one_it_was(
    tmp_path: Path,
) -> None:
    plan = planned(tmp_path, claim(**PAIR), seeds="auto")
    recorded(plan, seeds=5, better=0.1, noise=0.2)
    after = after_look(plan, tmp_path)
    assert set(after.seeds.values()) == {10}
    assert started(after) == started(plan)


def test_looks_go_as_far_as_there_are_records_and_end_with_the_last(tmp_path: Path) -> None:
    plan = planned(tmp_path, claim(**PAIR), seeds="auto")
    recorded(plan, seeds=40, better=0.05, noise=0.3)
    after = after_look(plan, tmp_path)
    assert (set(after.seeds.values()), after.undecided()) == ({40}, ())
    assert next(looks_told(after)).endswith(
        "0 of 1 comparisons are settled, 1 stay open after 40 seeds"
    )


@pytest.mark.parametrize("changes", ["a record", "the claim"])
def test_a_decision_counts_only_for_what_it_was_made_of(changes: str, tmp_path: Path) -> None:
    plan = planned(tmp_path, claim(**PAIR), seeds="auto")
    recorded(plan, seeds=10, better=0.3, noise=0.2)
    after_look(plan, tmp_path)
    assert set(plan_in(tmp_path, seeds="auto").seeds.values()) != {5}
    if changes == "a record":
        recorded(plan, seeds=10, better=0.31, noise=0.2)
        plan = plan_in(tmp_path, seeds="auto")
    else:
        plan = planned(tmp_path, claim(**PAIR, margin=0.01), seeds="auto")
    assert set(plan.seeds.values()) == {5}
    assert plan.undecided()


@pytest.mark.parametrize(
    ("config", "own", "seeds"),
    [("auto", None, 5), ("auto", 20, 20), (10, "auto", 5), (3, "auto", 3), (10, 20, 10)],
)
def test_a_claim_may_have_automatic_seeds_of_its_own(
    config: Any, own: Any, seeds: int, tmp_path: Path
) -> None:
    plan = planned(tmp_path, claim(**PAIR, seeds=own), seeds=config)
    assert {use.seeds for use in plan.uses} == {seeds}
    assert {use.auto for use in plan.uses} == {seeds == 5}
