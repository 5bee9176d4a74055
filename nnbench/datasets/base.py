"""What a dataset is: named arrays in numpy, either a fixed set or a seeded generator.

Conventions: images are channel first; ``uint8`` inputs stand for ``value / 255``; ``float32``
inputs stand for themselves. Labels are classes (``int64``) or, for regression, numbers (``float32``)
in the unit of their source. Nothing is normalised here: ``scaling`` says how training statistics do
it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, get_args

import numpy as np
import numpy.typing as npt

from nnbench.errors import NnbenchError

Scaling = Literal["global", "feature"]
Stream = Literal["train", "validation", "test"]
Task = Literal["classification", "regression"]
Inputs = npt.NDArray[np.uint8] | npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]
Targets = npt.NDArray[np.float32]

STREAMS: tuple[Stream, ...] = get_args(Stream)
INPUT_TYPES = ("uint8", "float32")
LABEL_TYPES = {"classification": "int64", "regression": "float32"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arrays:
    """Samples and their classes, or the numbers to predict for them.

    Attributes:
        inputs: ``(N, *input_shape)``, uint8 (stands for value / 255) or float32.
        labels: ``(N,)`` int64, indices into the dataset's class names; or, for regression,
            ``(N,)`` float32.

    Raises:
        NnbenchError: A type or a shape is not as above.
    """

    inputs: Inputs
    labels: Labels | Targets

    def __post_init__(self) -> None:
        if str(self.inputs.dtype) not in INPUT_TYPES:
            raise _invalid("inputs have the wrong type", got=self.inputs.dtype, allowed=INPUT_TYPES)
        if str(self.labels.dtype) not in LABEL_TYPES.values() or self.labels.ndim != 1:
            got = f"{self.labels.dtype} {self.labels.shape}"
            allowed = "int64 (N,) for classes, float32 (N,) for numbers"
            raise _invalid("labels have the wrong type or shape", got=got, allowed=allowed)
        if self.inputs.ndim < 2 or len(self.inputs) != len(self.labels):
            got = f"inputs {self.inputs.shape}, labels {self.labels.shape}"
            raise _invalid(
                "inputs and labels differ in length", got=got, allowed="(N, ...) and (N,)"
            )

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pools:
    """A fixed split: training and validation sets come from ``trainval``, never from ``test``."""

    trainval: Arrays
    test: Arrays


class Draw(Protocol):
    """Draws ``n`` samples; the first samples do not depend on ``n`` (the prefix property)."""

    def __call__(self, n: int, *, seed: int, stream: Stream) -> Arrays:
        """Draw the first ``n`` samples of a stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """What a dataset file exports as ``DATASET``.

    Attributes:
        name: The name in the registry.
        title: The name in the report.
        source: The citation, or where the data come from.
        licence: The licence of the data.
        input_shape: ``(1, 28, 28)`` for images (channel first), ``(40,)`` for signals.
        class_names: One name a class; a label is an index into them. () for regression.
        scaling: Normalised by training statistics with one mean and deviation for all values
            (``global``) or for each feature (``feature``).
        train_size, validation_size: Samples drawn for each block, unless a claim says otherwise.
        test_size: Samples of the test set.
        load: Fixed data: ``(data folder or None, may download) -> Pools``.
        draw: Generated data; see ``Draw``.
        task: Whether labels are classes or numbers.
        target_name, target_unit: What the numbers of a regression are, as in ``price`` and ``EUR``;
            a number without a unit has an empty one.

    Raises:
        NnbenchError: Not exactly one of ``load`` and ``draw`` is given, or a value makes no sense.
    """

    name: str
    title: str
    source: str
    licence: str
    input_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    scaling: Scaling
    train_size: int
    validation_size: int
    test_size: int
    load: Callable[[Path | None, bool], Pools] | None = None
    draw: Draw | None = None
    task: Task = "classification"
    target_name: str = ""
    target_unit: str = ""

    def __post_init__(self) -> None:
        where = f"dataset {self.name!r}"
        if (self.load is None) == (self.draw is None):
            got = "neither" if self.load is None else "both"
            raise _invalid(f"{where}: give one of load and draw", got=got, allowed="exactly one")
        if self.scaling not in get_args(Scaling):
            names = get_args(Scaling)
            raise _invalid(f"{where}: unknown scaling", got=self.scaling, allowed=names)
        sizes = (self.train_size, self.validation_size, self.test_size, *self.input_shape)
        if not self.input_shape or min(sizes) < 1:
            raise _invalid(f"{where}: a size is not positive", got=sizes, allowed="integers >= 1")
        self._check_task(where)

    def _check_task(self, where: str) -> None:
        if self.task not in get_args(Task):
            names = get_args(Task)
            raise _invalid(f"{where}: unknown task", got=self.task, allowed=names)
        if self.task == "regression":
            if self.class_names or not self.target_name:
                got = f"class_names {self.class_names}, target_name {self.target_name!r}"
                allowed = "no class names, and a target_name"
                raise _invalid(f"{where}: does not say what it predicts", got=got, allowed=allowed)
            return
        if len(set(self.class_names)) < max(2, len(self.class_names)):
            allowed = "two or more different names"
            raise _invalid(f"{where}: bad class names", got=self.class_names, allowed=allowed)
        if self.target_name or self.target_unit:
            got = f"target {self.target_name!r} in {self.target_unit!r}"
            raise _invalid(f"{where}: classes have no target", got=got, allowed="class_names alone")

    @property
    def outputs(self) -> int:
        """What a model returns for a sample: a value for each class, or one number."""
        return len(self.class_names) if self.task == "classification" else 1

    @property
    def kind(self) -> Literal["fixed", "generated"]:
        """Whether the data are one fixed set or drawn anew for each seed."""
        return "generated" if self.load is None else "fixed"


def check_arrays(dataset: Dataset, arrays: Arrays, *, part: str) -> None:
    """Check samples against what their dataset promises.

    Args:
        dataset: The promise.
        arrays: The samples.
        part: The name of these samples in the error, as in ``trainval``.

    Raises:
        NnbenchError: Wrong shape or type, a value that is not finite, a label out of range, a class
            without samples, or numbers that are all the same.
    """
    where = f"dataset {dataset.name!r}, {part}"
    shape = arrays.inputs.shape[1:]
    if shape != dataset.input_shape:
        raise _invalid(f"{where}: wrong input shape", got=shape, allowed=dataset.input_shape)
    if not np.isfinite(arrays.inputs).all():
        raise _invalid(
            f"{where}: inputs are not finite", got="NaN or infinity", allowed="finite values"
        )
    if str(arrays.labels.dtype) != (allowed := LABEL_TYPES[dataset.task]):
        what = f"{where}: labels have the wrong type for {dataset.task}"
        raise _invalid(what, got=arrays.labels.dtype, allowed=allowed)
    if dataset.task == "regression":
        _check_targets(arrays, where)
    else:
        _check_classes(arrays, where, classes=len(dataset.class_names))


def _check_targets(arrays: Arrays, where: str) -> None:
    if not np.isfinite(arrays.labels).all():
        what = f"{where}: targets are not finite"
        raise _invalid(what, got="NaN or infinity", allowed="finite values")
    if len(arrays) > 1 and (arrays.labels == arrays.labels[0]).all():
        what = f"{where}: targets are all the same"
        raise _invalid(what, got=arrays.labels[0], allowed="two or more different values")


def _check_classes(arrays: Arrays, where: str, *, classes: int) -> None:
    present = np.unique(arrays.labels)
    if not np.array_equal(present, np.arange(classes)):
        got, allowed = present.tolist(), f"each of 0 ... {classes - 1} at least once"
        raise _invalid(
            f"{where}: labels out of range or a class is empty", got=got, allowed=allowed
        )


def check_pools(dataset: Dataset, pools: Pools) -> None:
    """Check a fixed split against what its dataset promises.

    Raises:
        NnbenchError: As ``check_arrays``, or the default sizes do not fit the split.
    """
    check_arrays(dataset, pools.trainval, part="trainval")
    check_arrays(dataset, pools.test, part="test")
    wanted = dataset.train_size + dataset.validation_size
    if wanted > len(pools.trainval) or dataset.test_size != len(pools.test):
        raise _invalid(
            f"dataset {dataset.name!r}: default sizes do not fit the data",
            got=f"train + validation {wanted}, test {dataset.test_size}",
            allowed=f"at most {len(pools.trainval)}, exactly {len(pools.test)}",
        )


def _invalid(what: str, *, got: object, allowed: object) -> NnbenchError:
    text = ", ".join(map(str, allowed)) if isinstance(allowed, tuple) else allowed
    return NnbenchError(
        what, got=got, allowed=text, todo="correct the file that defines the dataset"
    )
