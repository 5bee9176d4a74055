"""What every framework is given and what it returns, and how both are passed between processes.

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

    Every epoch takes the samples in the order of these arrays, drawn once beforehand: model.fit would
    otherwise draw its own, and calling fit once per epoch would cost time that users do not spend.
    """

    inputs: Array  # (N, D) float32, normalised, in the order of training
    labels: Array  # (N,) int64
    test_inputs: Array  # (M, D) float32, with the same normalisation
    test_labels: Array  # (M,) int64
    weights: tuple[Array, ...]  # first kernel (D, H), its bias (H,), next kernel, …, float32
    batch_size: int  # the last batch of an epoch may be smaller
    learning_rate: float
    epochs: int
    threads: int  # CPU threads that the framework may use
    device: str  # ``cpu``, ``cuda`` or ``mps``


class Outcome(BaseModel):
    """One training."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    epoch_seconds: tuple[float, ...]  # wall-clock time of each epoch, training only
    train_loss: tuple[float, ...]  # mean cross-entropy of each epoch's batches before their steps
    test_accuracy: float  # after the last epoch
    versions: dict[str, str]  # of the packages that trained
    import_seconds: float = 0.0  # until the framework was imported


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
    """The problem in an npz file."""
    arrays = read_npz(content)
    rest = json.loads(str(arrays.pop("rest")))
    weights = tuple(arrays.pop(name) for name in sorted(arrays) if name.startswith("weight"))
    return Problem(weights=weights, **{**arrays, **rest})
