"""Runs on test sets that are really redrawn: how often an interval contains what they vary around.

Least-squares classifiers, each on its own part of one pool, compared with and without 8 of 20 features.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from nnbench.verdicts.rules import mean_interval
from nnbench.verdicts.samples import crossed_interval, resplit_interval

CLASSES, FEATURES, FEWER = 4, 20, 12
POOL, TRAINED_ON, MANY = 3_000, 300, 10_000

Floats = npt.NDArray[np.float64]
Samples = tuple[Floats, npt.NDArray[np.int64]]


class World:
    """Where samples and runs come from; ``truth`` is the mean difference over runs and samples."""

    def __init__(self, seed: int, *, runs: int = 150, samples: int = MANY) -> None:
        self.rng = np.random.default_rng(seed)
        self.centres = self.rng.normal(0.0, 0.45, (CLASSES, FEATURES))
        self.pool = self.draw(POOL)
        many = [self.differences(seeds=1, samples=samples) for _ in range(runs)]
        self.truth = {name: np.mean([one[name].mean() for one in many]) for name in many[0]}

    def draw(self, count: int) -> Samples:
        labels = self.rng.integers(0, CLASSES, count)
        return self.centres[labels] + self.rng.normal(0.0, 1.0, (count, FEATURES)), labels

    def differences(self, *, seeds: int, samples: int) -> Mapping[str, Floats]:
        """Of the hits, and of the mean losses' logarithms: [seeds, samples], on one test set."""
        test = self.draw(samples)
        runs = np.array([self._pair(test) for _ in range(seeds)])  # [seeds, levels, 2, samples]
        hits, losses = runs[:, :, 0], runs[:, :, 1]
        means = losses.mean(axis=2, keepdims=True)
        logs = np.log(means) + losses / means - 1.0
        return {"accuracy": hits[:, 0] - hits[:, 1], "loss": logs[:, 1] - logs[:, 0]}

    def _pair(self, test: Samples) -> Floats:
        rows = self.rng.permutation(POOL)[:TRAINED_ON]
        return self.scores((self.pool[0][rows], self.pool[1][rows]), test)

    def scores(self, train: Samples, test: Samples) -> Floats:
        """Hits and losses of both levels: [levels, 2, samples]."""
        return np.array([_scores(train[0][:, :n], train[1], test, n) for n in (FEATURES, FEWER)])


def _scores(inputs: Floats, labels: npt.NDArray[np.int64], test: Samples, features: int) -> Floats:
    """Hits and cross-entropies [2, samples] of a ridge regression on the classes' indicators."""
    known, asked = (np.insert(x, 0, 1.0, axis=1) for x in (inputs, test[0][:, :features]))
    square = known.T @ known + np.eye(features + 1)
    logits = 4.0 * asked @ np.linalg.solve(square, known.T @ np.eye(CLASSES)[labels])
    loss = (
        np.log(np.exp(logits).sum(axis=1)) - np.take_along_axis(logits, test[1][:, None], 1)[:, 0]
    )
    return np.array([logits.argmax(axis=1) == test[1], loss])


def coverage(world: World, *, seeds: int, samples: int, times: int) -> Mapping[str, Floats]:
    """By metric, the shares of intervals that contain the truth: over seeds alone, and over samples too."""
    found = {name: np.zeros(2) for name in world.truth}
    for _ in range(times):
        for name, values in world.differences(seeds=seeds, samples=samples).items():
            by_seed = values.mean(axis=1)
            wider = (
                crossed_interval(values)
                if values.shape[1] > 1
                else resplit_interval(by_seed, test_per_train=3 / 7)
            )
            assert wider is not None
            for i, (low, high) in enumerate((mean_interval(by_seed)[1:], wider)):
                found[name][i] += low <= world.truth[name] <= high
    return {name: counts / times for name, counts in found.items()}


class Divided(World):
    """The same where each seed divides one set of samples, drawn anew each time, into training and test samples."""

    def differences(self, *, seeds: int, samples: int) -> Mapping[str, Floats]:
        """As in ``World``, one column: a seed's means; three in ten of the ``samples`` are test samples."""
        inputs, labels = self.draw(samples)
        held_out = samples * 3 // 10
        found = []
        for _ in range(seeds):
            rows = self.rng.permutation(samples)
            test, train = rows[:held_out], rows[held_out:]
            scores = self.scores((inputs[train], labels[train]), (inputs[test], labels[test]))
            found.append(scores.mean(axis=2))
        runs = np.array(found)  # [seeds, levels, 2]
        logs = np.log(runs[:, :, 1])
        return {
            "accuracy": (runs[:, 0, 0] - runs[:, 1, 0])[:, np.newaxis],
            "loss": (logs[:, 1] - logs[:, 0])[:, np.newaxis],
        }
