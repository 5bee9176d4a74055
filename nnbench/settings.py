"""Every setting of a training run with its default: the documents' Keras reference model.

The defaults are those of Keras (``tf.keras`` 3), which the documents use: Glorot-uniform weights, zero
biases, Adam with learning rate 1e-3, batches of 32. Nothing is left to another library's default, because a
cell's id is a hash of all of these values.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, ValidationInfo, field_validator, model_validator

from nnbench.errors import NnbenchError
from nnbench.registry import ACTIVATIONS, EXPERIMENTS, MODELS, OPTIMIZERS, check_name
from nnbench.schema import Anything, Strict, is_name
from nnbench.sections import (
    BUDGET,
    Augment,
    Before,
    Budget,
    Count,
    Drift,
    Fraction,
    Missing,
    NonNegative,
    Positive,
    Pretrain,
    RareClass,
    Rbm,
    SecondTask,
    Share,
    Shift,
    Stream,
    Target,
)

Named = TypeVar("Named")
Loss = Literal[
    "cross_entropy", "mse", "hinge", "smoothed", "log_of_softmax", "log_of_clipped", "mae", "huber"
]
Probe = Literal[
    "dead_units",
    "inactive_units",
    "gradients",
    "gradient_noise",
    "largest_input",
    "loss_rises",
    "importance",
]
IMPORTANCES = ("gradients", "first weights", "untrained")  # read by ``at``, beside permutations
PARTS: Mapping[str, Mapping[str, str]] = {
    "experiment": EXPERIMENTS,
    "model": MODELS,
    "activation": ACTIVATIONS,
    "optimizer": OPTIMIZERS,
}

WITHOUT_MOMENTUM = ("adam",)
WITHOUT_OPTIONS = ("adam", "sgd", "rmsprop")
WITHOUT_STEP: Mapping[str, str] = {
    "torch.optim:LBFGS": "needs a closure, which the training loop does not have",
    "torch.optim:SparseAdam": "needs sparse gradients, which no layer here has",
}
APART: Mapping[str, tuple[str, ...]] = {
    "second_task": ("pseudo_labels", "balance", "drift", "streams"),
    "before": ("pretrain", "rbm"),
    "drift": ("pretrain", "rbm", "before", "pseudo_labels"),
    "missing": ("pseudo_labels",),
}


class Settings(Strict):
    """The resolved settings of one cell: what is trained, on how much data, how, and for how long."""

    experiment: str = "training"
    """``training``, or another kind of experiment."""
    experiment_options: dict[str, Anything] = Field(default_factory=dict)

    model: str = "mlp"
    hidden: tuple[Count, ...] = (128,)
    activation: str = "relu"
    init: Literal["glorot", "he", "normal", "zeros"] = "glorot"
    dropout: Fraction = 0.0
    model_options: dict[str, bool | int | float | str] = Field(default_factory=dict)

    train_size: Count | None = None
    """Training samples per replicate; None: the dataset's own default."""
    split: Literal["fixed", "each seed"] = "fixed"
    """Whether all replicates share the dataset's test set, or each draws its own from all samples."""
    validation_size: Count | None = None
    """Validation samples per replicate, the first of the dataset's own; None: all of these."""
    inputs: Literal["standard", "minmax", "raw"] = "standard"
    """Normalisation by training statistics: mean and standard deviation, range to [0, 1], or none."""
    decoys: Annotated[int, Field(ge=0, le=100)] = 0
    """Shuffled copies of each input of a table, beside it: inputs that tell nothing."""
    missing: Missing | None = None
    augment: Augment = Augment()
    classes: tuple[Annotated[int, Field(ge=0)], ...] = ()
    """Use only these classes, relabelled 0, 1, … in this order; (): all."""
    label_noise: Share = 0.0
    """Share of the training and validation samples whose label is replaced with another class."""
    label_noise_to: Literal["any", "next"] = "any"
    """Which class wrong labels name: any other one at random, or always the next one (after the last: the first)."""
    label_noise_of: Annotated[int, Field(ge=0)] | None = None
    """The only class whose labels are replaced, by the share of its own samples; None: all."""
    shuffled_labels: bool = False
    """Permute the labels of training and validation samples, so that there is nothing to learn."""
    rare_class: RareClass | None = None
    validation_without: Annotated[int, Field(ge=0)] | None = None
    """A class without validation samples; the first of the others stand in for them."""
    balance: Literal["none", "weights", "oversampling"] = "none"
    """How classes of unequal size are made to count equally in training; see ``nnbench.engine.balance``."""
    outliers: Share = 0.0
    """Regression: share of the training and validation targets that are contaminated."""
    target_factor: Positive = 1.0
    """Regression: what the network learns is the standardised target times this: another unit of it."""
    pseudo_labels: Share = 0.0
    """Share of the dataset's other training samples, without their labels, that join with a teacher's ones."""
    shifts: dict[str, Shift] = Field(default_factory=dict)
    """Further tests of the trained network on changed test images, by name."""

    streams: dict[str, Stream] = Field(default_factory=dict)
    """Further tests of the trained network in use, by name: how long a drift goes unnoticed."""

    pretrain: Pretrain | None = None
    rbm: Rbm | None = None
    before: tuple[Before, ...] = ()
    """Trainings of the same network before this one, which goes on from their last weights."""
    drift: Drift | None = None

    loss: Loss | None = None
    """Training objective; None: cross-entropy for classes, squared error for numbers."""
    second_task: SecondTask | None = None
    """A second output with a loss of its own; see ``nnbench.engine.second_task``."""
    optimizer: str = "adam"
    optimizer_options: dict[str, Anything] = Field(default_factory=dict)
    """Further arguments of a class such as ``torch.optim:AdamW``, or of a user's function."""
    lr: Positive = 1e-3
    momentum: Fraction = 0.0
    schedule: Literal["constant", "step", "cosine"] = "constant"
    batch_size: Count = 32
    l1: NonNegative = 0.0
    """Keras ``kernel_regularizer`` L1: adds l1 * sum |w| over all weight matrices to the loss."""
    l2: NonNegative = 0.0
    """Keras ``kernel_regularizer`` L2: adds l2 * sum w^2 (no factor 1/2)."""

    mixed_precision: bool = False
    """Training steps use bfloat16 matrix products and convolutions (``torch.autocast``), all else float32."""

    train_for: Budget = "20 epochs"
    evaluations: Count | None = None
    """Validation points, equally spaced; None: one per epoch, or 50 for a budget in steps."""
    checkpoint: Literal["best", "last", "target"] = "best"
    """Which weights are tested: those with the lowest validation loss, the last ones, or the first at the target."""
    target: Target | None = None
    stop_at_target: bool = False
    """Stop when every replicate has reached the target (the budget is then a cap)."""
    patience: Count | None = None
    """Early stopping: a replicate ends after this many evaluation points without improvement."""
    probes: tuple[Probe, ...] = ()
    """Further measurements of the network; see ``nnbench.engine.probes``."""

    @field_validator(*PARTS)
    @classmethod
    def _known(cls, name: str, info: ValidationInfo) -> str:
        part = str(info.field_name)
        try:
            return check_name(part, name, PARTS[part])
        except NnbenchError as error:  # pydantic reports ValueErrors with the key
            raise ValueError(str(error)) from None

    @field_validator("shifts", "streams")
    @classmethod
    def _named(cls, tests: dict[str, Named], info: ValidationInfo) -> dict[str, Named]:
        for name in tests:
            if not is_name(name) or name.startswith(("class ", "label ")):
                raise ValueError(
                    f"{name[:80]!r} names no {str(info.field_name)[:-1]}: it needs 1 to 60 printable characters, "
                    'and "class …" and "label …" are taken'
                )
        return tests

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.stop_at_target and self.target is None:
            raise ValueError("stop_at_target needs a target: add one, as in target: {value: 0.9}")
        if self.checkpoint == "target" and self.target is None:
            raise ValueError(
                "checkpoint: target needs a target: add one, as in target: {value: 0.9}"
            )
        self._check_optimizer()
        if both := self.shifts.keys() & self.streams.keys():
            raise ValueError(f"{min(both)!r} names a shift and a stream: rename one of them")
        if self.patience is not None and self.checkpoint != "best":
            raise ValueError("patience keeps the best weights: it needs checkpoint: best")
        if self.shuffled_labels and self.label_noise:
            raise ValueError("shuffled_labels leaves no label for label_noise to replace")
        if self.pseudo_labels and (self.label_noise or self.shuffled_labels or self.rare_class):
            raise ValueError(
                "pseudo_labels goes with right labels of all classes: remove it, or label_noise, "
                "shuffled_labels and rare_class"
            )
        self._check_apart()
        if len(set(self.classes)) < len(self.classes) or len(self.classes) == 1:
            raise ValueError("classes should name two or more different classes")
        return self

    def _check_apart(self) -> None:
        for name, others in APART.items():
            clash = self._differs(name) and [other for other in others if self._differs(other)]
            if clash:
                raise ValueError(f"{name} does not go with {' and '.join(clash)}: remove one side")

    def _differs(self, name: str) -> bool:
        default = type(self).model_fields[name].get_default(call_default_factory=True)
        return bool(getattr(self, name) != default)

    def _check_optimizer(self) -> None:
        """Check what is known without importing the optimiser; the job checks the rest."""
        name = self.optimizer
        if self.momentum and name in WITHOUT_MOMENTUM:
            raise ValueError(
                f"{name} takes no momentum, as sgd and rmsprop do: it has its own betas"
            )
        if self.optimizer_options and name in WITHOUT_OPTIONS:
            raise ValueError(f"{name} takes no optimizer_options; torch.optim:… and own ones may")
        if name in WITHOUT_STEP:
            raise ValueError(f"{name} {WITHOUT_STEP[name]}: choose another optimizer")

    def budget(self) -> tuple[int, Literal["epochs", "steps"]]:
        """The number and unit of ``train_for``."""
        match = BUDGET.fullmatch(self.train_for)
        assert match  # ensured by the validator
        return int(match[1]), "epochs" if match[2].startswith("epoch") else "steps"

    def total_steps(self, train_size: int) -> int:
        """Optimiser steps of the whole budget."""
        number, unit = self.budget()
        return number if unit == "steps" else number * self.steps_per_epoch(train_size)

    def steps_per_epoch(self, train_size: int) -> int:
        """Batches per epoch; the last one may be smaller (as in Keras)."""
        return -(-train_size // self.batch_size)

    def evaluation_points(self) -> int:
        """How many times validation is read."""
        number, unit = self.budget()
        return self.evaluations or (number if unit == "epochs" else min(number, 50))
