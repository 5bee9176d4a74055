"""What experiments other than trainings cost, for the plan: MB and seconds, measured on CPUs, rounded up."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnbench.experiments.frameworks.declared import FrameworkOptions
    from nnbench.experiments.parallel.declared import ParallelOptions
    from nnbench.experiments.speed.declared import InferenceSpeed, TrainingSpeed
    from nnbench.experiments.starts.declared import Started, Starts
    from nnbench.experiments.steps.declared import StepTime

# What one framework's process adds to a block apart from its epochs, on two cores: start and imports beside the others, then
# compilation and test.
START_SECONDS = {"tensorflow": 4.0, "keras": 4.0, "pytorch": 2.0, "jax": 2.0}
EPOCH_SECONDS = 0.15  # 110 steps of 32 samples through 784-128-10, in the slowest framework


def frameworks_memory_mb(options: FrameworkOptions) -> int:
    """The job (620 MB with MNIST-5k), and all processes of a block; six of them took 3.3 GB with it."""
    return 1_500 + 600 * len(options.frameworks)


def frameworks_seconds(options: FrameworkOptions, blocks: int) -> float:
    """All processes of all blocks; those of a block start together and train one after another."""
    names = [name.removesuffix("_slices") for name in options.frameworks.values()]
    return blocks * sum(START_SECONDS[name] + options.epochs * EPOCH_SECONDS for name in names)


def _weights(options: ParallelOptions) -> int:  # for the usual 28 x 28 images and ten classes
    return sum(a * b for a, b in itertools.pairwise((784, *options.hidden, 10)))


def parallel_memory_mb(options: ParallelOptions) -> int:
    """PyTorch in the parent and each process (840 MB resident by default), weights and activations."""
    # weight, gradient, its bucket, two moments, initial and reference weights, final weights of each way
    values = 11 * _weights(options) + 3 * options.batch_size * sum(options.hidden)
    return 600 + options.processes * (750 + 4 * values // 10**6)


def parallel_seconds(options: ParallelOptions, blocks: int) -> float:
    """Six operations per weight and sample at 5e10 per second, plus 10 s to start the processes."""
    step = 6 * _weights(options) * options.batch_size / 5e10 + 2e-3
    return 10.0 + blocks * len(options.ways) * (options.steps + options.warm_up) * step


def inference_memory_mb(options: InferenceSpeed) -> int:
    """PyTorch, weights and the widest layers of a batch; by default 1.6 GB were used of 2.4."""
    return 1000 + int(1000 * max(options.megapixels()) * max(options.batch_sizes))


def training_memory_mb(options: TrainingSpeed) -> int:
    """VGG16's weights, gradients and momentum, and a batch's layers; by default 3.7 GB used of 5.1."""
    return 2500 + int(3600 * max(options.megapixels()) * options.batch_size)


def inference_seconds(options: InferenceSpeed, blocks: int) -> float:
    """The trial of batch sizes, plus all blocks."""
    pixels, single = sum(options.megapixels()), len(options.models)
    per_second = 1.5  # megapixels, of InceptionV3 and ResNet-50
    trial = 2 * sum(max(3 * size * pixels / per_second, single) for size in options.batch_sizes)
    batch = options.min_steps * max(options.batch_sizes) * pixels / per_second
    return trial + blocks * (single * (options.seconds_each + 1) + max(batch, single * 4))


def training_seconds(options: TrainingSpeed, blocks: int) -> float:
    """All blocks, with one second per model to build it."""
    per_second = 0.2  # megapixels, between VGG16 and the others
    each = 0.0
    for pixels in options.megapixels():
        step = options.batch_size * pixels / per_second
        each += max(options.min_steps * step, options.seconds_each) + options.warmup_steps * step
    return blocks * (each + len(options.models))


def steps_memory_mb(options: StepTime) -> int:
    """PyTorch, and the largest network's weights, gradients and batch."""
    weights = (sum(a * b for a, b in own.widths(options)) for own in options.networks.values())
    widest = max(sum(own.hidden) for own in options.networks.values())
    return 800 + 4 * (3 * max(weights) + 6 * widest * options.batch_size) // 10**6


def steps_seconds(options: StepTime, blocks: int) -> float:
    """What is asked for, with a tenth for the warm-up and building; two seconds to start."""
    return 2.0 + 1.1 * blocks * len(options.networks) * options.seconds_each


def starts_memory_mb(options: Starts) -> int:
    """PyTorch and the data, and ten blocks' starts of the largest network on 64 inputs."""
    weights = max(sum(a * b for a, b in _widths(own)) for own in options.networks.values())
    return 1200 + 4 * 8 * 10 * options.starts * weights // 10**6


def starts_seconds(options: Starts, blocks: int) -> float:
    """All steps in compiled code: the order of a small set, and six operations per weight and sample at 3e10 per second."""
    step = sum(
        6e-6 + 6 * options.batch_size * sum(a * b for a, b in _widths(own)) / 3e10
        for own in options.networks.values()
    )
    return 3.0 + blocks * options.starts * options.steps * step


def _widths(network: Started) -> Iterator[tuple[int, int]]:
    return itertools.pairwise((64, *network.hidden, 10))
