"""Two losses of one network: against each loss alone, and against what autograd makes of the written-out sum."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_training import (
    CLASSES,
    built,
    final,
    gradients_of,
    settings_of,
    tiny_data,
    trained_on,
    weights_of,
)
from torch import Tensor, nn

from nnbench.engine.objectives import CLASSIFICATION, CROSS_ENTROPY
from nnbench.engine.scores import evaluate, uninformed
from nnbench.engine.second_task import (
    add_number,
    class_numbers,
    minimised,
    number_error,
    of_both,
)
from nnbench.errors import NnbenchError
from nnbench.schema import parse
from nnbench.settings import Settings

SEEDS = (0, 1)
WEIGHTS = (0.3, 2.0)


pytestmark = pytest.mark.usefixtures("on_one_thread")


def outputs_and_labels(seed: int = 0) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    outputs = torch.randn(2, 7, CLASSES + 1, generator=draw, dtype=torch.float64)
    return outputs, torch.randint(CLASSES, (2, 7), generator=draw)


def test_classes_of_equal_size_have_numbers_of_mean_0_and_deviation_1() -> None:
    root = 1.5**0.5
    torch.testing.assert_close(
        class_numbers(3), torch.tensor([-root, 0.0, root], dtype=torch.float64)
    )
    assert class_numbers(2).tolist() == [-1.0, 1.0]
    assert class_numbers(10).square().mean().item() == pytest.approx(1.0)


@pytest.mark.parametrize("name", CLASSIFICATION)
def test_value_and_gradients_are_those_of_the_written_out_sum(name: str) -> None:
    outputs, labels = outputs_and_labels()
    first = CLASSIFICATION[name]
    slopes = []
    for joint in (True, False):
        own = outputs.clone().requires_grad_()
        if joint:
            losses = of_both(first, CLASSES, WEIGHTS).losses(own, labels)
        else:
            root = 1.5**0.5
            error = own[:, :, 3] - torch.tensor([-root, 0.0, root], dtype=torch.float64)[labels]
            losses = 0.3 * first.losses(own[:, :, :3], labels) + 2.0 * (error**2).mean(1)
        losses.sum().backward()
        slopes += [losses.detach(), own.grad]
    torch.testing.assert_close(slopes[0], slopes[2])
    torch.testing.assert_close(slopes[1], slopes[3])


def test_without_weight_on_the_number_the_classes_are_those_of_the_plain_network() -> None:
    data = tiny_data(SEEDS)
    alone = trained_on(data, settings_of(), SEEDS)
    joint = trained_on(data, settings_of(second_task={"weights": [1.0, 0.0]}), SEEDS)
    for row in range(len(SEEDS)):
        *body, weight, bias = final(joint, row)
        for own, theirs in zip(
            (*body, weight[:CLASSES], bias[:CLASSES]), final(alone, row), strict=True
        ):
            torch.testing.assert_close(own, theirs, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        torch.tensor(joint.curves.validation_loss), torch.tensor(alone.curves.validation_loss)
    )
    assert joint.curves.validation_accuracy == alone.curves.validation_accuracy


def test_without_weight_on_the_classes_their_outputs_learn_nothing() -> None:
    data = tiny_data(SEEDS)
    number = settings_of(second_task={"weights": [0.0, 1.0]})
    before, after = built(number, SEEDS, data), trained_on(data, number, SEEDS).model
    assert torch.equal(weights_of(before, 0)[-2][:CLASSES], weights_of(after, 0)[-2][:CLASSES])
    assert not torch.equal(weights_of(before, 0)[-2][CLASSES:], weights_of(after, 0)[-2][CLASSES:])


def test_a_step_follows_the_gradient_of_both_losses_in_the_shared_layer() -> None:
    data = tiny_data(SEEDS)
    settings = settings_of(second_task={"weights": list(WEIGHTS)})
    model = built(settings, SEEDS, data)
    index = data.train[:, :16]
    inputs, labels = data.bank.gather(index)
    minimised(settings, "classification", CLASSES).losses(model(inputs), labels).sum().backward()
    for row in range(len(SEEDS)):
        w1, b1, w2, b2 = (w.clone().requires_grad_() for w in weights_of(model, row))
        out = torch.relu(inputs[row] @ w1.T + b1) @ w2.T + b2
        wanted = class_numbers(CLASSES).float()[labels[row]]
        sum_of_both = 0.3 * nn.functional.cross_entropy(out[:, :3], labels[row])
        sum_of_both = sum_of_both + 2.0 * nn.functional.mse_loss(out[:, 3], wanted)
        slopes = torch.autograd.grad(sum_of_both, (w1, b1, w2, b2))
        for own, theirs in zip(gradients_of(model, row), slopes, strict=True):
            torch.testing.assert_close(own, theirs)


def test_both_tasks_are_learnt_at_once() -> None:
    data = tiny_data(SEEDS, size=300, noise=0.3)
    settings = settings_of(second_task={}, train_for="40 epochs")
    model = trained_on(data, settings, SEEDS).model
    found = evaluate(model, data.bank, data.validation, minimised(settings, data.task, CLASSES))
    assert found.accuracy is not None
    assert found.accuracy.min() > 0.95
    assert number_error(model, data.bank, data.validation, CLASSES).max() < 0.3


class Fixed(nn.Module):
    """Outputs that are the inputs."""

    def forward(self, x: Tensor) -> Tensor:
        return x


def test_scores_read_the_classes_and_the_number_apart() -> None:
    data = tiny_data((0,))
    one = torch.ones(1, 1, 1)
    # the number's output is the largest, and must not be taken for a class
    inputs = torch.tensor([[2.0, 0.0, 0.0, 9.0], [0.0, 2.0, 0.0, 5.0]])
    bank = type(data.bank)(
        inputs=inputs, labels=torch.tensor([0, 2]),
        normaliser=type(data.bank.normaliser)(shift=0 * one, factor=one),
    )  # fmt: skip
    rows = torch.tensor([[0, 1]])
    both = of_both(CROSS_ENTROPY, CLASSES, (1.0, 1.0))
    found = evaluate(Fixed(), bank, rows, both, by_class=True, by_sample=True)
    assert found.accuracy is not None
    assert found.accuracy.tolist() == [0.5]
    assert found.hits is not None
    assert found.hits.tolist() == [[True, False]]
    assert found.by_class is not None
    assert found.by_class.nan_to_num(-1.0).tolist() == [[1.0, -1.0, 0.0]]
    root = 1.5**0.5
    squares = [(9.0 + root) ** 2, (5.0 - root) ** 2]
    error = number_error(Fixed(), bank, rows, CLASSES)
    assert error.item() == pytest.approx((sum(squares) / 2) ** 0.5)
    naive = uninformed(bank, rows, both, CLASSES)
    assert naive.loss.item() == pytest.approx(torch.tensor(3.0).log().item() + 1.0)
    assert naive.accuracy is not None
    assert naive.accuracy.item() == pytest.approx(1 / 3)


def test_the_best_constant_knows_the_frequencies() -> None:
    both = of_both(CROSS_ENTROPY, 2, (1.0, 3.0))
    assert both.constant is not None
    frequencies = torch.tensor([[0.75, 0.25]], dtype=torch.float64)
    entropy = CROSS_ENTROPY.constant(frequencies)  # type: ignore[misc]
    assert both.constant(frequencies).item() == pytest.approx(entropy.item() + 3.0 * 0.75)


def test_a_model_without_a_last_dense_layer_is_refused() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.ReLU())
    with pytest.raises(NnbenchError, match=r"second_task adds a unit(.|\n)*got: ReLU"):
        add_number(model, init="glorot", generator=torch.Generator())


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"second_task": {"weights": [0.0, 0.0]}}, "weights are both 0"),
        ({"second_task": {"weights": [1.0, -1.0]}}, "weights"),
        ({"second_task": {}, "pseudo_labels": 0.5}, "second_task does not go with"),
        ({"second_task": {}, "balance": "weights"}, "second_task does not go with"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(NnbenchError, match=words):
        parse(Settings, values, where="settings")
