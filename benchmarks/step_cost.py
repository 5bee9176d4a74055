"""Cost of one optimiser step per model: ten stacked replicates against a plain PyTorch loop.

Run: python benchmarks/step_cost.py
Both run alternately in one process on one CPU thread, batch 32, fused Adam, data in memory as tensors.
The plain loop is what a careful user writes: no DataLoader, index batches, zero_grad, step. Timed: the
training loops alone, without data preparation or validation. Ratios are medians over rounds.
"""

from __future__ import annotations

import statistics
import time

import torch
from torch import nn

from nnbench.engine.data import Bank, Normaliser, TrainingData
from nnbench.engine.train import build_replicates, train
from nnbench.settings import Settings

REPLICATES, BATCH, STEPS, ROUNDS, SAMPLES = 10, 32, 300, 7, 3_500
LIMITS = {784: 0.8, 64: 0.35}


def samples(inputs: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(SAMPLES, inputs, generator=generator)
    return x, torch.randint(0, 10, (SAMPLES,), generator=generator)


def plain_seconds(inputs: int) -> float:
    """Seconds per step of one model in a plain loop."""
    x, y = samples(inputs)
    model = nn.Sequential(nn.Linear(inputs, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    orders = [torch.randperm(SAMPLES)[:BATCH] for _ in range(STEPS)]
    started = time.perf_counter()
    for index in orders:
        loss = nn.functional.cross_entropy(model(x[index]), y[index])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (time.perf_counter() - started) / STEPS


def stacked_seconds(inputs: int) -> float:
    """Seconds per step and model of nnbench's own loop."""
    x, y = samples(inputs)
    seeds = tuple(range(REPLICATES))
    settings = Settings(train_for=f"{STEPS} steps", evaluations=1, batch_size=BATCH)
    rows = torch.stack([torch.randperm(SAMPLES) for _ in seeds])
    shape = (REPLICATES, 1, 1)
    bank = Bank(
        inputs=x,
        labels=y,
        normaliser=Normaliser(shift=torch.zeros(shape), factor=torch.ones(shape)),
    )
    data = TrainingData(bank=bank, train=rows, validation=rows[:, :1], outputs=10)
    device = torch.device("cpu")
    model = build_replicates(
        settings, input_shape=(inputs,), classes=10, seeds=seeds, device=device
    )
    return train(data, model, settings, seeds=seeds).train_seconds / STEPS / REPLICATES


def main() -> None:
    torch.set_num_threads(1)
    for inputs, limit in LIMITS.items():
        rounds = [(plain_seconds(inputs), stacked_seconds(inputs)) for _ in range(ROUNDS)][1:]
        ratio = statistics.median(stacked / plain for plain, stacked in rounds)
        plain, stacked = (1e3 * statistics.median(part) for part in zip(*rounds, strict=True))
        print(
            f"{inputs}-128-10: plain {plain:.3f} ms, stacked {stacked:.3f} ms per model and step, "
            f"ratio {ratio:.2f} (limit {limit})"
        )


if __name__ == "__main__":
    main()
