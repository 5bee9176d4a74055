"""Shared by experiments with their own training loops: the initial MLP, and which settings they follow."""

import torch
from torch import nn

from nnbench.datasets.base import Dataset
from nnbench.engine.seeding import generator
from nnbench.errors import NnbenchError
from nnbench.experiments.run import Request
from nnbench.models.base import ModelSpec
from nnbench.models.mlp import build
from nnbench.registry import ACTIVATIONS, DATASETS, load
from nnbench.settings import Settings

# Settings that all these experiments follow, and those that their own options replace.
FOLLOWED_BY_ALL = frozenset(
    {"init", "train_size", "inputs", "classes", "label_noise", "shuffled_labels", "rare_class"}
)
REPLACED_BY_ALL = frozenset(
    {"experiment", "experiment_options", "train_for", "evaluations", "checkpoint"}
)


def check_settings(
    settings: Settings, *, followed: frozenset[str], replaced: frozenset[str] = REPLACED_BY_ALL
) -> None:
    """Raise NnbenchError for changed settings that an experiment neither follows nor replaces."""
    plain = Settings()
    fixed = sorted(set(Settings.model_fields) - followed - replaced)
    changed = [name for name in fixed if getattr(settings, name) != getattr(plain, name)]
    if changed:
        raise NnbenchError(
            f"experiment {settings.experiment!r} cannot follow the setting {changed[0]!r}",
            got={name: getattr(settings, name) for name in changed},
            allowed=f"settings: {', '.join(sorted(followed))}",
            todo="remove the other settings from the claim",
        )


def initial_mlp(request: Request, *, hidden: tuple[int, ...], seed: int) -> nn.Sequential:
    """The MLP from which nnbench's own training would start with this seed."""
    settings, dataset = request.settings, classified_dataset(request)
    spec = ModelSpec(
        input_shape=dataset.input_shape,
        classes=len(settings.classes or dataset.class_names),
        hidden=hidden,
        activation=load("activation", settings.activation, ACTIVATIONS),
        dropout=settings.dropout,
        init=settings.init,
    )
    with torch.random.fork_rng(devices=[]):  # layers draw before their weights are set
        model = build(spec, generator(seed, "init"))
    assert isinstance(model, nn.Sequential)
    return model


def classified_dataset(request: Request) -> Dataset:
    """The dataset of a request; NnbenchError if it is a regression dataset."""
    dataset: Dataset = load("dataset", request.dataset, DATASETS)
    if dataset.task != "classification":
        raise NnbenchError(
            f"experiment {request.settings.experiment!r} cannot train on dataset {dataset.name!r}",
            got="numbers to predict",
            allowed="a dataset with classes",
            todo="name one in `datasets` of the claim",
        )
    return dataset
