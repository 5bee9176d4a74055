"""The same training in TensorFlow, Keras, PyTorch and JAX, against the clock: the options."""

from typing import Annotated, Literal

from pydantic import Field

from nnbench.experiments import cost
from nnbench.experiments.base import Experiment
from nnbench.schema import Strict

Framework = Literal["tensorflow", "tensorflow_slices", "keras", "pytorch", "pytorch_slices", "jax"]


class FrameworkOptions(Strict):
    """Which frameworks train, for how long, and when results count as equal."""

    frameworks: Annotated[dict[str, Framework], Field(min_length=2)]
    """By the name that a level reads (``at:``).

    ``keras`` is ``model.fit`` on arrays; ``tensorflow`` a hand-written loop with ``tf.function`` over
    ``tf.data``; ``pytorch`` an eager loop over a ``DataLoader``; ``jax`` a jitted step over slices of arrays.
    ``tensorflow_slices`` and ``pytorch_slices`` are the same loops over slices of tensors, without the
    library's own input pipeline.
    """
    epochs: Annotated[int, Field(ge=4, le=10**6)] = 20
    """Replaces ``train_for``. The first epoch, which includes compilation, is not counted."""
    accuracy_tolerance: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.01
    """Largest difference of test accuracies within a block: one accuracy point, nnbench's margin."""
    timeout_seconds: Annotated[float, Field(gt=0.0)] = 300.0
    """After which a process is killed."""


FRAMEWORKS = Experiment(
    name="frameworks",
    title="training time by framework",
    measure="nnbench.experiments.frameworks.measure:measure",
    options=FrameworkOptions,
    metrics=("seconds", "test_accuracy"),
    entries=lambda options: tuple(options.frameworks),
    alone=True,
    memory_mb=cost.frameworks_memory_mb,
    seconds=cost.frameworks_seconds,
)
