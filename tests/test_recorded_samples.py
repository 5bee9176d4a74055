"""What a record keeps of each test sample: the parts of which its test scores are the means."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from one_cell import cell_of, folder, plain, record_of

from nnbench.datasets.base import Arrays, Pools
from nnbench.datasets.coin_flip import DATASET as COINS
from nnbench.datasets.digits import DATASET as DIGITS
from nnbench.datasets.prepared import store
from nnbench.datasets.tables import DIABETES
from nnbench.experiments.samples import groups_in, hits_in, losses_in, packed_losses
from nnbench.experiments.training import measure as training
from nnbench.records.record import Record

__all__ = ["folder"]  # a fixture


pytestmark = pytest.mark.usefixtures("on_one_thread")


def run(folder: Path, dataset: str = "digits", **values: Any) -> Record:
    return record_of(cell_of(dataset, **values), folder=folder)


@pytest.mark.parametrize("loss", ["cross_entropy", "mse", "hinge", "smoothed"])
def test_the_samples_of_every_run_make_up_its_test_scores(folder: Path, loss: str) -> None:
    record = run(folder, loss=loss)
    count = len(store.load_test(folder).labels)
    assert record.samples is not None
    assert record.samples.losses.keys() == record.samples.hits.keys() == record.runs.keys()
    assert record.samples.groups is None
    for seed, outcome in record.runs.items():
        losses, hits = (
            losses_in(record.samples.losses[seed]),
            hits_in(record.samples.hits[seed], count),
        )
        assert losses.shape == hits.shape == (count,)
        assert losses.mean() == pytest.approx(outcome.metrics["test_loss"], rel=1e-3)
        assert hits.mean() == pytest.approx(outcome.metrics["test_accuracy"], rel=1e-12)


def test_samples_are_in_the_order_of_the_test_set(folder: Path) -> None:
    record = run(folder)
    labels = store.load_test(folder).labels
    assert record.samples is not None
    for seed, outcome in record.runs.items():
        hits = hits_in(record.samples.hits[seed], len(labels))
        for digit in range(10):
            wanted = outcome.metrics[f"test_accuracy@class {digit}"]
            assert hits[labels == digit].mean() == pytest.approx(wanted, rel=1e-9)


def test_numbers_have_losses_alone(tmp_path: Path) -> None:
    store.prepare(DIABETES, tmp_path, data_folder=None, download=False)
    record = run(tmp_path, "diabetes", loss="huber")
    assert record.samples is not None
    assert record.samples.hits == {}
    for seed, outcome in record.runs.items():
        mean = losses_in(record.samples.losses[seed]).mean()
        assert mean == pytest.approx(outcome.metrics["test_loss"], rel=1e-3)


def test_a_run_that_diverged_has_none(folder: Path) -> None:
    record = run(folder, optimizer="sgd", lr=1e12)
    assert {outcome.status for outcome in record.runs.values()} == {"diverged"}
    assert record.samples is not None
    assert record.samples.losses == record.samples.hits == {}


def test_a_thousand_samples_of_five_runs_take_less_than_30_kb(folder: Path) -> None:
    kept = plain(run(folder, train_for="1 step"))["samples"]
    size = sum(len(text) for name in ("losses", "hits") for text in kept[name].values())
    assert size / len(store.load_test(folder).labels) * 1_000 < 15_000


def test_generated_and_very_large_test_sets_are_not_kept(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.prepare(COINS, tmp_path, data_folder=None, download=False)
    assert run(tmp_path, "coin_flip", train_for="1 step").samples is None
    monkeypatch.setattr(training, "SAMPLES_LIMIT", 100)
    assert run(folder, train_for="1 step").samples is None


def test_groups_of_test_samples_are_kept_where_some_belong_together(
    folder: Path, tmp_path: Path
) -> None:
    pools = [store.load_trainval(folder), store.load_test(folder)]

    def grouped(arrays: Arrays, each: int) -> Arrays:
        return replace(arrays, groups=7 + np.arange(len(arrays)) // each)

    for each in (1, 3):
        parts = [grouped(arrays, each) for arrays in pools]
        data = replace(DIGITS, load=lambda *_, parts=parts: Pools(trainval=parts[0], test=parts[1]))
        store.prepare(data, tmp_path / str(each), data_folder=None, download=False)
        samples = run(tmp_path / str(each), train_for="1 step").samples
        assert samples is not None
        assert (samples.groups is None) == (each == 1)
        if samples.groups:
            assert groups_in(samples.groups).tolist() == [i // 3 for i in range(len(pools[1]))]


def test_what_a_float16_cannot_hold_becomes_its_largest_number() -> None:
    given = np.array([1e9, np.inf, np.nan, 1.0, -1e9])
    assert losses_in(packed_losses(given)).tolist() == [65504, 65504, 65504, 1, -65504]
