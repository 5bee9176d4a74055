"""The settings of a training that are sections of their own."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from nnbench.schema import Strict

Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Degrees = Annotated[float, Field(ge=0.0, le=180.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
Count = Annotated[int, Field(ge=1, le=10**9)]

BUDGET = re.compile(r"([1-9]\d{0,8}) (epoch|epochs|step|steps)")


def _checked_budget(text: str) -> str:
    if not BUDGET.fullmatch(text):
        raise ValueError('write a budget as "20 epochs" or "31250 steps"')
    return text


Budget = Annotated[str, AfterValidator(_checked_budget)]


class Augment(Strict):
    """Random transformations of each training image, as defined by Keras' ImageDataGenerator."""

    rotation_degrees: Degrees = 0.0  # by an angle from U(-r, r)
    shift_fraction: Fraction = 0.0  # along each axis by U(-s, s) of the image's size
    # by an angle from U(-a, a); Keras' ``shear_range`` is in degrees
    shear_degrees: Annotated[float, Field(ge=0.0, lt=90.0)] = 0.0
    zoom_fraction: Fraction = 0.0  # of each axis by a factor from U(1 - z, 1 + z)
    horizontal_flip: bool = False  # left to right with probability one half


class Shift(Strict):
    """A change of the test images, as the world may change after training; pixel values lie in [0, 1]."""

    rotation_degrees: Degrees = 0.0  # by exactly this angle, in a random direction for each image
    shift_fraction: Fraction = 0.0  # exactly that far along both axes, each in a random direction
    noise: NonNegative = 0.0  # deviation of added Gaussian noise; values are then clipped to [0, 1]
    contrast: Share = 1.0  # factor on each pixel's difference from its image's mean; 1: no change
    augment: Augment = Augment()  # at random, as images are transformed in training
    signs: Share = 0.0  # each pixel by exactly this, up or down at random; values are then clipped
    attack: Share = 0.0  # each pixel by at most this, so that the network's loss on the image rises
    attack_steps: Count = (
        1  # 1: the sign of the gradient (FGSM); more: projected gradient ascent (PGD)
    )

    @model_validator(mode="after")
    def _steps_of_an_attack(self) -> Self:
        if self.attack_steps > 1 and not self.attack:
            raise ValueError("attack_steps needs an attack: add one, as in attack: 0.1")
        return self

    def part(self, share: float) -> "Shift":
        """The same change at a share of its strength; ``augment`` and ``attack`` have none, and are left out."""
        strengths = {
            n: share * getattr(self, n)
            for n in ("rotation_degrees", "shift_fraction", "noise", "signs")
        }
        return Shift(contrast=1.0 - share * (1.0 - self.contrast), **strengths)


class RareClass(Strict):
    """A class of which only a share of the training samples is kept."""

    label: Annotated[int, Field(ge=0)]
    share: Share


class Missing(Strict):
    """Values that are missing, completely at random, in a table's training and validation samples."""

    share: Annotated[float, Field(gt=0.0, lt=1.0)]  # of the samples: those that lack values
    values: Annotated[float, Field(gt=0.0, le=1.0)] = (
        0.5  # the share of their values that they lack
    )
    # without these samples; with means in the gaps; with these and inputs that say where gaps are; with zeros
    handled: Literal["drop", "mean", "indicator", "zero"] = "mean"
    in_test: bool = False  # whether as many are missing in test samples; for drop, means stand in


class Pretrain(Strict):
    """A training on other classes of the same dataset, whose weights the judged training starts from."""

    classes: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=2)]
    train_size: Count | None = None
    """Samples of these classes; None: the dataset's default in proportion to the number of classes."""
    train_for: Budget = "20 epochs"
    freeze: bool = False
    """Afterwards train only the output layer (frozen features) instead of all layers."""


class Rbm(Strict):
    """Greedy layer-wise pretraining as restricted Boltzmann machines by CD-1 (Hinton et al. 2006)."""

    train_for: Budget = "10 epochs"  # per layer
    lr: Positive = 0.05
    momentum: Fraction = 0.5
    batch_size: Count = 32


class Before(Strict):
    """A training of the same network on the same samples before the judged one, as an earlier ``fit`` in Keras."""

    optimizer: Literal["adam", "sgd", "rmsprop"] = "adam"
    lr: Positive = 1e-3
    train_for: Budget = "20 epochs"


class Drift(Strict):
    """A change of all images after the training, and a further training on a few of the changed ones."""

    to: Shift
    """What the images of the further training and its validation look like."""
    train_size: Count = 100
    """How many of the training samples come after the change; the training before it has the others."""
    train_for: Budget = "20 epochs"
    anew: bool = False
    """Whether a fresh network is trained on the changed samples alone."""

    @model_validator(mode="after")
    def _without_network(self) -> Self:
        if self.to.attack:
            raise ValueError(
                "an attack needs a trained network: a drift has none, name another change"
            )
        return self


class Stream(Strict):
    """Test images in use, window after window, that drift away until a monitor without labels raises an alarm."""

    to: Shift
    """The whole change, at the end of the drift."""
    over: Annotated[int, Field(ge=0, le=10**9)] = 0
    """Images over which the change grows, by the same part in each window; 0: all at once."""
    monitor: Literal["outputs", "confidence"] = "outputs"
    """What the network's answers are compared by; see ``nnbench.engine.streams``."""
    level: Annotated[float, Field(gt=0.0, le=0.1)] = 0.001
    """Share of windows without any drift that raise an alarm, at most."""
    window: Count = 100
    length: Count = 10_000
    """Images after which the stream ends where there was no alarm."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.to.attack or self.to.augment != Augment():
            raise ValueError("a stream drifts by shifts that can grow: attack and augment cannot")
        if self.length < self.window:
            raise ValueError("a stream needs at least one window: length is below window")
        return self


class SecondTask(Strict):
    """A second output of the network beside the classes: the class's number, learnt by squared error."""

    weights: tuple[NonNegative, NonNegative] = (1.0, 1.0)
    """Of the class's loss and the number's in what is minimised, as Keras' ``loss_weights``."""

    @model_validator(mode="after")
    def _some_weight(self) -> Self:
        if not any(self.weights):
            raise ValueError("weights are both 0: give one of the two losses a weight above 0")
        return self


class Target(Strict):
    """A target value of a metric read in training; the epochs until it is first reached are measured."""

    metric: Literal["validation_accuracy", "validation_loss", "train_loss"] = "validation_accuracy"
    value: float
