"""Intervals over new seeds and new test samples, where every seed shares one test set."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_plan import cells_by_level, claim, made_up_record, plan_in, store, write_document
from redrawn import Divided, World, coverage
from scipy import stats

from nnbench.experiments.samples import packed_groups, packed_hits, packed_losses
from nnbench.records.pair import PairResult
from nnbench.verdicts.judge import judge
from nnbench.verdicts.rules import mean_interval
from nnbench.verdicts.samples import by_group, crossed_interval

RNG = np.random.default_rng(3)
SEEDS, SAMPLES = 5, 400


def test_on_redrawn_test_sets_the_interval_over_samples_covers_and_that_over_seeds_does_not() -> (
    None
):
    found = coverage(World(seed=1), seeds=5, samples=1_000, times=200)
    for name, (over_seeds, over_samples) in found.items():
        assert over_seeds < 0.88, name
        assert 0.91 < over_samples < 0.99, name


def test_the_variance_is_the_sum_of_its_parts() -> None:
    values = np.array([[1.0, 2.0, 6.0], [2.0, 2.0, 8.0]])
    # means: 3, 4 by seed; 1.5, 2, 7 by sample; mean squares 1.5, 18.5, 0.5 with 1, 2, 2 degrees of freedom
    variance = (1.5 + 18.5 - 0.5) / 6
    freedom = (1.5 + 18.5 - 0.5) ** 2 / (1.5**2 + 18.5**2 / 2 + 0.5**2 / 2)
    seeds_alone = stats.t.ppf(0.975, 1) * 0.5
    half = max(seeds_alone, stats.t.ppf(0.975, freedom) * math.sqrt(variance))
    assert crossed_interval(values) == pytest.approx((3.5 - half, 3.5 + half))


def test_where_samples_add_no_variance_it_is_the_interval_over_seeds() -> None:
    by_seed = RNG.normal(0.0, 1.0, (SEEDS, 1))
    rest = RNG.normal(0.0, 1.0, (SEEDS, SAMPLES))
    rest -= rest.mean(axis=0) + rest.mean(axis=1, keepdims=True) - rest.mean()
    assert crossed_interval(by_seed + rest) == pytest.approx(mean_interval(by_seed)[1:])


def test_samples_that_add_hardly_anything_make_no_endless_interval() -> None:
    rest = np.random.default_rng(8).normal(0.0, 1.0, (SEEDS, 40))
    rest -= rest.mean(axis=1, keepdims=True)  # every seed has the same mean
    widths = [
        np.ptp(found) for _ in range(50) if (found := crossed_interval(RNG.permuted(rest, axis=1)))
    ]
    assert max(widths) < 4 * stats.t.ppf(0.975, SEEDS - 1) / math.sqrt(rest.size)


@pytest.mark.parametrize("shape", [(1, 10), (10, 1)])
def test_one_seed_or_one_sample_has_no_interval(shape: tuple[int, int]) -> None:
    assert crossed_interval(RNG.normal(size=shape)) is None


def test_samples_of_one_group_count_as_one() -> None:
    values = RNG.normal(size=(SEEDS, SAMPLES))
    twice = np.repeat(values, 2, axis=1)
    groups = np.repeat(np.arange(SAMPLES), 2)
    assert np.allclose(by_group(twice, groups), values)
    uneven = by_group(values, RNG.integers(0, 50, SAMPLES))
    assert uneven.shape == (SEEDS, 50)
    assert np.allclose(uneven.mean(axis=1), values.mean(axis=1))


# --- from records to results

BETTER: dict[str, Any] = {"lr": 0.1}
WORSE: dict[str, Any] = {"lr": 0.001}


def scored(factor: float) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """Metrics by seed and the samples behind them; the same ones are hard for every seed."""
    own = np.random.default_rng(5)
    hard = own.exponential(1.0, SAMPLES)
    losses = [factor * hard * own.uniform(0.8, 1.2, SAMPLES) for _ in range(SEEDS)]
    hits = [loss < 1.0 for loss in losses]
    metrics = {
        "test_loss": [float(loss.mean()) for loss in losses],
        "test_accuracy": [float(hit.mean()) for hit in hits],
    }
    samples = {
        "losses": {str(seed): packed_losses(loss) for seed, loss in enumerate(losses)},
        "hits": {str(seed): packed_hits(hit) for seed, hit in enumerate(hits)},
    }
    return metrics, samples


def pair_of(
    folder: Path, metric: str = "test_loss", *, worse: Mapping[str, Any] = WORSE, **changes: Any
) -> PairResult:
    """The claim's pair; ``changes`` are fields of the worse level's record."""
    levels = {"better": BETTER, "worse": worse}
    kind = {"kind": "best", "better": ["better"], "than": ["worse"]}
    write_document(folder, {"c0": claim(metric=metric, levels=levels, claimed=None, **kind)})
    plan = plan_in(folder, seeds=SEEDS)
    for name, cell in cells_by_level(plan).items():
        metrics, samples = scored(1.0 if name == "better" else 1.4)
        own = {"test_samples": SAMPLES, "samples": samples} | (changes if name == "worse" else {})
        store(plan, cell, made_up_record(cell, metrics, **own))
    (pair,) = judge(plan).claims[0].results[0].pairs
    return pair


def ends(pair: PairResult) -> tuple[float, float]:
    assert pair.low_samples is not None
    assert pair.high_samples is not None
    return pair.low_samples, pair.high_samples


@pytest.mark.parametrize("metric", ["test_loss", "test_accuracy"])
def test_a_pair_has_a_wider_interval_over_new_test_samples(tmp_path: Path, metric: str) -> None:
    pair = pair_of(tmp_path, metric)
    low, high = ends(pair)
    assert pair.difference is not None
    assert pair.low is not None
    assert low < pair.low
    assert (low + high) / 2 == pytest.approx(pair.difference)
    assert "; over new test samples too " in pair.text


def test_the_interval_is_that_of_the_differences_sample_by_sample(tmp_path: Path) -> None:
    hits = [
        np.array([np.unpackbits(np.frombuffer(base64.b64decode(text), np.uint8)) for text in kept])
        for kept in (scored(factor)[1]["hits"].values() for factor in (1.0, 1.4))
    ]
    wanted = crossed_interval(hits[0].astype(float) - hits[1])
    assert ends(pair_of(tmp_path, "test_accuracy")) == pytest.approx(wanted)


def test_a_run_that_diverged_scores_alike_on_every_sample(tmp_path: Path) -> None:
    samples = scored(1.4)[1]
    known = {name: {k: v for k, v in kept.items() if k != "4"} for name, kept in samples.items()}
    ends(pair_of(tmp_path, diverged=(4,), samples=known))


@pytest.mark.parametrize(
    "changes",
    [
        {"samples": None},
        {"samples": {**scored(1.4)[1], "groups": packed_groups(np.arange(SAMPLES) // 4)}},
        {"samples": {"losses": {"0": scored(1.0)[1]["losses"]["0"]}}},
        {
            "test_samples": 2,
            "samples": {"losses": {str(s): packed_losses(np.ones(2)) for s in range(5)}},
        },
        {"samples": {"losses": {str(s): packed_losses(np.zeros(SAMPLES)) for s in range(5)}}},
        {"worse": {"lr": 0.001, "classes": [0, 1]}},
    ],
    ids=[
        "none",
        "other groups",
        "one seed only",
        "another test set",
        "no loss at all",
        "other classes",
    ],
)
def test_without_the_same_samples_on_both_sides_there_is_none(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    pair = pair_of(tmp_path, **changes)
    assert (pair.low_samples, pair.high_samples) == (None, None)
    assert pair.low is not None
    assert "over new test samples" not in pair.text


def test_where_seeds_divide_one_set_anew_the_corrected_interval_covers() -> None:
    found = coverage(Divided(seed=1, runs=1_000, samples=400), seeds=5, samples=400, times=300)
    for name, (over_seeds, corrected) in found.items():
        assert over_seeds < 0.9, name
        assert corrected > 0.91, name
