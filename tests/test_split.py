"""``split: each seed``: every replicate draws its own test set from all samples."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_up_plan import (
    cells_by_level,
    claim,
    made_up_record,
    plan_in,
    planned,
    store,
    write_document,
)
from one_cell import cell_of, record_of
from scipy import stats
from test_data import fixed
from tiny_training import one_thread

from nnbench.datasets.base import Arrays, Dataset, Pools
from nnbench.datasets.digits import DATASET as DIGITS
from nnbench.datasets.prepared import store as data_store
from nnbench.datasets.tables import DIABETES
from nnbench.engine.data import held_out, training_data
from nnbench.errors import NnbenchError
from nnbench.settings import Settings
from nnbench.verdicts.judge import judge

CPU = torch.device("cpu")
SEEDS = (0, 1, 2, 3, 4)
OWN = {"split": "each seed"}


def parts(dataset: Dataset, folder: Path, **settings: Any) -> list[list[set[int]]]:
    """The numbers of each replicate's samples (their first feature): training, validation, test."""
    data_store.prepare(dataset, folder, data_folder=None, download=False)
    values = Settings.model_validate_json(json.dumps({"inputs": "raw", **OWN, **settings}))
    place: dict[str, Any] = {"folder": folder, "seeds": SEEDS, "device": CPU}
    data = training_data(dataset, values, **place)
    test = held_out(dataset, data.bank.normaliser, values, **place, targets=data.targets)
    found = []
    for rows in zip(data.train, data.validation, test.test, strict=True):
        banks = (data.bank, data.bank, test.bank)
        found.append(
            [set(b.inputs[r][:, 0].int().tolist()) for b, r in zip(banks, rows, strict=True)]
        )
        assert [len(own) for own in found[-1]] == [len(r) for r in rows]
    return found


def test_seeds_have_other_test_samples_and_none_is_in_two_parts(tmp_path: Path) -> None:
    found = parts(fixed(), tmp_path)
    for train, validation, test in found:
        assert (len(train), len(validation), len(test)) == (40, 15, 20)
        assert len(train | validation | test) == 75
        assert test != set(range(60, 80))
    assert len({frozenset(test) for *_, test in found}) == len(SEEDS)
    assert len(set().union(*(test for *_, test in found))) > 40


def test_a_replicates_samples_do_not_depend_on_the_others(tmp_path: Path) -> None:
    data_store.prepare(fixed(), tmp_path, data_folder=None, download=False)
    values = Settings.model_validate_json(json.dumps(OWN))
    all_of_them, alone = (
        training_data(fixed(), values, folder=tmp_path, seeds=seeds, device=CPU)
        for seeds in (SEEDS, SEEDS[3:4])
    )
    assert torch.equal(all_of_them.train[3], alone.train[0])


def test_groups_stay_in_one_part(tmp_path: Path) -> None:
    dataset = fixed()
    assert dataset.load is not None
    pools = dataset.load(None, False)

    def grouped(arrays: Arrays) -> Arrays:
        return replace(arrays, groups=arrays.inputs[:, 0].astype(np.int64) // 4)

    both = Pools(trainval=grouped(pools.trainval), test=grouped(pools.test))
    for own in parts(replace(dataset, load=lambda *_: both), tmp_path):
        groups = [{number // 4 for number in part} for part in own]
        assert len(own[2]) == 20
        assert len(set.union(*groups)) == sum(map(len, groups))


def test_the_parts_are_of_the_classes_in_use(tmp_path: Path) -> None:
    for own in parts(fixed(), tmp_path, classes=[1, 0]):
        assert sum(map(len, own)) == 75
    data_store.prepare(DIGITS, tmp_path / "digits", data_folder=None, download=False)
    with one_thread():
        record = record_of(cell_of(classes=[3, 4], **OWN), folder=tmp_path / "digits")
    assert (record.classes, record.test_samples) == (2, 72)


def test_numbers_are_scaled_by_each_replicates_own_training_targets(tmp_path: Path) -> None:
    data_store.prepare(DIABETES, tmp_path, data_folder=None, download=False)
    values = Settings.model_validate_json(json.dumps(OWN))
    place: dict[str, Any] = {"folder": tmp_path, "seeds": SEEDS, "device": CPU}
    data = training_data(DIABETES, values, **place)
    test = held_out(DIABETES, data.bank.normaliser, values, **place, targets=data.targets)
    seen = data.bank.labels_at(data.train)
    assert torch.allclose(seen.mean(dim=1), torch.zeros(5), atol=1e-5)
    labels = test.bank.labels_at(test.test)
    assert labels.shape == (5, 133)
    assert len({round(value, 5) for value in labels.mean(dim=1).tolist()}) == 5


def test_a_cell_is_measured_and_keeps_no_samples(tmp_path: Path) -> None:
    data_store.prepare(DIGITS, tmp_path, data_folder=None, download=False)
    with one_thread():
        own, usual = (record_of(cell_of(**values), folder=tmp_path) for values in (OWN, {}))
    assert own.test_samples == usual.test_samples == 360
    assert own.samples is None
    for seed, run in own.runs.items():
        assert run.metrics["test_accuracy"] > 0.8
        assert run.metrics["test_loss"] != usual.runs[seed].metrics["test_loss"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"datasets": {"coin_flip": {}}}, "draws its own samples anyway"),
        ({"datasets": {"mnist": {}}}, "mnist, with a test set of its own"),
        (
            {"tracks": ["as-written", "tuned"], "tune": {"l2": [0.1, 0.2]}},
            "the tuned track needs the fixed split",
        ),
    ],
)
def test_it_is_refused_where_it_would_not_be_true(
    changes: dict[str, Any], text: str, tmp_path: Path
) -> None:
    with pytest.raises(NnbenchError, match=text):
        planned(tmp_path, claim(settings={"train_for": "2 epochs", **OWN}, **changes))


def test_the_interval_over_other_samples_knows_that_divisions_overlap(tmp_path: Path) -> None:
    levels = {"better": {"lr": 0.1}, "worse": {"lr": 0.001}}
    values = {"better": [0.9, 0.91, 0.93, 0.9, 0.92], "worse": [0.8, 0.82, 0.83, 0.81, 0.8]}
    kind = {"kind": "best", "better": ["better"], "than": ["worse"], "metric": "test_accuracy"}
    content = claim(levels=levels, claimed=None, settings=OWN, **kind)
    write_document(tmp_path, {"c0": content})
    plan = plan_in(tmp_path, seeds=5)
    for name, cell in cells_by_level(plan).items():
        store(plan, cell, made_up_record(cell, {"test_accuracy": values[name]}))
    finding = judge(plan).claims[0].results[0]
    assert (finding.conditional, finding.resolution) == (False, None)
    (pair,) = finding.pairs
    differences = np.subtract(values["better"], values["worse"])
    # 360 of the digits are test samples, 1,437 are not
    error = differences.std(ddof=1) * math.sqrt(1 / 5 + 360 / 1437)
    half = stats.t.ppf(0.975, 4) * error
    assert pair.low_samples == pytest.approx(differences.mean() - half)
    assert pair.high_samples == pytest.approx(differences.mean() + half)
