"""Missing values and decoys in tables: where they are, what stands in for them, and from which samples it is learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numbered_samples import SEEDS, TEST, Reader, true_class
from one_cell import cell_of, measured
from sklearn.impute import SimpleImputer
from torch import Tensor
from wide_samples import FEATURES, OFFSETS, wide

from nnbench.datasets import tables
from nnbench.datasets.prepared import store
from nnbench.engine.data import TrainingData
from nnbench.errors import NnbenchError
from nnbench.schema import parse
from nnbench.settings import Settings

TRAIN, VALIDATION = 120, 60
BOTH = pytest.mark.parametrize("kind", ["fixed", "generated"])


pytestmark = pytest.mark.usefixtures("on_one_thread")


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


@pytest.fixture(scope="module")
def wine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wine")
    store.prepare(tables.WINE, path, data_folder=None, download=False)
    return path


def lacks(handled: str, share: float = 0.25, values: float = 0.4, **more: Any) -> dict[str, Any]:
    return {"missing": {"share": share, "values": values, "handled": handled, **more}}


def values_at(data: TrainingData, rows: Tensor) -> Tensor:
    return data.bank.gather_raw(rows)[0]


def gaps_in(values: Tensor) -> Tensor:
    """Where values with indicators were missing."""
    return values[:, :, FEATURES:].bool()


@BOTH
def test_a_share_of_the_samples_lacks_a_share_of_its_values(read: Reader, kind: str) -> None:
    data = read.train(wide(kind), **lacks("indicator"))
    for rows, count in ((data.train, TRAIN), (data.validation, VALIDATION)):
        gaps = gaps_in(values_at(data, rows)).sum(dim=2)
        assert [own.bincount(minlength=3).tolist() for own in gaps] == [
            [count - count // 4, 0, count // 4]
        ] * len(SEEDS)
    first, second, _ = gaps_in(values_at(data, data.train))
    assert not torch.equal(first.any(dim=1), second.any(dim=1))
    assert first.any(dim=0).all()


@BOTH
def test_the_samples_and_labels_are_those_of_a_training_without_gaps(
    read: Reader, kind: str
) -> None:
    plain, data = (read.train(wide(kind), **more) for more in ({}, lacks("indicator")))
    for theirs, ours in ((plain.train, data.train), (plain.validation, data.validation)):
        values = values_at(data, ours)
        there = ~gaps_in(values)
        assert torch.equal(values[:, :, :FEATURES][there], values_at(plain, theirs)[there])
        assert torch.equal(data.bank.labels_at(ours), plain.bank.labels_at(theirs))


@BOTH
@pytest.mark.parametrize("handled", ["mean", "indicator"])
def test_means_and_indicators_are_those_of_scikit_learn(
    read: Reader, kind: str, handled: str
) -> None:
    dataset, how = wide(kind), lacks(handled, in_test=True)
    told = read.train(dataset, **lacks("indicator", in_test=True))
    data = read.train(dataset, **how)
    test, where = (read.test(dataset, d, **s) for d, s in (
        (data, how), (told, lacks("indicator", in_test=True))))  # fmt: skip
    for row in range(len(SEEDS)):
        scikit = SimpleImputer(add_indicator=handled == "indicator")
        scikit.fit(_with_gaps(values_at(told, told.train)[row]))
        pairs = [
            (values_at(told, rows)[row], values_at(data, rows)[row])
            for rows in (data.train, data.validation)
        ]
        pairs.append((where.bank.inputs[where.test[row]], test.bank.inputs[test.test[row]]))
        for before, ours in pairs:
            assert np.allclose(ours.numpy(), scikit.transform(_with_gaps(before)), rtol=1e-6)


def _with_gaps(values: Tensor) -> np.ndarray:
    """Values (n, inputs) with NaN where the indicators beside them say that one was missing."""
    own = values[:, :FEATURES].clone()
    own[values[:, FEATURES:].bool()] = torch.nan
    return own.numpy()


@BOTH
def test_dropping_leaves_the_whole_samples_and_scales_by_them_alone(
    read: Reader, kind: str
) -> None:
    dataset = wide(kind)
    told, data = (read.train(dataset, **lacks(h), inputs="standard") for h in ("indicator", "drop"))
    assert (data.train.shape[1], data.validation.shape[1]) == (TRAIN * 3 // 4, VALIDATION * 3 // 4)
    for theirs, ours in ((told.train, data.train), (told.validation, data.validation)):
        kept = values_at(told, theirs)
        kept = kept[~gaps_in(kept).any(dim=2)][:, :FEATURES].view(*ours.shape, FEATURES)
        assert torch.equal(values_at(data, ours), kept)
    means = values_at(data, data.train).double().mean(dim=1, keepdim=True)
    assert torch.allclose(data.bank.normaliser.shift.double(), means)
    assert torch.equal(
        data.bank.labels_at(data.train), true_class(values_at(data, data.train)[:, :, :1])
    )


@BOTH
@pytest.mark.parametrize("handled", ["drop", "mean"])
def test_test_samples_are_whole_unless_they_are_to_lack_values(
    read: Reader, kind: str, handled: str
) -> None:
    dataset = wide(kind)
    whole, lacking = (lacks(handled, in_test=in_test) for in_test in (False, True))
    data = read.train(dataset, **whole)
    plain = read.test(dataset, read.train(dataset))
    test, gaps = (read.test(dataset, data, **how) for how in (whole, lacking))
    there, labels = plain.bank.gather_raw(plain.test)
    assert torch.equal(test.bank.gather_raw(test.test)[0], there)
    assert torch.equal(test.bank.labels_at(test.test), labels)
    filled = gaps.bank.gather_raw(gaps.test)[0] != there
    assert filled.sum(dim=(1, 2)).tolist() == [TEST // 4 * 2] * len(SEEDS)
    means = data.fills
    assert means is not None
    for row, own in enumerate(gaps.bank.gather_raw(gaps.test)[0]):
        assert all(value in means[row] for value in own[filled[row]])


@BOTH
def test_left_as_zeros_values_are_zero_where_they_are_missing(read: Reader, kind: str) -> None:
    dataset, how = wide(kind), lacks("zero", in_test=True)
    told, data = read.train(dataset, **lacks("indicator")), read.train(dataset, **how)
    before = values_at(told, told.train)
    wanted = before[:, :, :FEATURES].masked_fill(gaps_in(before), 0.0)
    assert torch.equal(values_at(data, data.train), wanted)
    test = read.test(dataset, data, **how)
    zeros = (test.bank.gather_raw(test.test)[0][:, :, 1:] == 0).sum(dim=(1, 2))
    assert (zeros > TEST // 4).all()


def test_numbers_are_scaled_by_the_targets_of_all_samples(read: Reader) -> None:
    dataset = wide("fixed", "regression")
    plain, data = (read.train(dataset, **more) for more in ({}, lacks("drop")))
    assert plain.targets is not None
    assert data.targets is not None
    assert torch.equal(plain.targets.mean, data.targets.mean)
    assert torch.equal(plain.targets.deviation, data.targets.deviation)


@pytest.mark.parametrize("more", [
    lacks("mean", share=1e-6), lacks("drop", share=1e-6), lacks("mean", share=1e-6, in_test=True)
])  # fmt: skip
def test_where_nothing_is_missing_all_numbers_are_those_without_the_setting(
    wine: Path, more: dict[str, Any]
) -> None:
    plain, same = (measured(cell_of("wine", **values), folder=wine) for values in ({}, more))
    assert {s: run.metrics for s, run in same.runs.items()} == {
        s: run.metrics for s, run in plain.runs.items()
    }


def test_blocks_of_seeds_have_the_gaps_of_all_together(wine: Path) -> None:
    cell = cell_of("wine", decoys=1, **lacks("indicator", in_test=True))
    together = measured(cell, folder=wine, seeds=(0, 1, 2))
    alone = measured(cell, folder=wine, seeds=(1,))
    assert alone.runs["1"].metrics == together.runs["1"].metrics


@BOTH
def test_a_decoy_has_the_values_of_its_input_in_another_order(read: Reader, kind: str) -> None:
    data = read.train(wide(kind), decoys=2)
    plain = read.train(wide(kind))
    for rows, theirs in ((data.train, plain.train), (data.validation, plain.validation)):
        values = values_at(data, rows)
        assert values.shape[2] == 3 * FEATURES
        assert torch.equal(values[:, :, :FEATURES], values_at(plain, theirs))
        copies = values.unflatten(2, (3, FEATURES))
        assert torch.equal(
            copies.sort(dim=1).values, copies[:, :, :1].sort(dim=1).values.expand_as(copies)
        )
        numbers = copies - torch.from_numpy(OFFSETS)
        agree = (numbers[:, :, :1, :1] == numbers).float().mean(dim=1)
        assert agree[:, 1:].max() < 0.15
        assert agree[:, 0].min() == 1.0


def test_unlabelled_samples_must_be_whole() -> None:
    values = {"pseudo_labels": 0.5, "train_size": 50, **lacks("mean")}
    with pytest.raises(NnbenchError, match="missing does not go with pseudo_labels"):
        parse(Settings, values, where="settings")
