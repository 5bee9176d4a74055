"""scikit-learn: ``MLPClassifier.partial_fit``, an epoch at a time over arrays that are in order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sklearn
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

from benchmarks.engine.clock import Clock
from benchmarks.engine.works import CLASSES, EPSILON, LEARNING_RATE, NotMadeForThisError, Problem


def versions() -> dict[str, str]:
    return {"scikit-learn": sklearn.__version__}


def prepare(problem: Problem, clock: Clock, *, replicates: int) -> Callable[[], list[float]]:
    assert replicates == 1
    if problem.work.model != "mlp":
        raise NotMadeForThisError("it has dense networks only")
    inputs, labels = problem.ordered()
    parts = problem.work.steps // problem.work.per_epoch
    epochs = list(zip(np.split(inputs, parts), np.split(labels, parts), strict=True))

    def once() -> list[float]:
        model = _initial(problem)
        with clock:
            for epoch in epochs:
                model.partial_fit(*epoch)
        return [log_loss(problem.labels, model.predict_proba(problem.inputs))]

    return once


def _initial(problem: Problem) -> MLPClassifier:
    """The classifier with the problem's weights, before its first step."""
    work = problem.work
    model = MLPClassifier(
        work.hidden, batch_size=work.batch, shuffle=False, alpha=0.0,
        learning_rate_init=LEARNING_RATE, epsilon=EPSILON,
    )  # fmt: skip
    first = problem.inputs[: work.batch], problem.labels[: work.batch]
    model.partial_fit(*first, classes=np.arange(CLASSES))  # makes its arrays
    kernels, biases = problem.weights[0][::2], problem.weights[0][1::2]
    model.coefs_ = [kernel.T.copy() for kernel in kernels]
    model.intercepts_ = [bias.copy() for bias in biases]
    del model._optimizer  # noqa: SLF001 - the next call makes a new one, without that step's moments
    return model
