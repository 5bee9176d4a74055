"""Some classes alone, and one of them made rare: which samples and labels are left."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numbered_samples import (
    CPU,
    KINDS,
    TEST,
    Reader,
    fixed,
    generated,
    parts,
    true_class,
)
from torch import Tensor

from nnbench.datasets import mnist1d
from nnbench.engine.data import training_data
from nnbench.errors import NnbenchError
from nnbench.settings import Settings


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_chosen_classes_are_used_and_their_place_is_the_new_label(
    read: Reader, kind: str
) -> None:
    dataset, chosen = KINDS[kind](), (3, 1)
    data = read.train(dataset, classes=chosen)
    test = read.test(dataset, data, classes=chosen)
    assert (data.outputs, data.task) == (2, "classification")
    for inputs, labels in (*parts(data), test.bank.gather(test.test)):
        assert set(labels.flatten().tolist()) == {0, 1}
        assert torch.equal(torch.tensor(chosen)[labels], true_class(inputs))


def test_default_sizes_shrink_with_the_classes_and_are_cut_to_what_there_is(
    read: Reader,
) -> None:
    half = read.train(fixed(), classes=[0, 1])  # 110 samples: 60 / 2 validate, 120 / 2 train
    assert (half.train.shape[1], half.validation.shape[1]) == (60, 30)
    scarce = read.train(fixed(), classes=[3, 2])  # 70 samples: 30 validate, 40 are left
    assert (scarce.train.shape[1], scarce.validation.shape[1]) == (40, 30)
    drawn = read.train(generated(), classes=[3, 2])
    assert (drawn.train.shape[1], drawn.validation.shape[1]) == (60, 30)


def test_a_size_that_the_chosen_classes_do_not_have_is_an_error_with_the_room(
    read: Reader,
) -> None:
    with pytest.raises(NnbenchError, match=r"(?s)too few samples.*got: 41.*allowed: 1 to 40"):
        read.train(fixed(), classes=[3, 2], train_size=41)


def test_the_test_set_of_some_classes_is_all_of_theirs_or_their_share(read: Reader) -> None:
    data = read.train(fixed(), classes=[0, 1])
    assert read.test(fixed(), data, classes=[0, 1]).test.shape == (3, TEST // 2)
    drawn = read.train(generated(), classes=[0, 1, 2])
    assert read.test(generated(), drawn, classes=[0, 1, 2]).test.shape == (3, 30)


@pytest.mark.parametrize("kind", KINDS)
def test_all_classes_named_in_order_are_the_plain_data(read: Reader, kind: str) -> None:
    plain, named = (read.train(KINDS[kind](), **s) for s in ({}, {"classes": [0, 1, 2, 3]}))
    for (x, y), (inputs, labels) in zip(parts(plain), parts(named), strict=True):
        assert torch.equal(x, inputs)
        assert torch.equal(y, labels)


@pytest.mark.parametrize("kind", KINDS)
def test_smaller_training_sets_of_some_classes_nest(read: Reader, kind: str) -> None:
    small, large = (
        parts(read.train(KINDS[kind](), classes=[2, 0], train_size=n)) for n in (10, 30)
    )
    assert torch.equal(small[0][0], large[0][0][:, :10])
    assert torch.equal(small[1][0], large[1][0])


def test_generated_samples_of_some_classes_are_the_first_of_the_stream() -> None:
    settings = Settings(classes=(7, 4), train_size=25, inputs="raw")
    data = training_data(mnist1d.DATASET, settings, folder=Path(), seeds=(5,), device=CPU)
    stream = mnist1d.DATASET.draw(400, seed=5, stream="train")
    wanted = stream.inputs[np.isin(stream.labels, (7, 4))][:25]
    assert np.array_equal(data.bank.inputs[data.train[0]].numpy(), wanted)


def counts(labels: Tensor) -> list[list[int]]:
    return [torch.bincount(row, minlength=4).tolist() for row in labels]


@pytest.mark.parametrize("kind", KINDS)
def test_a_rare_class_keeps_its_share_and_the_others_are_balanced(read: Reader, kind: str) -> None:
    rare = {"label": 2, "share": 0.3}
    data, plain = (
        read.train(KINDS[kind](), train_size=43, **s) for s in ({"rare_class": rare}, {})
    )
    (inputs, labels), validation = parts(data)
    assert counts(labels) == [[10, 10, 3, 10]] * 3  # 43 // 4, and round(0.3 * 10)
    assert torch.equal(labels, true_class(inputs))
    assert torch.equal(validation[0], parts(plain)[1][0])
    numbers = [set(data.train[row].tolist()) for row in range(3)]
    assert all(len(own) == 33 for own in numbers)
    assert not any(own & set(data.validation[row].tolist()) for row, own in enumerate(numbers))


@pytest.mark.parametrize("kind", KINDS)
def test_a_rarer_class_takes_samples_away_and_brings_no_new_ones(read: Reader, kind: str) -> None:
    few, more = (
        read.train(KINDS[kind](), train_size=40, rare_class={"label": 1, "share": s})
        for s in (0.001, 1.0)
    )
    assert counts(parts(few)[0][1]) == [[10, 1, 10, 10]] * 3
    for own, other in zip(parts(few)[0][0], parts(more)[0][0], strict=True):
        assert set(own.flatten().tolist()) <= set(other.flatten().tolist())


@pytest.mark.parametrize("kind", KINDS)
def test_a_share_of_nothing_leaves_a_class_out_of_the_training(read: Reader, kind: str) -> None:
    data = read.train(KINDS[kind](), train_size=40, rare_class={"label": 1, "share": 0.0})
    (_, labels), (_, validation) = parts(data)
    assert counts(labels) == [[10, 0, 10, 10]] * 3
    assert (validation == 1).any(dim=1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_validation_without_a_class_has_as_many_samples_of_the_others(
    read: Reader, kind: str
) -> None:
    plain, without = (read.train(KINDS[kind](), **s) for s in ({}, {"validation_without": 2}))
    assert torch.equal(parts(plain)[0][0], parts(without)[0][0])
    (_, (inputs, labels)), (_, (own, _)) = parts(plain), parts(without)
    assert own.shape == inputs.shape
    for all_of, found, label in zip(inputs, own, labels, strict=True):
        others = all_of[label != 2]
        assert torch.equal(found[: len(others)], others)
        assert torch.equal(found[len(others) :], others[: len(found) - len(others)])


def test_a_validation_of_one_class_alone_cannot_do_without_it(read: Reader) -> None:
    read.train(generated())  # prepared with its own size
    one = replace(generated(), validation_size=1)
    label = int(parts(read.train(one, seeds=(0,)))[1][1])
    with pytest.raises(NnbenchError, match="validation samples of this class alone"):
        read.train(one, seeds=(0,), validation_without=label)


@pytest.mark.parametrize("kind", KINDS)
def test_classes_stay_mixed_where_one_is_rare(read: Reader, kind: str) -> None:
    data = read.train(KINDS[kind](), train_size=60, rare_class={"label": 0, "share": 0.5})
    _, labels = parts(data)[0]
    assert all(found == 4 for found in (len(set(row[:35].tolist())) for row in labels))
    assert not (labels.diff(dim=1) >= 0).all(dim=1).any()


def test_a_class_with_too_few_samples_is_named_with_the_size_that_would_do(read: Reader) -> None:
    rare = {"label": 0, "share": 0.5}
    with pytest.raises(
        NnbenchError, match=r"(?s)class 'd'.*rare_class.*got: \d+ .*30 or more"
    ) as e:
        read.train(fixed(), train_size=120, rare_class=rare)
    assert e.value.todo is not None
    fits = int(e.value.todo.split()[3])
    assert read.train(fixed(), train_size=fits, rare_class=rare).train.shape[0] == 3
    with pytest.raises(NnbenchError, match="class 'd'"):
        read.train(fixed(), train_size=fits + 4, rare_class=rare)
