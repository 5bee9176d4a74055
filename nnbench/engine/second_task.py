"""Two tasks of one network: the class by the usual objective, and the class's number by squared error.

The number is read at one output more than there are classes. Both tasks share all layers but the output layer's
units, and what is minimised is a weighted sum of their losses (Caruana 1997, "Multitask learning"; ``loss_weights``
in Keras).
"""

import torch
from torch import Tensor, nn

from nnbench.datasets.base import Task
from nnbench.engine.data import Bank
from nnbench.engine.objectives import CROSS_ENTROPY, Objective, objective
from nnbench.engine.scores import evaluate
from nnbench.errors import NnbenchError
from nnbench.models.base import linear
from nnbench.settings import Settings

ALONE = (0.0, 1.0)  # the weights of a network that learns nothing but the number


def minimised(settings: Settings, task: Task, classes: int) -> Objective:
    """The objective of a training: that of its loss alone, or of both tasks."""
    first = objective(settings.loss, task)
    if settings.second_task is None:
        return first
    return of_both(first, classes, settings.second_task.weights)


def of_both(first: Objective, classes: int, weights: tuple[float, float]) -> Objective:
    """Outputs (S, B, C + 1) and labels (S, B) to the weighted sum of both losses (S,)."""
    numbers = class_numbers(classes)

    def losses(outputs: Tensor, labels: Tensor) -> Tensor:
        wanted = numbers.to(outputs.dtype).to(outputs.device)[labels]  # MPS has no float64
        number = weights[1] * (outputs[..., classes] - wanted).square().mean(dim=1)
        if not weights[0]:  # an infinite loss times 0 would be none
            return number
        return weights[0] * first.losses(outputs[..., :classes], labels) + number

    def constant(frequencies: Tensor) -> Tensor:
        assert first.constant is not None, "numbers have no classes"
        mean = (frequencies * numbers).sum(dim=-1, keepdim=True)
        spread = (frequencies * (numbers - mean).square()).sum(dim=-1)
        return weights[0] * first.constant(frequencies) + weights[1] * spread

    return Objective(losses=losses, constant=constant, classes=classes)


def number_error(model: nn.Module, bank: Bank, rows: Tensor, classes: int) -> Tensor:
    """Root mean squared error (S,) of the class's number on rows (S, m), in deviations of ``class_numbers``."""
    return evaluate(model, bank, rows, of_both(CROSS_ENTROPY, classes, ALONE)).loss.sqrt()


def class_numbers(classes: int) -> Tensor:
    """The numbers 0, 1, … of the classes (C,), less their mean and over their deviation, all classes counted alike."""
    numbers = torch.arange(classes, dtype=torch.float64)
    return (numbers - numbers.mean()) / numbers.std(correction=0)


@torch.no_grad()
def add_number(module: nn.Module, *, init: str, generator: torch.Generator) -> None:
    """Add a unit to the network's output layer, whose weights are drawn after all others.

    So the classes start where those of the network without a second task do. Raises NnbenchError if the last of its
    modules is no dense layer.
    """
    name, last = list(module.named_modules())[-1]
    if type(last) is not nn.Linear or last.bias is None or not name:
        raise NnbenchError(
            "second_task adds a unit to the output layer, which the model does not have",
            got=type(last).__name__,
            allowed="a model that ends with torch.nn.Linear, with a bias",
            todo="choose another model, or remove second_task",
        )
    one = linear(last.in_features, 1, how=init, generator=generator).to(last.weight.device)
    last.weight = nn.Parameter(torch.cat((last.weight, one.weight)))
    last.bias = nn.Parameter(torch.cat((last.bias, one.bias)))
    last.out_features += 1
