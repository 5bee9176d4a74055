"""The problem of a block: the same data and initial weights as in nnbench's own training.

The test set is included for the accuracy after the last epoch; nothing is chosen by it.
"""

from __future__ import annotations

import numpy as np
import torch

from nnbench.engine.data import held_out, training_data
from nnbench.engine.seeding import CPU
from nnbench.errors import NnbenchError
from nnbench.experiments.frameworks.problem import Array, Problem
from nnbench.experiments.mlp import check_settings, classified_dataset, initial_mlp
from nnbench.experiments.request import Request

# Settings that the loops of all frameworks follow, and those that their own options replace.
FOLLOWED = frozenset(
    {"hidden", "init", "train_size", "inputs", "classes", "label_noise", "shuffled_labels"}
    | {"rare_class", "lr", "batch_size"}
)
REPLACED = frozenset({"experiment", "experiment_options", "train_for", "evaluations", "checkpoint"})


def check_request(request: Request) -> None:
    """Raise NnbenchError for a search, and for settings that some framework's loop cannot follow."""
    check_settings(request.settings, followed=FOLLOWED, replaced=REPLACED)
    if request.search:
        raise NnbenchError(
            "the experiment 'frameworks' trains an MLP with ReLU by Adam on cross-entropy, untuned",
            got="a search",
            todo="leave the claim only its `as-written` track",
        )


def problem_of(request: Request, *, seed: int) -> Problem:
    """The problem of a block; NnbenchError for a regression dataset or unusable files."""
    settings = request.settings
    dataset = classified_dataset(request)
    data = training_data(dataset, settings, folder=request.folder, seeds=(seed,), device=CPU)
    test = held_out(
        dataset, data.bank.normaliser, settings, folder=request.folder, seeds=(seed,), device=CPU
    )
    model = initial_mlp(settings, dataset, hidden=settings.hidden, seed=seed)
    inputs, labels = data.bank.gather(data.train)
    test_inputs, test_labels = test.bank.gather(test.test)
    return Problem(
        inputs=_flat(inputs),
        labels=labels[0].numpy(),
        test_inputs=_flat(test_inputs),
        test_labels=test_labels[0].numpy(),
        weights=tuple(np.ascontiguousarray(p.detach().numpy().T) for p in model.parameters()),
        batch_size=settings.batch_size,
        learning_rate=settings.lr,
        epochs=request.options.epochs,
        threads=request.cores,
        device=request.device.type,
    )


def _flat(inputs: torch.Tensor) -> Array:
    """(1, N, *shape) -> (N, D)."""
    return inputs[0].flatten(1).numpy()
