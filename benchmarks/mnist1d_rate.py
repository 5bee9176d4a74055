"""MNIST-1D signals drawn per second, on one core.

Run: python benchmarks/mnist1d_rate.py
"""

from __future__ import annotations

import statistics
import time

from nnbench.datasets.mnist1d import DATASET

SIGNALS, ROUNDS, FLOOR = 200_000, 5, 50_000


def main() -> None:
    assert DATASET.draw is not None
    rates = []
    for seed in range(ROUNDS):
        started = time.process_time()
        DATASET.draw(SIGNALS, seed=seed, stream="train")
        rates.append(SIGNALS / (time.process_time() - started))
    print(f"{statistics.median(rates):,.0f} signals per CPU second (floor {FLOOR:,})")


if __name__ == "__main__":
    main()
