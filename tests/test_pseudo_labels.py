"""Self-training: which samples join, with whose labels, and what training never sees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from numbered_samples import KINDS, Reader, parts
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import SelfTrainingClassifier
from tiny_training import settings_of, tiny_data, trained_on
from torch import nn

from nnbench.engine.data import TrainingData
from nnbench.engine.pseudo_labels import joined, pseudo_labels
from nnbench.engine.scores import evaluate
from nnbench.errors import NnbenchError
from nnbench.schema import parse
from nnbench.settings import Settings

SEEDS = (0, 1, 2)


pytestmark = pytest.mark.usefixtures("on_one_thread")


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    return Reader(tmp_path)


def few_labelled(labelled: int) -> TrainingData:
    data = tiny_data(SEEDS, size=300, noise=0.5)
    train, rest = data.train[:, :labelled], data.train[:, labelled:]
    return replace(data, train=train, unlabelled=rest)


class Told(nn.Module):
    """A teacher whose outputs are the inputs."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def test_the_surest_join_with_the_teachers_labels() -> None:
    data = few_labelled(300)
    outputs = torch.tensor([[0.0, 1.0, 0.0], [3.0, 0.0, 0.0], [0.0, 0.0, 2.0], [0.5, 0.4, 0.6]])
    data = replace(
        data,
        bank=replace(data.bank, inputs=outputs, normaliser=replace(
            data.bank.normaliser, shift=torch.zeros(1), factor=torch.ones(1))),
        unlabelled=torch.tensor([[0, 1, 2, 3], [3, 2, 1, 0]]),
    )  # fmt: skip
    teacher: Any = Told()
    rows, labels = pseudo_labels(teacher, data, share=0.5)
    assert rows.tolist() == [[1, 2], [1, 2]]
    assert labels.tolist() == [[0, 2], [0, 2]]
    rows, labels = pseudo_labels(teacher, data, share=0.01)
    assert (rows.tolist(), labels.tolist()) == ([[1], [1]], [[0], [0]])


def test_joined_samples_have_the_given_labels_and_all_others_their_own() -> None:
    data = few_labelled(20)
    assert data.unlabelled is not None
    rows = data.unlabelled[:, :5]
    wrong = (data.bank.labels[rows] + 1) % 3
    both = joined(data, rows, wrong)
    assert torch.equal(both.train, torch.cat((data.train, rows), dim=1))
    assert torch.equal(both.bank.labels_at(rows), wrong)
    assert torch.equal(both.bank.labels_at(data.train), data.bank.labels_at(data.train))
    assert torch.equal(both.bank.labels_at(data.validation), data.bank.labels_at(data.validation))


@pytest.mark.parametrize("kind", KINDS)
def test_labelled_and_validation_samples_are_those_without_pseudo_labels(
    read: Reader, kind: str
) -> None:
    plain, more = (read.train(KINDS[kind](), train_size=20, pseudo_labels=s) for s in (0.0, 0.5))
    for (inputs, labels), (theirs, their_labels) in zip(parts(plain), parts(more), strict=True):
        assert torch.equal(inputs, theirs)
        assert torch.equal(labels, their_labels)
    assert plain.unlabelled is None
    assert more.unlabelled is not None
    assert torch.equal(plain.bank.normaliser.shift, more.bank.normaliser.shift)
    for labelled, validation, rest in zip(
        more.train, more.validation, more.unlabelled, strict=True
    ):
        assert not set(rest.tolist()) & (set(labelled.tolist()) | set(validation.tolist()))


def test_a_linear_network_does_as_scikit_learns_self_training() -> None:
    data = few_labelled(12)
    assert data.unlabelled is not None
    count = data.unlabelled.shape[1] // 2
    teacher = trained_on(data, _penalised(12), SEEDS).model
    rows, labels = pseudo_labels(teacher, data, share=0.5)
    student = trained_on(joined(data, rows, labels), _penalised(12 + count), SEEDS).model
    ours = evaluate(student, data.bank, data.validation).accuracy
    assert ours is not None
    for row in range(3):
        given, theirs = _by_scikit_learn(data, row, count)
        same = [
            given.get(r) == label
            for r, label in zip(rows[row].tolist(), labels[row].tolist(), strict=True)
        ]
        assert sum(same) >= 0.95 * count
        assert abs(ours[row].item() - theirs) < 0.03


def _penalised(samples: int) -> Settings:
    """Logistic regression as scikit-learn has it: the sum of losses and half the squared weights."""
    return settings_of(
        hidden=[], train_for="3000 steps", lr=0.03, checkpoint="last", batch_size=1_000,
        schedule="cosine", l2=0.5 / samples,
    )  # fmt: skip


def _by_scikit_learn(data: TrainingData, row: int, count: int) -> tuple[dict[int, int], float]:
    """Labels of the ``count`` rows that join in one round, and the accuracy on the validation samples."""
    assert data.unlabelled is not None
    few = data.train.shape[1]
    rows = torch.cat((data.train[row], data.unlabelled[row]))
    labels = data.bank.labels[rows].clone()
    labels[few:] = -1
    model = SelfTrainingClassifier(
        LogisticRegression(), criterion="k_best", k_best=count, max_iter=1
    )
    model.fit(data.bank.inputs[rows].numpy(), labels.numpy())
    pairs = zip(rows[few:].tolist(), model.transduction_[few:].tolist(), strict=True)
    held_out = data.validation[row]
    score = model.score(data.bank.inputs[held_out].numpy(), data.bank.labels[held_out].numpy())
    return {r: label for r, label in pairs if label >= 0}, float(score)


@pytest.mark.parametrize("other", [{"label_noise": 0.1}, {"shuffled_labels": True}])
def test_pseudo_labels_need_right_labels(other: dict[str, object]) -> None:
    with pytest.raises(NnbenchError, match="pseudo_labels goes with right labels"):
        parse(Settings, {"pseudo_labels": 0.5, **other}, where="settings")
