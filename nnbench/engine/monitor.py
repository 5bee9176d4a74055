"""What happens at a training's evaluation points: best weights, divergence, targets, early stopping."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor

from nnbench.engine.checkpoint import State
from nnbench.engine.data import TrainingData
from nnbench.engine.device import synchronise
from nnbench.engine.native.network import compiled_network
from nnbench.engine.probes import GradientRatios
from nnbench.engine.scores import Scores, evaluate
from nnbench.engine.second_task import minimised
from nnbench.engine.stacking import BestWeights, Replicates
from nnbench.settings import Settings


@dataclass(slots=True, kw_only=True)
class Curves:
    """One value per replicate and evaluation point, NaN once it has stopped; no accuracies in regression."""

    epochs: list[float] = field(default_factory=list)
    train_loss: list[list[float]] = field(default_factory=list)
    validation_loss: list[list[float]] = field(default_factory=list)
    validation_accuracy: list[list[float]] = field(default_factory=list)


_BY_REPLICATE = ("best_loss", "waited", "stopped", "diverged", "reached")


class Monitor:
    """Reads validation at the evaluation points, keeps the best weights, and decides when to stop."""

    def __init__(
        self, model: Replicates, data: TrainingData, settings: Settings, *, seeds: Sequence[int]
    ) -> None:
        self.model, self.data, self.settings = model, data, settings
        self.network = compiled_network(model, data.bank)
        self.objective = minimised(settings, data.task, data.outputs)
        self.curves = Curves()
        self.seconds = 0.0
        self.best = None if settings.checkpoint == "last" else BestWeights(model)
        self.best_loss = torch.full((model.count,), torch.inf, dtype=torch.float64)
        self.waited = torch.zeros(model.count, dtype=torch.int64)
        self.stopped = torch.full((model.count,), torch.nan, dtype=torch.float64)  # the epoch
        self.diverged = torch.zeros(model.count, dtype=torch.bool)
        self.reached = torch.zeros(model.count, dtype=torch.bool)
        asked = "gradients" in settings.probes
        self.gradients = GradientRatios(model, data, self.objective, seeds=seeds) if asked else None

    def look(self, *, epoch: float, train_loss: Tensor) -> bool:
        """Record one evaluation point; True once every replicate is finished."""
        synchronise(self.data.train.device)
        started = time.perf_counter()
        scores = evaluate(
            *(self.model, self.data.bank, self.data.validation, self.objective),
            network=self.network,
        )
        seen = train_loss.detach().cpu().double()  # MPS has no float64
        running = self.stopped.isnan()
        self._record(scores, running, epoch=epoch, train_loss=seen)
        self.diverged |= running & ~(seen.isfinite() & scores.loss.isfinite())
        before = self.reached.clone()
        ends = self._at_target(scores, running, train_loss=seen)
        if self.best is not None and self.settings.checkpoint == "target":
            self.best.keep(running & ~before)  # a run that never gets there is tested as it ends
        elif self.best is not None:
            improved = running & (scores.loss < self.best_loss)  # NaN never improves
            self.best_loss = torch.where(improved, scores.loss, self.best_loss)
            self.best.keep(improved)
            self._lose_patience(improved, running, epoch=epoch)
        if self.gradients is not None:
            self.gradients.look(running)
        self.model.train()
        self.seconds += time.perf_counter() - started
        return bool((self.diverged | ~self.stopped.isnan() | ends).all())

    def _record(self, scores: Scores, running: Tensor, *, epoch: float, train_loss: Tensor) -> None:
        def shown(values: Tensor) -> list[float]:
            return torch.where(running, values, torch.nan).tolist()

        self.curves.epochs.append(epoch)
        self.curves.train_loss.append(shown(train_loss))
        self.curves.validation_loss.append(shown(scores.loss))
        if scores.accuracy is not None:
            self.curves.validation_accuracy.append(shown(scores.accuracy))

    def _lose_patience(self, improved: Tensor, running: Tensor, *, epoch: float) -> None:
        """Stop each replicate that has not improved for ``patience`` points; the others continue."""
        self.waited = torch.where(improved, 0, self.waited + 1)
        if self.settings.patience is not None:
            ends = running & (self.waited >= self.settings.patience)
            self.stopped = torch.where(ends, epoch, self.stopped)

    def _at_target(self, scores: Scores, running: Tensor, *, train_loss: Tensor) -> Tensor:
        """Note who has reached the target, and say who may stop there."""
        target = self.settings.target
        if target is not None and target.metric == "validation_accuracy":
            assert scores.accuracy is not None, "planning refuses this target for numbers"
            self.reached |= running & (scores.accuracy >= target.value)
        elif target is not None:
            loss = train_loss if target.metric == "train_loss" else scores.loss
            self.reached |= running & (loss <= target.value)
        return self.reached if self.settings.stop_at_target else torch.zeros_like(self.reached)

    def state(self) -> State:
        """Everything recorded so far, as tensors and plain data for ``restore_state``."""
        ratios = self.gradients
        return {
            "curves": asdict(self.curves),
            "seconds": self.seconds,
            "best": None if self.best is None else self.best.kept,
            "replicates": [getattr(self, name) for name in _BY_REPLICATE],
            "gradients": None if ratios is None else {"start": ratios.start, "logs": ratios.logs},
        }

    def restore_state(self, state: State) -> None:
        """Continue from the ``state`` of another monitor of the same training."""
        self.curves, self.seconds = Curves(**state["curves"]), state["seconds"]
        for name, saved in zip(_BY_REPLICATE, state["replicates"], strict=True):
            setattr(self, name, saved)
        if self.best is not None:
            self.best.kept = [saved.to(self.data.train.device) for saved in state["best"]]
        if self.gradients is not None:
            self.gradients.start = state["gradients"]["start"]
            self.gradients.logs = list(state["gradients"]["logs"])

    def restore(self) -> None:
        """Put the kept weights back into the model, if there are any."""
        if self.best is not None:
            self.best.restore()
