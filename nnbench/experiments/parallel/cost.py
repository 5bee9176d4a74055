"""The cost of training on several processes, for the plan."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnbench.experiments.parallel.declared import ParallelOptions


def _weights(options: ParallelOptions) -> int:  # for the usual 28 x 28 images and ten classes
    return sum(a * b for a, b in itertools.pairwise((784, *options.hidden, 10)))


def memory_mb(options: ParallelOptions) -> int:
    """PyTorch in the parent and each process (840 MB resident by default), weights and activations, in MB."""
    # weight, gradient, its bucket, two moments, initial and reference weights, final weights of each way
    values = 11 * _weights(options) + 3 * options.batch_size * sum(options.hidden)
    return 600 + options.processes * (750 + 4 * values // 10**6)


def seconds(options: ParallelOptions, blocks: int) -> float:
    """Six operations per weight and sample at 5e10 per second, plus 10 s to start the processes."""
    step = 6 * _weights(options) * options.batch_size / 5e10 + 2e-3
    return 10.0 + blocks * len(options.ways) * (options.steps + options.warm_up) * step
