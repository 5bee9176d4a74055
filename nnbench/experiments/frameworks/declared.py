"""The same training in TensorFlow, Keras, PyTorch and JAX, against the clock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from nnbench.experiments.base import Experiment
from nnbench.schema import Strict

Framework = Literal["tensorflow", "tensorflow_slices", "keras", "pytorch", "pytorch_slices", "jax"]

# Of one process, beside its epochs: start, imports, compilation, test. Measured on two CPU cores.
START_SECONDS: Mapping[Framework, float] = {
    "tensorflow": 6.0,
    "tensorflow_slices": 6.0,
    "keras": 6.0,
    "pytorch": 4.0,
    "pytorch_slices": 4.0,
    "jax": 3.0,
}
EPOCH_SECONDS = 0.15  # 110 steps of 32 samples through 784-128-10, the slowest of them
WORKER_MB = 1_500  # peak of a TensorFlow process with MNIST-5k is 900 MB
PARENT_MB = 1_000  # the job itself, torch and the data: 620 MB with MNIST-5k


class FrameworkOptions(Strict):
    """Who trains, for how long, and when the results count as equal."""

    frameworks: Annotated[dict[str, Framework], Field(min_length=2)]
    """By the name that a level reads it by (``at:``).

    ``keras`` is ``model.fit`` on arrays; ``tensorflow`` a hand-written loop with ``tf.function`` over
    ``tf.data``; ``pytorch`` an eager loop over a ``DataLoader``; ``jax`` a jitted step over slices of
    arrays. ``tensorflow_slices`` and ``pytorch_slices`` are the same loops over slices of tensors, without
    the library's own input pipeline.
    """
    epochs: Annotated[int, Field(ge=4, le=10**6)] = 20
    """Instead of ``train_for``. The first one is not counted: it holds compilation."""
    accuracy_tolerance: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.01
    """Largest difference of test accuracies inside a block: one accuracy point, nnbench's margin."""
    timeout_seconds: Annotated[float, Field(gt=0.0)] = 300.0
    """After which one process is ended."""


def _places(options: FrameworkOptions) -> tuple[str, ...]:
    return tuple(options.frameworks)


def _memory_mb(_: FrameworkOptions) -> int:
    return PARENT_MB + WORKER_MB  # one process at a time


def _seconds(options: FrameworkOptions, blocks: int) -> float:
    epochs = options.epochs * EPOCH_SECONDS
    return blocks * sum(START_SECONDS[name] + epochs for name in options.frameworks.values())


FRAMEWORKS = Experiment(
    name="frameworks",
    title="training time by framework",
    measure="nnbench.experiments.frameworks.measure:measure",
    options=FrameworkOptions,
    metrics=("seconds", "test_accuracy"),
    places=_places,
    alone=True,
    memory_mb=_memory_mb,
    seconds=_seconds,
)
