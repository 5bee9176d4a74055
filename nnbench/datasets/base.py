"""What a dataset is: named numpy arrays, from either a fixed set or a seeded generator.

Conventions: images are channel first; ``uint8`` inputs represent ``value / 255``, ``float32`` inputs are used
as they are. Labels are classes (``int64``) or, for regression, numbers (``float32``) in their source's unit.
Nothing is normalised here; ``scaling`` says which training statistics will be used for that.
"""

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
Rows = npt.NDArray[np.int64]  # indices of samples

STREAMS: tuple[Stream, ...] = get_args(Stream)
INPUT_TYPES = ("uint8", "float32")
LABEL_TYPES = {"classification": "int64", "regression": "float32"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Arrays:
    """Samples with their classes or regression targets; NnbenchError for another type or shape."""

    inputs: Inputs  # (N, *input_shape) uint8 (for value / 255) or float32
    labels: Labels | Targets  # (N,) int64 indices of class names, or float32 targets
    groups: Rows | None = None  # (N,) int64: samples of one number are never divided

    def __post_init__(self) -> None:
        if str(self.inputs.dtype) not in INPUT_TYPES:
            raise _invalid("inputs have the wrong type", got=self.inputs.dtype, allowed=INPUT_TYPES)
        if str(self.labels.dtype) not in LABEL_TYPES.values() or self.labels.ndim != 1:
            got = f"{self.labels.dtype} {self.labels.shape}"
            allowed = "int64 (N,) for classes, float32 (N,) for numbers"
            raise _invalid("labels have the wrong type or shape", got=got, allowed=allowed)
        if self.inputs.ndim < 2 or len(self.inputs) != len(self.labels):
            got = f"inputs {self.inputs.shape}, labels {self.labels.shape}"
            what = "inputs and labels differ in length"
            raise _invalid(what, got=got, allowed="(N, ...) and (N,)")
        if self.groups is not None and (
            self.groups.shape != self.labels.shape or self.groups.dtype != np.int64
        ):
            got = f"{self.groups.dtype} {self.groups.shape}"
            raise _invalid("groups have the wrong type or shape", got=got, allowed="int64 (N,)")

    def __len__(self) -> int:
        return len(self.labels)

    def named(self) -> dict[str, Inputs | Labels | Targets]:
        """The arrays by the names used in files."""
        groups = {} if self.groups is None else {"groups": self.groups}
        return {"inputs": self.inputs, "labels": self.labels, **groups}


def take(arrays: Arrays, rows: Rows) -> Arrays:
    """The samples at these rows."""
    groups = None if arrays.groups is None else arrays.groups[rows]
    return Arrays(inputs=arrays.inputs[rows], labels=arrays.labels[rows], groups=groups)


def joined(first: Arrays, second: Arrays) -> Arrays:
    """The samples of both, in this order; their groups are numbered alike."""
    names = first.named().keys() & second.named().keys()
    return Arrays(**{n: np.concatenate([getattr(a, n) for a in (first, second)]) for n in names})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pools:
    """A fixed split: training and validation sets are drawn from ``trainval``, never from ``test``."""

    trainval: Arrays
    test: Arrays


class Draw(Protocol):
    """Draws ``n`` samples; the first ones do not depend on ``n`` (the prefix property)."""

    def __call__(self, n: int, *, seed: int, stream: Stream) -> Arrays:
        """Draw the first ``n`` samples of a stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A dataset, as the registry names it.

    Raises NnbenchError unless exactly one of ``load`` and ``draw`` is given, and for impossible values.
    """

    name: str  # in the registry
    title: str  # in the report
    source: str  # a citation, or where the data come from
    licence: str
    input_shape: tuple[int, ...]  # images ``(1, 28, 28)`` (channel first), signals ``(40,)``
    class_names: tuple[str, ...]  # a label is an index into them; () for regression
    scaling: Scaling  # by statistics over all values (``global``) or of each ``feature``
    train_size: int  # samples per run by default, as is validation_size
    validation_size: int
    test_size: int
    load: Callable[[Path | None, bool], Pools] | None = None  # fixed data: (folder, may download)
    draw: Draw | None = None  # generated data
    task: Task = "classification"
    target_name: str = ""  # of a regression: ``price``
    target_unit: str = ""  # ``EUR``; empty without a unit
    one_set: bool = False  # fixed data whose test samples were drawn at random from all
    irrelevant: tuple[int, ...] = ()  # generated tables: inputs that labels do not depend on

    def __post_init__(self) -> None:
        where = f"dataset {self.name!r}"
        if (self.load is None) == (self.draw is None):
            got = "neither" if self.load is None else "both"
            raise _invalid(f"{where}: give one of load and draw", got=got, allowed="exactly one")
        if self.scaling not in get_args(Scaling):
            raise _invalid(f"{where}: unknown scaling", got=self.scaling, allowed=get_args(Scaling))
        sizes = (self.train_size, self.validation_size, self.test_size, *self.input_shape)
        if not self.input_shape or min(sizes) < 1:
            raise _invalid(f"{where}: a size is not positive", got=sizes, allowed="integers >= 1")
        known = (
            set(range(self.input_shape[0])) if len(self.input_shape) == 1 and self.draw else set()
        )
        if self.irrelevant and not set(self.irrelevant) < known:
            allowed = "some inputs of a generated table, counted from 0"
            raise _invalid(f"{where}: irrelevant inputs", got=self.irrelevant, allowed=allowed)
        self._check_task(where)

    def _check_task(self, where: str) -> None:
        if self.task not in get_args(Task):
            raise _invalid(f"{where}: unknown task", got=self.task, allowed=get_args(Task))
        names, target = self.class_names, f"target {self.target_name!r} in {self.target_unit!r}"
        if self.task == "regression":
            if names or not self.target_name:
                got = f"class_names {names}, target_name {self.target_name!r}"
                allowed = "no class names, and a target_name"
                raise _invalid(f"{where}: does not say what it predicts", got=got, allowed=allowed)
        elif self.target_name or self.target_unit:
            what, allowed = f"{where}: classes have no target", "class_names alone"
            raise _invalid(what, got=target, allowed=allowed)
        elif len(set(names)) < max(2, len(names)):
            allowed = "two or more different names"
            raise _invalid(f"{where}: bad class names", got=names, allowed=allowed)

    @property
    def outputs(self) -> int:
        """Model outputs per sample: one per class, or one number."""
        return len(self.class_names) if self.task == "classification" else 1

    @property
    def kind(self) -> Literal["fixed", "generated"]:
        """Whether the data are a fixed set or drawn anew for each seed."""
        return "generated" if self.load is None else "fixed"


def check_arrays(dataset: Dataset, arrays: Arrays, *, name: str) -> None:
    """Check samples against their dataset's description; errors call them ``name``, such as ``trainval``.

    Raises NnbenchError for a wrong shape or type, values that are not finite, labels out of range, a class
    without samples, or constant regression targets.
    """
    check_samples(dataset, arrays, name=name)
    where, labels = f"dataset {dataset.name!r}, {name}", arrays.labels
    if dataset.task == "classification":
        present, classes = np.unique(labels), len(dataset.class_names)
        if len(present) < classes:
            allowed = f"each of 0 ... {classes - 1} at least once"
            raise _invalid(f"{where}: a class is empty", got=present.tolist(), allowed=allowed)
    elif len(labels) > 1 and (labels == labels[0]).all():
        what, allowed = f"{where}: targets are all the same", "two or more different values"
        raise _invalid(what, got=labels[0], allowed=allowed)


def check_samples(dataset: Dataset, arrays: Arrays, *, name: str) -> None:
    """Check what holds of a single sample too.

    Raises NnbenchError for a wrong shape or type, values that are not finite, or labels out of range.
    """
    where = f"dataset {dataset.name!r}, {name}"
    shape, labels = arrays.inputs.shape[1:], arrays.labels
    if shape != dataset.input_shape:
        raise _invalid(f"{where}: wrong input shape", got=shape, allowed=dataset.input_shape)
    _check_finite(arrays.inputs, f"{where}: inputs")
    if str(labels.dtype) != (allowed := LABEL_TYPES[dataset.task]):
        what = f"{where}: labels have the wrong type for {dataset.task}"
        raise _invalid(what, got=labels.dtype, allowed=allowed)
    _check_finite(labels, f"{where}: targets")
    last = len(dataset.class_names) - 1
    if dataset.task == "classification" and ((labels < 0) | (labels > last)).any():
        got = np.unique(labels).tolist()
        raise _invalid(f"{where}: labels out of range", got=got, allowed=f"0 ... {last}")


def _check_finite(values: Inputs | Labels | Targets, what: str) -> None:
    if not np.isfinite(values).all():
        raise _invalid(f"{what} are not finite", got="NaN or infinity", allowed="finite values")


def check_pools(dataset: Dataset, pools: Pools) -> None:
    """Check a fixed split against its dataset's description.

    Raises NnbenchError as ``check_arrays`` does, or if the default sizes do not fit the split.
    """
    check_arrays(dataset, pools.trainval, name="trainval")
    check_arrays(dataset, pools.test, name="test")
    wanted = dataset.train_size + dataset.validation_size
    if wanted > len(pools.trainval) or dataset.test_size != len(pools.test):
        raise _invalid(
            f"dataset {dataset.name!r}: default sizes do not fit the data",
            got=f"train + validation {wanted}, test {dataset.test_size}",
            allowed=f"at most {len(pools.trainval)}, exactly {len(pools.test)}",
        )


def _invalid(what: str, *, got: object, allowed: object) -> NnbenchError:
    allowed = ", ".join(map(str, allowed)) if isinstance(allowed, tuple) else allowed
    todo = "correct the file that defines the dataset"
    return NnbenchError(what, got=got, allowed=allowed, todo=todo)
