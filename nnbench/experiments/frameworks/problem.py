"""What every framework is given and what it returns, and how both are passed between processes.

A problem goes to the worker's standard input as an npz file; the outcome comes back as JSON.
"""

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
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

    def batches(self) -> Iterator[slice]:
        """The rows of each batch of an epoch."""
        for start in range(0, len(self.labels), self.batch_size):
            yield slice(start, start + self.batch_size)

    def accuracy(self, logits: Array) -> float:
        """Of the test samples' logits (M, classes)."""
        return float((logits.argmax(axis=1) == self.test_labels).mean())


class Outcome(BaseModel):
    """One training."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    epoch_seconds: tuple[float, ...]  # wall-clock time of each epoch, training only
    train_loss: tuple[float, ...]  # mean cross-entropy of each epoch's batches before their steps
    test_accuracy: float  # after the last epoch
    versions: dict[str, str]  # of the packages that trained


Train = Callable[[Problem], Outcome]


def timed(
    problem: Problem,
    epochs: Iterator[float],
    test_logits: Callable[[], Array],
    versions: dict[str, str],
) -> Outcome:
    """Time a loop whose every item is one more epoch's sum of losses, known once the device has finished."""
    seconds, losses = [], []
    for _ in range(problem.epochs):
        started = time.perf_counter()
        losses.append(next(epochs) / len(problem.labels))
        seconds.append(time.perf_counter() - started)
    return Outcome(
        epoch_seconds=tuple(seconds),
        train_loss=tuple(losses),
        test_accuracy=problem.accuracy(test_logits()),
        versions=versions,
    )


def layers_of(weights: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Kernel and bias of each layer."""
    return list(zip(weights[::2], weights[1::2], strict=True))


def logits_of(weights: Sequence[Any], inputs: Any, relu: Callable[[Any], Any]) -> Any:
    """The forward pass on any framework's arrays, with its ``relu``."""
    *hidden, (last, bias) = layers_of(weights)
    for kernel, shift in hidden:
        inputs = relu(inputs @ kernel + shift)
    return inputs @ last + bias


def pack_problem(problem: Problem) -> bytes:
    """The problem as an npz file."""
    values = {field.name: getattr(problem, field.name) for field in dataclasses.fields(problem)}
    values |= {f"weight{number:03}": weight for number, weight in enumerate(values.pop("weights"))}
    return npz_bytes({name: np.asarray(value) for name, value in values.items()})


def unpack_problem(content: bytes) -> Problem:
    """The problem in an npz file."""
    arrays = read_npz(content)
    weights = tuple(arrays.pop(name) for name in sorted(arrays) if name.startswith("weight"))
    values: dict[str, Any] = {
        name: value if value.ndim else value.item() for name, value in arrays.items()
    }
    return Problem(weights=weights, **values)
