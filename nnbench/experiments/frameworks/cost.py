"""The cost of training in several frameworks, for the plan; measured on two CPU cores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnbench.experiments.frameworks.declared import Framework, FrameworkOptions

# Of one process apart from its epochs: start, imports, compilation, test.
START_SECONDS: Mapping[Framework, float] = {
    "tensorflow": 6.0,
    "tensorflow_slices": 6.0,
    "keras": 6.0,
    "pytorch": 4.0,
    "pytorch_slices": 4.0,
    "jax": 3.0,
}
EPOCH_SECONDS = 0.15  # 110 steps of 32 samples through 784-128-10, in the slowest framework
WORKER_MB = 1_500  # peak of a TensorFlow process with MNIST-5k is 900 MB
PARENT_MB = 1_000  # the job itself with torch and the data: 620 MB with MNIST-5k


def memory_mb(_: FrameworkOptions) -> int:
    """The job and one process at a time, in MB."""
    return PARENT_MB + WORKER_MB


def seconds(options: FrameworkOptions, blocks: int) -> float:
    """All processes of all blocks, one after another."""
    epochs = options.epochs * EPOCH_SECONDS
    return blocks * sum(START_SECONDS[name] + epochs for name in options.frameworks.values())
