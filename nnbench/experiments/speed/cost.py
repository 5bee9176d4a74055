"""The cost of timing image models, for the plan: measured on a CPU with the documents' models, rounded up."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnbench.experiments.speed.declared import InferenceSpeed, TrainingSpeed


def inference_memory_mb(options: InferenceSpeed) -> int:
    """PyTorch, weights and the widest layers of a batch, in MB; by default 1.6 GB were used of 2.4."""
    return 1000 + int(1000 * max(options.megapixels()) * max(options.batch_sizes))


def training_memory_mb(options: TrainingSpeed) -> int:
    """VGG16's weights, gradients and momentum, and a batch's layers, in MB; by default 3.7 GB used of 5.1."""
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
