"""What every framework is given and what it hands back, and how both cross the process border.

A problem goes to the worker's standard input as an npz file; the outcome comes back as JSON.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from nnbench.datasets.prepared.files import npz_bytes, read_npz

Array = npt.NDArray[Any]
# Keras' default; PyTorch's and Optax' is 1e-8. Keras adds it to the root of the uncorrected second moment,
# PyTorch and Optax to that of the corrected one (Kingma & Ba 2015, section 2 and algorithm 1): the first
# steps differ by 3e-6 / |gradient| of their length, later ones by less.
ADAM_EPSILON = 1e-7
_ARRAYS = ("inputs", "labels", "test_inputs", "test_labels")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An MLP with ReLU, softmax cross-entropy and Adam, with everything its training depends on.

    Every epoch takes the samples in the order in which they lie here, drawn once beforehand: model.fit
    draws its own order otherwise, and one fit per epoch would cost what users do not pay.

    Attributes:
        inputs: (N, D) float32, normalised, in the order of training.
        labels: (N,) int64.
        test_inputs: (M, D) float32, with the same normalisation.
        test_labels: (M,) int64.
        weights: First kernel (D, H), its bias (H,), next kernel, …, float32.
        batch_size: Samples of a step; the last one of an epoch has what is left.
        learning_rate: Adam's.
        epochs: Passes over the data.
        threads: CPU threads that the framework may compute with.
        device: ``cpu``, ``cuda`` or ``mps``.
    """

    inputs: Array
    labels: Array
    test_inputs: Array
    test_labels: Array
    weights: tuple[Array, ...]
    batch_size: int
    learning_rate: float
    epochs: int
    threads: int
    device: str


class Outcome(BaseModel):
    """One training.

    Attributes:
        epoch_seconds: Wall-clock seconds of each epoch, training alone.
        train_loss: Mean cross-entropy of each epoch's batches before their steps, in nats.
        test_accuracy: After the last epoch.
        versions: Versions of the packages that did the work.
        import_seconds: Until the framework was imported.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    epoch_seconds: tuple[float, ...]
    train_loss: tuple[float, ...]
    test_accuracy: float
    versions: dict[str, str]
    import_seconds: float = 0.0


Train = Callable[[Problem], Outcome]


def layers_of(problem: Problem) -> list[tuple[Array, Array]]:
    """Kernel and bias of each layer."""
    return list(zip(problem.weights[::2], problem.weights[1::2], strict=True))


def pack_problem(problem: Problem) -> bytes:
    """The problem as an npz file."""
    arrays = {name: getattr(problem, name) for name in _ARRAYS}
    arrays |= {f"weight{number:03}": weight for number, weight in enumerate(problem.weights)}
    names = {field.name for field in dataclasses.fields(problem)} - {*_ARRAYS, "weights"}
    rest = {name: getattr(problem, name) for name in sorted(names)}
    return npz_bytes({**arrays, "rest": np.array(json.dumps(rest))})


def unpack_problem(content: bytes) -> Problem:
    """The problem of an npz file."""
    arrays = read_npz(content)
    rest = json.loads(str(arrays.pop("rest")))
    weights = tuple(arrays.pop(name) for name in sorted(arrays) if name.startswith("weight"))
    return Problem(weights=weights, **{**arrays, **rest})
