"""Pretraining on other classes: its settings, and which weights are carried over.

The body (all but the output layer) is copied into the fresh network, whose output layer keeps its own initial
weights. A frozen body keeps its weights and its batch normalisation statistics.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from nnbench.engine.seeding import derived_seed
from nnbench.engine.stacking import Replicates
from nnbench.settings import Settings

# Settings of the judged training only. The pretraining always has clean labels.
_JUDGED_ALONE = (
    "pretrain", "label_noise", "shuffled_labels", "rare_class", "outliers", "shifts",
    "target", "stop_at_target", "patience", "probes",
)  # fmt: skip


def earlier_settings(settings: Settings) -> Settings:
    """The settings of the pretraining: another task and budget, the rest the same."""
    pretrain = settings.pretrain
    assert pretrain is not None, "there is no earlier training"
    values = settings.model_dump(exclude=set(_JUDGED_ALONE))
    values |= pretrain.model_dump(include={"classes", "train_size", "train_for"})
    return Settings.model_validate(values)


def earlier_seeds(seeds: Sequence[int]) -> tuple[int, ...]:
    """One per replicate; weights, order and samples are drawn independently of the judged training."""
    return tuple(derived_seed(seed, "pretrain") for seed in seeds)


def is_frozen(settings: Settings) -> bool:
    """Whether only the output layer is trained."""
    return settings.pretrain is not None and settings.pretrain.freeze


def freeze_body(model: Replicates, settings: Settings) -> None:
    """Train nothing but the output layer, if the settings say so."""
    if is_frozen(settings):
        trained = {id(parameter) for parameter in model.output_layer()}
        for parameter in model.parameters():
            parameter.requires_grad_(id(parameter) in trained)


def to_training(model: nn.Module, settings: Settings) -> None:
    """Switch to training mode; a frozen body's normalisation keeps its statistics."""
    model.train()
    if is_frozen(settings):
        for module in model.modules():
            if hasattr(module, "running_mean"):
                module.eval()
