"""skorch: ``NeuralNetClassifier`` over arrays that are in order."""

from __future__ import annotations

from collections.abc import Callable

import skorch
import torch
from skorch.callbacks import Callback

from benchmarks.engine.clock import Clock
from benchmarks.engine.peers.plain import final_loss
from benchmarks.engine.works import EPSILON, LEARNING_RATE, Problem, network


def versions() -> dict[str, str]:
    return {"skorch": skorch.__version__}


class Watch(Callback):
    """Runs the clock while batches are trained."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_epoch_begin(self, net: object, **_: object) -> None:
        self.clock.start()

    def on_epoch_end(self, net: object, **_: object) -> None:
        self.clock.stop()


def prepare(problem: Problem, clock: Clock, *, replicates: int) -> Callable[[], list[float]]:
    assert replicates == 1
    inputs, labels = problem.ordered()

    def once() -> list[float]:
        net = skorch.NeuralNetClassifier(
            network(problem.work, 0), criterion=torch.nn.CrossEntropyLoss, max_epochs=1,
            optimizer=torch.optim.Adam, lr=LEARNING_RATE, optimizer__eps=EPSILON,
            optimizer__fused=True, batch_size=problem.work.batch, train_split=None, verbose=0,
            callbacks=[Watch(clock)],
        )  # fmt: skip
        net.fit(inputs, labels)
        return [final_loss(net.module_, problem)]

    return once
