"""Lightning: ``Trainer.fit`` over a ``DataLoader``, without logger, checkpoints and progress bar."""

from __future__ import annotations

import logging
from collections.abc import Callable

import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.engine.clock import Clock
from benchmarks.engine.peers.plain import adam, final_loss, tensors
from benchmarks.engine.works import Problem, network


def versions() -> dict[str, str]:
    return {"lightning": lightning.__version__}


class Module(lightning.LightningModule):
    """The network with its loss and optimiser; the clock runs between the first batch and the last."""

    def __init__(self, network: nn.Module, clock: Clock) -> None:
        super().__init__()
        self.network, self.clock = network, clock

    def training_step(self, batch: list[torch.Tensor], _: int) -> torch.Tensor:
        inputs, labels = batch
        return nn.functional.cross_entropy(self.network(inputs), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return adam(self.network)

    def on_train_epoch_start(self) -> None:
        self.clock.start()

    def on_train_epoch_end(self) -> None:
        self.clock.stop()


def prepare(problem: Problem, clock: Clock, *, replicates: int) -> Callable[[], list[float]]:
    assert replicates == 1
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    rows = problem.order[0].reshape(-1).tolist()
    loader = DataLoader(
        TensorDataset(*tensors(problem)), batch_size=problem.work.batch, sampler=rows
    )

    def once() -> list[float]:
        module = Module(network(problem.work, 0), clock)
        trainer = lightning.Trainer(
            accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False,
            enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(module, loader)
        return [final_loss(module.network, problem)]

    return once
