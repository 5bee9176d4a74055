"""How many images per second image models classify, and how many they train on.

The models are torchvision's, without trained weights, because a model's speed does not depend on them.
"""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from nnbench.errors import unknown_name
from nnbench.experiments import cost
from nnbench.experiments.base import Experiment
from nnbench.schema import Strict
from nnbench.sections import Count, Fraction, Positive

Warmup = Annotated[int, Field(ge=0, le=10**6)]

BEST_BATCH = ", best batch"  # suffix of the entries whose batch size was chosen

# Side of the centre crop with which torchvision evaluates its own weights (``transforms()`` of
# torchvision.models' weights): the resolution at which it states each model's accuracy.
NATIVE_RESOLUTION: Mapping[str, int] = {
    **dict.fromkeys(("alexnet", "densenet121", "squeezenet1_0", "vgg11", "vgg16", "vgg19"), 224),
    **dict.fromkeys(("mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small"), 224),
    **dict.fromkeys(("resnet18", "resnet34", "resnet50", "resnet101"), 224),
    "inception_v3": 299,
}


class _Speed(Strict):
    """Options shared by both measurements."""

    models: Annotated[dict[str, str], Field(min_length=1)]
    """By level: torchvision's name of the model, or a ``module:object`` that makes one."""
    resolutions: dict[str, Count] = Field(default_factory=dict)
    """By level: the side of the square images in pixels, if not the model's native one."""
    seconds_each: Positive = 3.0
    """Minimum measured time of an entry in a block."""
    min_steps: Count = 3
    """Minimum number of measured steps of an entry in a block; their median counts."""
    warmup_steps: Warmup = 2
    """Steps before the measured ones, in which memory is allocated and kernels are chosen."""

    @field_validator("models")
    @classmethod
    def _readable_levels(cls, models: dict[str, str]) -> dict[str, str]:
        for level in models:
            if not level or "@" in level or level.endswith(BEST_BATCH):
                raise ValueError(f'a level cannot name an entry: no "@", no end in "{BEST_BATCH}"')
        return models

    @model_validator(mode="after")
    def _resolvable(self) -> Self:
        for level in self.resolutions:
            if level not in self.models:
                raise ValueError(str(unknown_name("resolutions", level, self.models)))
        for level, model in self.models.items():
            if level not in self.resolutions and model not in NATIVE_RESOLUTION:
                where = f"models.{level}: no native resolution known, none given in `resolutions`"
                raise ValueError(str(unknown_name(where, model, NATIVE_RESOLUTION)))
        return self

    def resolution(self, level: str) -> int:
        """The side of a level's images, in pixels."""
        return self.resolutions.get(level) or NATIVE_RESOLUTION[self.models[level]]

    def megapixels(self) -> tuple[float, ...]:
        """Millions of pixels per image, by level."""
        return tuple(self.resolution(level) ** 2 / 1e6 for level in self.models)


class InferenceSpeed(_Speed):
    """One image at a time, and in batches of the fastest size."""

    batch_sizes: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 4, 8, 16)
    """Candidates for the best batch on a CPU."""
    accelerator_batch_sizes: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 16, 64, 256)
    """Candidates on any other device, which has more units to keep busy."""
    trial_seconds: Positive = 0.5
    """Minimum time of each candidate in each of the trial's two passes."""
    batched: tuple[str, ...] | None = None
    """Levels that are measured in batches as well; None: all of them."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        for level in self.batched or ():
            if level not in self.models:
                raise ValueError(str(unknown_name("batched", level, self.models)))
        return self

    def in_batches(self, level: str) -> bool:
        """Whether a level has a second entry, of its best batch."""
        return self.batched is None or level in self.batched


class TrainingSpeed(_Speed):
    """Steps of SGD with momentum on cross-entropy, and the hours of a given workload."""

    batch_size: Annotated[int, Field(ge=2, le=10**6)] = 8
    """At least 2: batch normalisation needs two values per channel."""
    images: Count = 1_281_167
    """Per epoch; by default the training set of ImageNet-1k (ILSVRC 2012)."""
    epochs: Count = 90
    """By default the usual ImageNet schedule (PyTorch's and torchvision's reference scripts)."""
    lr: Positive = 0.001
    """Small, so that no loss overflows; the speed does not depend on it."""
    momentum: Fraction = 0.9
    """He et al. (2016) and Simonyan & Zisserman (2015)."""
    warmup_steps: Warmup = 1

    def hours(self, images_per_second: float) -> float:
        """The workload's duration in hours, without loading, validation and saving."""
        return self.images * self.epochs / images_per_second / 3600.0


INFERENCE = Experiment(
    name="inference_speed",
    title="speed of classifying images",
    measure="nnbench.experiments.speed.measure:measure_inference",
    options=InferenceSpeed,
    metrics=("images_per_second", "parameters", "flops"),
    entries=lambda options: tuple(
        f"{level}{end}"
        for level in options.models
        for end in ("", BEST_BATCH)
        if not end or options.in_batches(level)
    ),
    alone=True,
    memory_mb=cost.inference_memory_mb,
    seconds=cost.inference_seconds,
)

TRAINING = Experiment(
    name="training_speed",
    title="speed of training on images",
    measure="nnbench.experiments.speed.measure:measure_training",
    options=TrainingSpeed,
    metrics=("images_per_second", "hours", "parameters", "flops"),
    entries=lambda options: tuple(options.models),
    alone=True,
    memory_mb=cost.training_memory_mb,
    seconds=cost.training_seconds,
)
