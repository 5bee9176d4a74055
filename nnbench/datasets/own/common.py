"""What all formats of a user's own data share: the keys of their YAML file, and what is read.

Errors here and in the formats do not name the data's path: ``description`` adds it, once for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from nnbench.datasets.base import Arrays, Labels, Scaling, Targets
from nnbench.datasets.splits import STRATUM
from nnbench.errors import NnbenchError
from nnbench.schema import Strict, is_name

SHOWN = 5  # problems of one kind that an error lists
LONGEST_CLASS = 100  # characters of its name
LEAST_PER_CLASS = 3  # one sample each for training, validation and test
LEAST_NUMBERS = STRATUM  # one group that is divided between pool and test set

Size = Annotated[int, Field(ge=1, le=10**9)]


class OwnData(Strict):
    """The keys of every format."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=60)]
    """The name in results and folders: letters, digits and _; not that of a registered dataset."""
    title: str
    """The name in the report."""
    source: str
    """Where the data come from."""
    licence: str
    path: str
    """The data, relative to the YAML file."""
    train_size: Size | None = None
    """Training samples per run; None: all that neither validation nor test uses."""
    validation_size: Size | None = None
    """None: a fifth of what is not in the test set."""
    test_share: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Share of each class that is kept for the test; None: 0.3, unless the data have a test set."""
    scaling: Scaling | None = None
    """One mean and deviation for all values, or for each feature; None: ``global`` for images."""
    split_seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Seed of the division into pool and test set."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outline:
    """What a plan needs to know about the data.

    Attributes:
        input_shape: Of one sample.
        class_names: By label; () for regression.
        labels: ``(N,)`` of all samples outside a test set.
        test_labels: ``(M,)`` of the test set; None if the data have none.
    """

    input_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    labels: Labels | Targets
    test_labels: Labels | Targets | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """What was read: samples, those of a separate test set if the data have one, and classes."""

    train: Arrays
    test: Arrays | None
    class_names: tuple[str, ...]

    def outline(self) -> Outline:
        """What a plan needs to know about the samples."""
        return Outline(
            input_shape=self.train.inputs.shape[1:],
            class_names=self.class_names,
            labels=self.train.labels,
            test_labels=None if self.test is None else self.test.labels,
        )


def first_few(items: Sequence[str]) -> str:
    """The first five items, and how many more there are."""
    more = f", and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + more


def check_outline(outline: Outline) -> None:
    """Check that classes can be named, and that training, validation and test each get samples.

    Raises:
        NnbenchError: The name of a class cannot be printed, there is one class only, a class is too
            small, or there are too few numbers.
    """
    odd = [name for name in outline.class_names if not is_name(name, most=LONGEST_CLASS)]
    if odd:
        raise NnbenchError(
            f"{len(odd)} class names cannot be printed",
            got=first_few([ascii(name[:LONGEST_CLASS]) for name in odd]),
            allowed=f"1 to {LONGEST_CLASS} printable characters",
            todo="rename these classes",
        )
    if outline.labels.dtype == np.int64:
        _check_classes(outline)
    elif (count := len(outline.labels)) < LEAST_NUMBERS:
        allowed = f"at least {LEAST_NUMBERS}"
        raise NnbenchError("too few samples", got=count, allowed=allowed, todo="add samples")


def _check_classes(outline: Outline) -> None:
    if len(outline.class_names) < 2:
        raise NnbenchError(
            "there is nothing to tell apart",
            got=f"one class: {', '.join(map(repr, outline.class_names))}",
            allowed="two or more classes",
            todo="add samples of another class",
        )
    if outline.test_labels is None:
        _check_counts(outline, outline.labels, least=LEAST_PER_CLASS)
        return
    _check_counts(outline, outline.labels, least=LEAST_PER_CLASS - 1)
    _check_counts(outline, outline.test_labels, least=1, where=" in the test set")


def _check_counts(
    outline: Outline, labels: Labels | Targets, *, least: int, where: str = ""
) -> None:
    counts = np.bincount(labels.astype(np.int64), minlength=len(outline.class_names)).tolist()
    named = zip(outline.class_names, counts, strict=True)
    few = [f"{name!r} {count}" for name, count in named if count < least]
    # nearly every sample has a class of its own
    like_numbers = 2 * len(outline.class_names) > len(outline.labels)
    hint = "; if the labels are numbers, set task: regression" if like_numbers else ""
    if few:
        raise NnbenchError(
            f"too few samples of a class{where}",
            got=first_few(few),
            allowed=f"at least {least} of each class{where}",
            todo=f"add samples, or remove the class{hint}",
        )
