"""From scores to a record's plain numbers: metrics of each run, curves, and untrained scores."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from nnbench.datasets.base import Rows
from nnbench.engine.monitor import Curves
from nnbench.engine.objectives import Objective, class_frequencies
from nnbench.engine.scores import Scores
from nnbench.engine.train import Trained
from nnbench.experiments.measured import BySample, finite
from nnbench.experiments.measured import Curves as RecordedCurves
from nnbench.experiments.samples import packed_groups, packed_hits, packed_losses
from nnbench.settings import Settings

UNTRAINED: Mapping[str, float] = {"stuck": 1.0, "test_number_rmse": 1.0}  # beside its scores
LEARNT = 0.05  # nnbench's own limit: a run less than this share below the best constant is stuck


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What the replicates of a cell score with their tested weights."""

    scores: Mapping[str, Scores]  # on ``train``, ``validation``, ``test`` and ``test@`` each shift
    naive: Mapping[str, Scores]  # the same for a predictor that has learned nothing
    measured: Mapping[str, Tensor]  # further metrics, (S,) each
    class_names: tuple[str, ...]  # of the outputs; () for regression
    test_samples: int  # per replicate
    test_groups: Rows | None = None  # of fixed test samples: which belong together
    target_factor: float = (
        1.0  # of the targets that errors are errors of; errors are told without it
    )


def stuck(loss: Tensor, labels: Tensor, objective: Objective, outputs: int) -> Tensor:
    """1 for each replicate whose training loss (S,) is not 5 % below the best constant's, else 0.

    The loss is that of the tested weights on ``labels`` (S, n). A constant predictor gives the same output
    for every sample; the best one knows the class frequencies. A loss that is not finite counts as stuck.
    """
    assert objective.constant is not None, "numbers have no classes"
    constant = objective.constant(class_frequencies(labels, outputs))
    return (~(loss <= (1.0 - LEARNT) * constant)).double()


def metrics_of(
    trained: Trained, tested: Tested, settings: Settings, row: int
) -> dict[str, float | None]:
    """All metrics of one replicate; None for values that are not finite."""
    metrics = {name: values[row].item() for name, values in _scored(tested, tested.scores)}
    metrics["loss_gap"] = metrics["test_loss"] - metrics["train_loss"]
    metrics |= {name: values[row].item() for name, values in tested.measured.items()}
    metrics["parameters"] = float(trained.model.parameters_each())
    if settings.target is not None:
        first = epochs_to_target(trained.curves, settings, row)
        epochs = trained.cap_epochs if first is None else first
        metrics["epochs_to_target"] = epochs
        metrics["steps_to_target"] = float(round(epochs * trained.steps_per_epoch))
    return {name: finite(value) for name, value in metrics.items()}


def samples_of(trained: Trained, tested: Tested, seeds: Sequence[int]) -> BySample | None:
    """What every test sample scored in each run that did not diverge; None where that was not asked for."""
    losses, hits = tested.scores["test"].losses, tested.scores["test"].hits
    if losses is None:
        return None
    groups, apart = tested.test_groups, tested.test_samples
    kept = [(row, str(seed)) for row, seed in enumerate(seeds) if not trained.diverged[row]]
    return BySample(
        losses={seed: packed_losses(losses[row].numpy()) for row, seed in kept},
        hits={} if hits is None else {seed: packed_hits(hits[row].numpy()) for row, seed in kept},
        groups=None if groups is None or len(set(groups)) == apart else packed_groups(groups),
    )


def untrained_metrics(tested: Tested) -> dict[str, float | None]:
    """Scores of a predictor that has learned nothing, for runs that diverged: means over replicates.

    It gives each class the same probability, or predicts the training targets' mean. Metrics that such a
    predictor does not have (epochs, probes) are left out.
    """
    scores = {n: values.nanmean().item() for n, values in _scored(tested, tested.naive)}
    known: dict[str, float | None] = {
        **scores,
        "loss_gap": scores["test_loss"] - scores["train_loss"],
    }
    return known | {name: value for name, value in UNTRAINED.items() if name in tested.measured}


def _scored(tested: Tested, scores: Mapping[str, Scores]) -> Iterator[tuple[str, Tensor]]:
    """The metrics that are scores, (S,) each, by name."""
    for place, score in scores.items():
        split, at, shift = place.partition("@")
        yield f"{split}_loss{at}{shift}", score.loss
        if score.accuracy is not None:
            yield f"{split}_accuracy{at}{shift}", score.accuracy
        if place == "test" and score.mae is not None and score.rmse is not None:
            yield "test_mae", score.mae / tested.target_factor
            yield "test_rmse", score.rmse / tested.target_factor
            yield "test_r2", explained(score.rmse, tested.naive["test"].rmse)
        if place == "test" and score.by_class is not None:
            for label, name in enumerate(tested.class_names):
                yield f"test_accuracy@class {name}", score.by_class[:, label]


def explained(rmse: Tensor, of_mean: Tensor | None) -> Tensor:
    """R² out of sample (S,): the share of the squared error of the training targets' mean that is gone.

    Campbell & Thompson (2008). It does not depend on the unit of the targets.
    """
    assert of_mean is not None, "numbers have errors"
    return 1.0 - (rmse / of_mean).square()


def status_of(
    trained: Trained, settings: Settings, row: int
) -> Literal["ok", "diverged", "capped"]:
    """How one replicate ended; reaching the target, if there is one, takes precedence."""
    reached = settings.target and epochs_to_target(trained.curves, settings, row) is not None
    if trained.diverged[row] and not reached:
        return "diverged"
    return "ok" if reached or settings.target is None else "capped"


def epochs_to_target(curves: Curves, settings: Settings, row: int) -> float | None:
    """The first evaluation point at the target; None for a run that never reached it."""
    assert settings.target is not None
    higher = settings.target.metric == "validation_accuracy"
    series: list[list[float]] = getattr(curves, settings.target.metric)
    for epoch, values in zip(curves.epochs, series, strict=True):
        if values[row] >= settings.target.value if higher else values[row] <= settings.target.value:
            return epoch
    return None


def curves_of(curves: Curves) -> RecordedCurves:
    """Curves as plain rows (point x replicate), rounded to what a plot can show."""
    rows = {
        name: tuple(
            tuple(finite(value, digits=5) for value in row) for row in getattr(curves, name)
        )
        for name in RecordedCurves.model_fields
        if name != "epochs"
    }
    return RecordedCurves(epochs=tuple(round(epoch, 4) for epoch in curves.epochs), **rows)
