"""Labels made wrong or shuffled, and numbers in deviations with outliers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numbered_samples import (
    CPU,
    KINDS,
    SEEDS,
    Reader,
    fixed,
    generated,
    numbered,
    parts,
    same,
    true_class,
    true_number,
)

from nnbench.datasets.base import Arrays, Stream
from nnbench.engine.data import training_data
from nnbench.engine.labels import with_wrong_classes
from nnbench.errors import NnbenchError
from nnbench.settings import Settings

NOISES: list[dict[str, Any]] = [{"label_noise": 0.25}, {"shuffled_labels": True}]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.25, 1.0])
def test_exactly_the_share_of_labels_is_wrong(read: Reader, kind: str, share: float) -> None:
    data = read.train(KINDS[kind](), train_size=70, label_noise=share)
    for inputs, labels in parts(data):
        wrong = (labels != true_class(inputs)).sum(dim=1)
        assert wrong.tolist() == [round(share * labels.shape[1])] * 3
        assert set(labels.flatten().tolist()) == {0, 1, 2, 3}


@pytest.mark.parametrize("kind", KINDS)
def test_more_label_noise_contains_less_of_it(read: Reader, kind: str) -> None:
    few, more = (read.train(KINDS[kind](), label_noise=s) for s in (0.1, 0.3))
    for (inputs, labels), (_, noisier) in zip(parts(few), parts(more), strict=True):
        wrong = labels != true_class(inputs)
        assert wrong.any()
        assert torch.equal(labels[wrong], noisier[wrong])


@pytest.mark.parametrize("kind", KINDS)
def test_systematic_noise_hits_the_same_samples_and_names_the_next_class(
    read: Reader, kind: str
) -> None:
    data, other = (
        read.train(KINDS[kind](), label_noise=0.3, label_noise_to=to) for to in ("next", "any")
    )
    for (inputs, labels), (_, random) in zip(parts(data), parts(other), strict=True):
        clean = true_class(inputs)
        wrong = labels != clean
        assert torch.equal(wrong, random != clean)
        assert torch.equal(labels[wrong], (clean[wrong] + 1) % 4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("to", ["any", "next"])
def test_noise_of_one_class_is_a_share_of_its_samples_alone(
    read: Reader, kind: str, to: str
) -> None:
    data = read.train(KINDS[kind](), label_noise=0.5, label_noise_of=3, label_noise_to=to)
    for inputs, labels in parts(data):
        clean = true_class(inputs)
        wrong = labels != clean
        assert not wrong[clean != 3].any()
        assert wrong.sum(dim=1).tolist() == [round(0.5 * int(n)) for n in (clean == 3).sum(dim=1)]
        assert to == "any" or set(labels[wrong].tolist()) == {0}


def test_wrong_labels_are_spread_evenly_over_the_other_classes() -> None:
    draw, clean = torch.Generator().manual_seed(3), torch.full((90_000,), 2)
    noisy = with_wrong_classes(clean, draw, share=1.0, classes=10)
    found = torch.bincount(noisy, minlength=10)
    assert found[2] == 0
    others = found[torch.arange(10) != 2].double()
    assert ((others - 10_000).abs() < 5 * 95).all()  # sqrt(90000 * 1/9 * 8/9) = 94.3


@pytest.mark.parametrize("kind", KINDS)
def test_shuffled_labels_are_the_same_labels_on_other_samples(read: Reader, kind: str) -> None:
    data = read.train(KINDS[kind](), shuffled_labels=True)
    for inputs, labels in parts(data):
        clean = true_class(inputs)
        assert torch.equal(labels.sort(dim=1).values, clean.sort(dim=1).values)
        kept = (labels == clean).double().mean()  # by chance sum of squared shares: 0.26
        assert 0.1 < kept < 0.45


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: next(iter(noise)))
def test_noise_changes_labels_alone_and_never_those_of_the_test(
    read: Reader, noise: dict[str, Any], kind: str
) -> None:
    plain, noisy = read.train(KINDS[kind]()), read.train(KINDS[kind](), **noise)
    assert same(plain, noisy)
    test = read.test(KINDS[kind](), noisy, **noise)
    inputs, labels = test.bank.gather(test.test)
    assert torch.equal(labels, true_class(inputs))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("noise", NOISES, ids=lambda noise: next(iter(noise)))
def test_each_replicates_noise_is_its_own_and_depends_on_its_seed_alone(
    read: Reader, noise: dict[str, Any], kind: str
) -> None:
    together, alone = (read.train(KINDS[kind](), s, **noise) for s in (SEEDS, (2,)))
    for (x, y), (inputs, labels) in zip(parts(together), parts(alone), strict=True):
        assert torch.equal(x[2:], inputs)
        assert torch.equal(y[2:], labels)
    changed = parts(together)[0][1] != true_class(parts(together)[0][0])
    assert not torch.equal(changed[0], changed[1])


def test_noise_of_validation_labels_does_not_depend_on_the_training_size(read: Reader) -> None:
    small, large = (parts(read.train(fixed(), train_size=n, label_noise=0.5)) for n in (10, 100))
    assert torch.equal(small[1][1], large[1][1])


@pytest.mark.parametrize("kind", KINDS)
def test_numbers_are_in_deviations_of_each_replicates_training_targets(
    read: Reader, kind: str
) -> None:
    dataset = KINDS[kind]("regression")
    data = read.train(dataset)
    test = read.test(dataset, data)
    (train, labels), _ = parts(data)
    assert (data.outputs, data.task, labels.dtype) == (1, "regression", torch.float32)
    torch.testing.assert_close(labels.mean(dim=1), torch.zeros(3), rtol=0, atol=1e-5)
    torch.testing.assert_close(labels.std(dim=1, correction=0), torch.ones(3))
    clean = true_number(train).numpy()
    for inputs, values in (*parts(data), test.bank.gather(test.test)):
        wanted = (true_number(inputs).numpy() - clean.mean(1)[:, None]) / clean.std(1)[:, None]
        np.testing.assert_allclose(values.numpy(), wanted, atol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_factor_of_the_targets_multiplies_those_of_training_and_test(
    read: Reader, kind: str
) -> None:
    dataset = KINDS[kind]("regression")
    plain, tens = (read.train(dataset, outliers=0.2, target_factor=f) for f in (1.0, 10.0))
    for (_, targets), (_, larger) in zip(parts(plain), parts(tens), strict=True):
        assert torch.equal(larger, 10 * targets)
    tests = [
        read.test(dataset, d, target_factor=f).bank.labels for d, f in ((plain, 1.0), (tens, 10.0))
    ]
    assert torch.equal(tests[1], 10 * tests[0])


@pytest.mark.parametrize("kind", KINDS)
def test_outliers_lie_5_to_10_deviations_off_on_both_sides_and_leave_the_rest(
    read: Reader, kind: str
) -> None:
    dataset = KINDS[kind]("regression")
    plain, bad = (read.train(dataset, outliers=share) for share in (0.0, 0.2))
    assert same(plain, bad)
    for (_, clean), (_, labels) in zip(parts(plain), parts(bad), strict=True):
        off = (labels - clean).double()
        hit = off != 0
        assert hit.sum(dim=1).tolist() == [round(0.2 * labels.shape[1])] * 3
        assert (off[hit].abs() > 5 - 1e-5).all()
        assert (off[hit].abs() < 10 + 1e-5).all()
        assert 0.2 < (off[hit] > 0).double().mean() < 0.8
    for name in ("mean", "deviation"):
        assert torch.equal(getattr(plain.targets, name), getattr(bad.targets, name))
    tests = [read.test(dataset, data, outliers=0.2) for data in (plain, bad)]
    assert torch.equal(tests[0].bank.labels, tests[1].bank.labels)


@pytest.mark.parametrize("kind", KINDS)
def test_each_replicates_outliers_are_its_own_and_at_random_places(read: Reader, kind: str) -> None:
    dataset = KINDS[kind]("regression")
    clean, bad, alone = (
        parts(read.train(dataset, seeds, outliers=share))
        for seeds, share in ((SEEDS, 0.0), (SEEDS, 0.2), ((2,), 0.2))
    )
    for (_, before), (_, after), (_, last) in zip(clean, bad, alone, strict=True):
        assert torch.equal(after[2:], last)
        hit = before != after
        assert len({tuple(row) for row in hit.tolist()}) == 3


@pytest.mark.parametrize("kind", KINDS)
def test_more_outliers_contain_fewer_of_them(read: Reader, kind: str) -> None:
    plain, few, more = (
        parts(read.train(KINDS[kind]("regression"), outliers=share)) for share in (0.0, 0.1, 0.3)
    )
    for (_, clean), (_, some), (_, many) in zip(plain, few, more, strict=True):
        hit = some != clean
        assert hit.any()
        assert torch.equal(some[hit], many[hit])


def test_equal_targets_are_centred_and_not_blown_up(read: Reader) -> None:
    def draw(n: int, *, seed: int, stream: Stream) -> Arrays:
        return Arrays(inputs=numbered(n), labels=np.full(n, 3.5, np.float32))

    dataset = replace(generated("regression"), draw=draw)
    data = training_data(dataset, Settings(), folder=Path(), seeds=SEEDS, device=CPU)
    assert (parts(data)[0][1] == 0).all()


@pytest.mark.parametrize(
    ("task", "settings", "words"),
    [
        ("regression", {"label_noise": 0.1}, "label_noise needs a dataset with classes"),
        ("classification", {"outliers": 0.1}, "outliers needs a regression dataset"),
        ("classification", {"classes": [0, 4]}, "no such class"),
    ],
)
def test_a_job_refuses_what_the_plan_would_refuse(
    read: Reader, task: str, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(NnbenchError, match=words):
        read.train(fixed(task), **settings)


def test_changing_labels_leaves_the_global_random_state_alone(read: Reader) -> None:
    before = torch.get_rng_state()
    for noise in NOISES:
        read.train(fixed(), **noise)
    read.train(generated("regression"), outliers=0.1)
    assert torch.equal(torch.get_rng_state(), before)
