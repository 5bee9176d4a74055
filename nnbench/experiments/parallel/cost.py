"""What training on several processes costs, for the plan."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nnbench.experiments.parallel.declared import ParallelOptions


def _weights(options: ParallelOptions) -> int:
    """Weights of the network on images of 28 x 28 with ten classes, the usual case."""
    return sum(a * b for a, b in itertools.pairwise((784, *options.hidden, 10)))


def memory_mb(options: ParallelOptions) -> int:
    """PyTorch in the parent and in every process (840 MB resident at the defaults), weights, activations."""
    # weight, gradient, its bucket, two moments, start, reference, and the end of each way
    values = 11 * _weights(options) + 3 * options.batch_size * sum(options.hidden)
    return 600 + options.processes * (750 + 4 * values // 10**6)


def seconds(options: ParallelOptions, blocks: int) -> float:
    """Six operations per weight and sample at 5e10 a second, and 10 s for the processes to start."""
    step = 6 * _weights(options) * options.batch_size / 5e10 + 2e-3
    return 10.0 + blocks * len(options.ways) * (options.steps + options.warm_up) * step
