"""One table of claim kinds, one of metrics: what stands in an entry is what everything goes by."""

from __future__ import annotations

from typing import get_args

import pytest

from nnbench.cells.cell import dataset_of
from nnbench.claims.claim import Claim
from nnbench.claims.kinds import KINDS, Kind
from nnbench.experiments.reads import training_metrics
from nnbench.metrics import METRICS
from nnbench.settings import Settings
from nnbench.text import wording

LEVELS = {"a": {"lr": 0.1}, "b": {"lr": 0.2}, "c": {"lr": 0.3}}
BETTER = {"better": ["a"], "than": ["b", "c"]}
NEEDS = {
    "order": {"order": ["a", "b", "c"]}, "best": BETTER, "exists": BETTER, "differs": {"margin": 0.1},
    "shares": {"shares": {"study": "s", "matter": ["f"]}, "levels": {}, "datasets": {}},
}  # fmt: skip


def claim(kind: str) -> Claim:
    data = {"title": "t", "quote": "q", "kind": kind, "levels": LEVELS, "datasets": {"digits": {}}}
    if kind == "definition":
        data |= {"metric": "parameters", "claimed": {"a": 1.0, "b": 2.0, "c": 3.0}}
    return Claim.model_validate({**data, **NEEDS.get(kind, {})}, strict=False)


def test_every_kind_has_one_entry() -> None:
    assert tuple(KINDS) == get_args(Kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_is_judged_has_pairs_an_outcome_and_a_sentence(kind: Kind) -> None:
    entry, read = KINDS[kind], claim(kind)
    judged = entry.status == "judged" and kind != "shares"  # which a study judges, without pairs
    assert bool(entry.pairs(read, METRICS[read.metric])) == judged
    assert (entry.outcome is not None) == judged
    leads = {entry.lead_of(directed=directed) for directed in (True, False)}
    assert (leads <= set(wording._LEADS)) == judged


@pytest.mark.parametrize(
    ("kind", "compared"),
    [
        ("order", [("a", "b"), ("b", "c"), ("a", "c")]),
        ("best", [("a", "b"), ("a", "c")]),
        ("exists", [("a", "b"), ("a", "c")]),
        ("differs", [("a", "b"), ("a", "c"), ("b", "c")]),
        ("equal", [("a", "b"), ("a", "c"), ("b", "c")]),
        ("definition", []),
        ("qualitative", []),
    ],
)
def test_a_kind_says_which_pairs_it_compares(kind: Kind, compared: list[tuple[str, str]]) -> None:
    pairs = KINDS[kind].pairs(claim(kind), METRICS["test_loss"])
    assert [(pair.better, pair.worse) for pair in pairs] == compared
    assert {pair.tie for pair in pairs} <= {kind == "equal"}


def test_what_a_training_measures_is_what_the_metrics_entries_say() -> None:
    classes, numbers = dataset_of("digits"), dataset_of("diabetes")
    plain = set(training_metrics(Settings(), classes))
    always = {"train_loss", "validation_loss", "test_loss", "loss_gap", "parameters"}
    accuracies = {"train_accuracy", "validation_accuracy", "test_accuracy"}
    assert plain == always | accuracies | {"stuck"}
    assert set(training_metrics(Settings(), numbers)) == always | {
        "test_mae",
        "test_rmse",
        "test_r2",
    }
    probed = Settings.model_validate(
        {"probes": ("gradients", "dead_units"), "target": {"value": 0.9}, "rbm": {}}
    )
    assert set(training_metrics(probed, classes)) - plain == {
        "gradient_ratio_start",
        "gradient_ratio",
        "dead_units",
        "epochs_to_target",
        "steps_to_target",
        "reconstruction_error",
    }


def test_sizes_and_times_of_a_run_that_diverged_are_kept() -> None:
    kept = {name for name, metric in METRICS.items() if metric.diverged == "kept"}
    times = {name for name, metric in METRICS.items() if metric.timing}
    assert kept == times | {
        "parameters", "flops", "epochs_to_target", "steps_to_target", "gradient_ratio_start", "trapped"
    }  # fmt: skip


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_cannot_lie_beyond_its_bounds_and_a_logarithm_not_below_zero(name: str) -> None:
    metric = METRICS[name]
    low, high = metric.bounds
    assert metric.possible(max(low, 0.0), by=0.0)
    if metric.scale == "log":
        assert not metric.possible(-1e-9, by=1e-6)
    if metric.unit in ("fraction", "correlation"):
        assert metric.possible(high + 1e-7, by=1e-6)
        assert not metric.possible(high + 1e-3, by=1e-6)
