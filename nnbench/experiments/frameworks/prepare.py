"""The problem of a block: the data and initial weights that nnbench's own training would start from.

The test set comes along for the accuracy after the last epoch; nothing is chosen by it.
"""

from __future__ import annotations

import numpy as np
import torch

from nnbench.datasets.base import Dataset
from nnbench.engine.data import held_out, training_data
from nnbench.engine.seeding import CPU, generator
from nnbench.errors import NnbenchError
from nnbench.experiments.frameworks.problem import Array, Problem
from nnbench.experiments.request import Request
from nnbench.experiments.timing import changed_settings
from nnbench.models.base import ModelSpec
from nnbench.models.mlp import build
from nnbench.registry import ACTIVATIONS, DATASETS, load
from nnbench.settings import Settings

# What the loops of all frameworks do as the settings say, and what their own options replace.
FOLLOWED = frozenset(
    {"hidden", "init", "train_size", "inputs", "classes", "label_noise", "shuffled_labels"}
    | {"rare_class", "lr", "batch_size"}
)
REPLACED = frozenset({"experiment", "experiment_options", "train_for", "evaluations", "checkpoint"})


def check_settings(request: Request) -> None:
    """Refuse what not every framework's loop does.

    Raises:
        NnbenchError: Names the settings that have to stay at their defaults.
    """
    changed = changed_settings(request.settings, beside=FOLLOWED | REPLACED)
    if changed or request.search:
        raise NnbenchError(
            "the experiment 'frameworks' trains an MLP with ReLU by Adam on cross-entropy, untuned",
            got=", ".join(changed) or "a search",
            allowed=f"settings: {', '.join(sorted(FOLLOWED))}",
            todo="remove the other settings, and tracks but the fixed one, from the claim",
        )


def problem_of(request: Request, *, seed: int) -> Problem:
    """The problem of one block.

    Raises:
        NnbenchError: The dataset has numbers for targets, or its files cannot be used.
    """
    settings, device = request.settings, request.device.type
    dataset: Dataset = load("dataset", request.dataset, DATASETS)
    if dataset.task != "classification":
        raise NnbenchError(
            f"the experiment 'frameworks' classifies, and {dataset.name} has numbers for targets",
            todo="take a dataset of classes",
        )
    data = training_data(dataset, settings, folder=request.folder, seeds=(seed,), device=CPU)
    test = held_out(
        dataset, data.bank.normaliser, settings, folder=request.folder, seeds=(seed,), device=CPU
    )
    inputs, labels = data.bank.gather(data.train)
    test_inputs, test_labels = test.bank.gather(test.test)
    return Problem(
        inputs=_flat(inputs),
        labels=labels[0].numpy(),
        test_inputs=_flat(test_inputs),
        test_labels=test_labels[0].numpy(),
        weights=initial_weights(settings, dataset.input_shape, data.outputs, seed=seed),
        batch_size=settings.batch_size,
        learning_rate=settings.lr,
        epochs=request.options.epochs,
        threads=request.cores,
        device=device,
    )


def _flat(inputs: torch.Tensor) -> Array:
    """(1, N, *shape) -> (N, D)."""
    return inputs[0].flatten(1).numpy()


def initial_weights(
    settings: Settings, input_shape: tuple[int, ...], classes: int, *, seed: int
) -> tuple[Array, ...]:
    """Kernel (in, out) and bias (out,) of each layer: those of nnbench's own MLP for this seed."""
    spec = ModelSpec(
        input_shape=input_shape,
        classes=classes,
        hidden=settings.hidden,
        activation=load("activation", settings.activation, ACTIVATIONS),
        dropout=settings.dropout,
        init=settings.init,
    )
    with torch.random.fork_rng(devices=[]):  # layers draw before they are given their weights
        network = build(spec, generator(seed, "init"))
    return tuple(np.ascontiguousarray(p.detach().numpy().T) for p in network.parameters())
