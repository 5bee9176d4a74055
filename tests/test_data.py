"""Splits that never overlap, normalisation by training samples alone, and data on the device."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from nnbench.datasets import mnist1d
from nnbench.datasets.base import Arrays, Dataset, Pools, Stream
from nnbench.datasets.prepared import store
from nnbench.engine.data import Bank, HeldOut, Normaliser, TrainingData, held_out, training_data
from nnbench.errors import NnbenchError
from nnbench.settings import Settings

CPU = torch.device("cpu")
SEEDS = (0, 1, 2)
POOL, TEST = 60, 20


def arrays(inputs: npt.NDArray[Any]) -> Arrays:
    return Arrays(inputs=inputs, labels=np.arange(len(inputs)) % 2)


def numbered(count: int, start: int = 0) -> npt.NDArray[np.float32]:
    """Samples (count, 3); the first feature numbers them, the others are on scales of their own."""
    number = np.arange(start, start + count, dtype=np.float32)
    return np.stack([number, np.sin(number) * 50 + 7, number**2], axis=1)


def fixed(pool: npt.NDArray[Any] | None = None, test: npt.NDArray[Any] | None = None) -> Dataset:
    pool = numbered(POOL) if pool is None else pool
    test = numbered(TEST, start=POOL) if test is None else test
    pools = Pools(trainval=arrays(pool), test=arrays(test))
    return Dataset(
        name="tiny", title="", source="", licence="", input_shape=pool.shape[1:],
        class_names=("a", "b"), scaling="feature", train_size=40, validation_size=15,
        test_size=len(test), load=lambda _folder, _download: pools,
    )  # fmt: skip


def generated(kind: type[np.generic] = np.float32) -> Dataset:
    codes: dict[Stream, int] = {"train": 0, "validation": 1, "test": 2}

    def draw(n: int, *, seed: int, stream: Stream) -> Arrays:
        rng = np.random.default_rng([seed, codes[stream]])
        return arrays(rng.integers(0, 256, (n, 3)).astype(kind))

    return replace(fixed(), load=None, draw=draw)


class Reader:
    """Reads a dataset that it prepares on first use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def train(
        self, dataset: Dataset, seeds: tuple[int, ...] = SEEDS, **settings: Any
    ) -> TrainingData:
        if not (self.folder / "manifest.json").is_file():
            store.prepare(dataset, self.folder, data_folder=None, download=False)
        values = Settings(**settings)
        return training_data(dataset, values, folder=self.folder, seeds=seeds, device=CPU)

    def test(self, dataset: Dataset, data: TrainingData) -> HeldOut:
        normaliser = data.bank.normaliser
        return held_out(
            dataset, normaliser, Settings(), folder=self.folder, seeds=SEEDS, device=CPU
        )


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def samples(bank: Bank, rows: Tensor) -> set[bytes]:
    return {row.numpy().tobytes() for row in bank.inputs[rows.flatten()]}


def test_training_validation_and_test_samples_never_overlap(read: Reader) -> None:
    dataset = fixed()
    data = read.train(dataset)
    test = read.test(dataset, data)
    assert (data.train.shape, data.validation.shape, test.test.shape) == ((3, 40), (3, 15), (3, 20))
    for train, validation, held in zip(data.train, data.validation, test.test, strict=True):
        parts = [samples(data.bank, r) for r in (train, validation)] + [samples(test.bank, held)]
        assert [len(part) for part in parts] == [40, 15, 20]
        assert len(set.union(*parts)) == 75


def test_generated_training_validation_and_test_samples_never_overlap(tmp_path: Path) -> None:
    dataset, settings = mnist1d.DATASET, Settings(train_size=30)
    data = training_data(dataset, settings, folder=tmp_path, seeds=SEEDS, device=CPU)
    small = replace(dataset, test_size=50)
    normaliser = data.bank.normaliser
    test = held_out(small, normaliser, settings, folder=tmp_path, seeds=SEEDS, device=CPU)
    rows = torch.cat([data.train, data.validation], dim=1)
    count = rows.numel() + test.test.numel()
    assert len(samples(data.bank, rows) | samples(test.bank, test.test)) == count


def test_replicates_draw_splits_of_their_own(read: Reader) -> None:
    data = read.train(fixed())
    for rows in (data.train, data.validation):
        drawn = [frozenset(row.tolist()) for row in rows]
        assert len(set(drawn)) == len(SEEDS)


def test_a_split_depends_on_its_own_seed_alone(read: Reader) -> None:
    together, alone = read.train(fixed()), read.train(fixed(), seeds=(2,))
    assert torch.equal(together.train[2:], alone.train)
    assert torch.equal(together.validation[2:], alone.validation)
    normalisers = (together.bank.normaliser, alone.bank.normaliser)
    assert torch.equal(normalisers[0].shift[2:], normalisers[1].shift)


def test_validation_stays_and_training_sets_nest_when_the_size_changes(read: Reader) -> None:
    small, large = read.train(fixed(), train_size=10), read.train(fixed(), train_size=45)
    assert torch.equal(small.validation, large.validation)
    assert torch.equal(small.train, large.train[:, :10])
    assert (small.train.shape, large.train.shape) == ((3, 10), (3, 45))


def test_too_large_a_training_set_is_an_error_that_says_the_room(read: Reader) -> None:
    with pytest.raises(NnbenchError, match=r"(?s)too few samples.*got: 46.*allowed: 1 to 45"):
        read.train(fixed(), train_size=46)


def by_hand(values: npt.NDArray[Any], how: str, axis: int | None) -> tuple[Any, Any]:
    values = values.astype(np.float64)
    if how == "raw":
        return 0.0, 1.0
    if how == "minmax":
        return values.min(axis=axis), 1 / (values.max(axis=axis) - values.min(axis=axis))
    return values.mean(axis=axis), 1 / values.std(axis=axis)


@pytest.mark.parametrize("scaling", ["feature", "global"])
@pytest.mark.parametrize("how", ["standard", "minmax", "raw"])
@pytest.mark.parametrize("block", [1, 17, 10**6])
def test_inputs_are_normalised_by_each_replicates_training_samples(
    read: Reader, how: str, scaling: str, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nnbench.engine.normaliser.BLOCK", block)
    data = read.train(replace(fixed(), scaling=scaling), inputs=how)
    axis = 0 if scaling == "feature" else None
    for part in (data.train, data.validation):
        inputs, _ = data.bank.gather(part)
        for row in range(len(SEEDS)):
            train = data.bank.inputs[data.train[row]].numpy()
            shift, factor = by_hand(train, how, axis)
            wanted = (data.bank.inputs[part[row]].double().numpy() - shift) * factor
            np.testing.assert_allclose(inputs[row].numpy(), wanted, rtol=1e-5, atol=1e-5)


def test_normalised_training_samples_have_mean_0_and_deviation_1(read: Reader) -> None:
    inputs, _ = (data := read.train(fixed())).bank.gather(data.train)
    torch.testing.assert_close(inputs.mean(dim=1), torch.zeros(3, 3), rtol=0, atol=1e-5)
    torch.testing.assert_close(inputs.std(dim=1, correction=0), torch.ones(3, 3))


def with_feature(values: npt.NDArray[np.float64], test: float) -> Dataset:
    """The numbered samples with another second feature."""
    pool, tests = numbered(POOL), numbered(TEST, start=POOL)
    pool[:, 1], tests[:, 1] = values, test
    return fixed(pool, tests)


@pytest.mark.parametrize("how", ["standard", "minmax"])
@pytest.mark.parametrize("constant", [0.0, 0.1, 123.456])
def test_a_constant_feature_is_centred_and_not_blown_up(
    read: Reader, constant: float, how: str
) -> None:
    dataset = with_feature(np.full(POOL, constant), test=constant + 0.5)
    data = read.train(dataset, inputs=how)
    train, _ = data.bank.gather(data.train)
    test = read.test(dataset, data)
    unseen, _ = test.bank.gather(test.test)
    assert (train[..., 1] == 0).all()
    torch.testing.assert_close(unseen[..., 1], torch.full((3, TEST), 0.5), rtol=0, atol=1e-4)


def test_a_feature_far_from_zero_keeps_its_deviation(read: Reader) -> None:
    years = 2000 + np.random.default_rng(0).normal(0, 0.5, POOL)
    data = read.train(with_feature(years, test=2000))
    wanted = [1 / years.astype(np.float32)[row].astype(np.float64).std() for row in data.train]
    got = data.bank.normaliser.factor[:, 0, 1].double()
    torch.testing.assert_close(got, torch.tensor(wanted, dtype=torch.float64), rtol=1e-4, atol=0)


def test_generated_data_are_drawn_anew_for_each_seed(read: Reader) -> None:
    data = read.train(dataset := generated())
    draws = [samples(data.bank, rows) for rows in data.train]
    assert not draws[0] & draws[1]
    test = read.test(dataset, data)
    for row, seed in enumerate(SEEDS):
        for part, stream in ((data.train, "train"), (data.validation, "validation")):
            wanted = dataset.draw(part.shape[1], seed=seed, stream=stream)
            assert np.array_equal(data.bank.inputs[part[row]].numpy(), wanted.inputs)
            assert np.array_equal(data.bank.labels[part[row]].numpy(), wanted.labels)
        fresh = dataset.draw(TEST, seed=seed, stream="test")
        assert np.array_equal(test.bank.inputs[test.test[row]].numpy(), fresh.inputs)
        assert np.array_equal(test.bank.labels[test.test[row]].numpy(), fresh.labels)


def test_smaller_generated_training_sets_are_the_beginnings_of_larger_ones(read: Reader) -> None:
    small, large = read.train(generated(), train_size=10), read.train(generated(), train_size=33)
    assert torch.equal(small.bank.inputs[small.train], large.bank.inputs[large.train[:, :10]])
    assert torch.equal(small.bank.inputs[small.validation], large.bank.inputs[large.validation])


def test_all_replicates_are_tested_on_the_one_fixed_test_set(read: Reader) -> None:
    dataset = fixed()
    test = read.test(dataset, read.train(dataset))
    assert torch.equal(test.test, torch.arange(TEST).expand(len(SEEDS), TEST))
    assert np.array_equal(test.bank.inputs.numpy(), numbered(TEST, start=POOL))


@pytest.mark.parametrize("kind", ["fixed", "generated"])
def test_bytes_stand_for_fractions_of_255(read: Reader, kind: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (POOL, 3)).astype(np.uint8)
    dataset = fixed(pixels, pixels[:TEST]) if kind == "fixed" else generated(np.uint8)
    data = read.train(dataset, inputs="raw")
    test = read.test(dataset, data)
    for bank, rows in ((data.bank, data.train), (test.bank, test.test)):
        inputs, _ = bank.gather(rows)
        levels = inputs.double() * 255
        torch.testing.assert_close(levels, levels.round(), rtol=0, atol=1e-4)
        assert 0.9 < inputs.max() <= 1.0
        assert inputs.min() >= 0.0


def test_gathering_is_indexing_and_changes_nothing() -> None:
    draw = torch.Generator().manual_seed(0)
    inputs, labels = torch.randn(9, 2, 3, generator=draw), torch.arange(9)
    shift, factor = torch.randn(2, 2, 1, 2, 3, generator=draw).unbind()
    bank = Bank(
        inputs=inputs.clone(), labels=labels, normaliser=Normaliser(shift=shift, factor=factor)
    )
    index = torch.tensor([[0, 8, 3, 3], [5, 5, 0, 1]])
    for _ in range(2):
        raw, raw_labels = bank.gather_raw(index)
        got, got_labels = bank.gather(index)
        assert torch.equal(raw, inputs[index])
        assert torch.equal(raw_labels, labels[index])
        assert torch.equal(got_labels, labels[index])
        torch.testing.assert_close(got, (inputs[index] - shift) * factor)
    assert torch.equal(bank.inputs, inputs)


def test_replicates_may_see_labels_of_their_own() -> None:
    labels = torch.arange(18).view(2, 9)
    one = torch.ones(2, 1, 1)
    bank = Bank(
        inputs=torch.rand(9, 3), labels=labels, normaliser=Normaliser(shift=0 * one, factor=one)
    )
    index = torch.tensor([[0, 8, 3, 3], [5, 5, 0, 1]])
    wanted = torch.tensor([[0, 8, 3, 3], [14, 14, 9, 10]])
    for got in (bank.gather_raw(index), bank.gather(index)):
        assert torch.equal(got[0], bank.inputs[index])
        assert torch.equal(got[1], wanted)


def test_reading_data_leaves_the_global_random_state_alone(read: Reader) -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    for dataset in (fixed(), generated()):
        read.train(dataset)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]


@pytest.mark.parametrize("dataset", [fixed(), generated()], ids=["fixed", "generated"])
def test_fewer_validation_samples_are_the_first_of_all_and_leave_training_as_it_is(dataset, read):
    for noise in (0.0, 0.3):
        whole = read.train(dataset, label_noise=noise)
        few = read.train(dataset, label_noise=noise, validation_size=4)
        assert few.validation.shape == (len(SEEDS), 4)
        assert torch.equal(few.validation, whole.validation[:, :4])
        for rows in ("train", "validation"):
            mine = getattr(few, rows)
            assert torch.equal(few.bank.labels_at(mine), whole.bank.labels_at(mine))
        assert torch.equal(few.bank.gather(few.train)[0], whole.bank.gather(few.train)[0])
