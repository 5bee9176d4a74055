"""One small configuration of every kind of model, for the tests of the models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from tiny_training import settings_of

from nnbench.engine.seeding import generator
from nnbench.models.base import ModelSpec
from nnbench.registry import ACTIVATIONS, MODELS, load
from nnbench.settings import Settings

CLASSES = 3
IMAGE, COLOURS, SIGNAL = (1, 8, 8), (3, 6, 7), (13,)

SMALL: Mapping[str, dict[str, Any]] = {
    "mlp": {"model": "mlp", "hidden": [6, 5]},
    "softmax regression": {"model": "mlp", "hidden": []},
    "mlp with norm": {"model": "mlp", "hidden": [6, 6], "model_options": {"norm": "batch"}},
    "mlp with skip": {"model": "mlp", "hidden": [6, 6, 5], "model_options": {"skip": True}},
    "mlp with both": {
        "model": "mlp",
        "hidden": [6, 6, 6],
        "dropout": 0.3,
        "model_options": {"norm": "batch", "skip": True},
    },
    "cnn": {"model": "cnn", "hidden": [6], "dropout": 0.3, "model_options": {"width": 4}},
    "cnn of one block": {"model": "cnn", "hidden": [], "model_options": {"width": 3, "blocks": 1}},
    "cnn of other convolutions": {
        "model": "cnn",
        "hidden": [6],
        "model_options": {"width": 3, "kernel": 5, "pooling": "average", "dense_first": True},
    },
    "lstm": {"model": "lstm", "hidden": [5]},
    "two lstm": {"model": "lstm", "hidden": [5, 4], "dropout": 0.3},
    "gru": {"model": "gru", "hidden": [5]},
    "two gru": {"model": "gru", "hidden": [5, 4], "dropout": 0.3},
    "two elman": {"model": "elman", "hidden": [5, 4]},
}
FUSED = ("lstm", "two lstm", "two elman")  # in PyTorch; stacked only for compiled code


def made(case: str | Settings, shape: tuple[int, ...], seed: int, classes: int = CLASSES) -> Any:
    settings = settings_of(**SMALL[case]) if isinstance(case, str) else case
    spec = ModelSpec(
        input_shape=shape,
        classes=classes,
        hidden=settings.hidden,
        activation=load("test", settings.activation, ACTIVATIONS),
        dropout=settings.dropout,
        init=settings.init,
        options=settings.model_options,
    )
    with torch.random.fork_rng(devices=[]):
        return load("test", settings.model, MODELS)(spec, generator(seed, "init"))
