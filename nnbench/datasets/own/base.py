"""What all formats of a user's own data share: the keys of their YAML file, and what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from nnbench.datasets.base import Arrays, Labels, Scaling, Targets
from nnbench.errors import NnbenchError
from nnbench.schema import Strict, is_name

SHOWN = 5  # problems of one kind that an error spells out
LONGEST_CLASS = 100  # characters of its name
LEAST_PER_CLASS = 3  # one sample each for training, validation and test
LEAST_NUMBERS = 10  # as many as are divided together, see ``splits.STRATUM``

Size = Annotated[int, Field(ge=1, le=10**9)]


class OwnData(Strict):
    """The keys of every format."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=60)]
    """The name in results and folders: letters, digits and _; no registered dataset's."""
    title: str
    """The name in the report."""
    source: str
    """Where the data come from."""
    licence: str
    path: str
    """The data, relative to the YAML file."""
    train_size: Size | None = None
    """Training samples of each block; None: all that are not used otherwise."""
    validation_size: Size | None = None
    """None: a fifth of what is not in the test set."""
    test_share: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Share of each class that is kept for the test; None: 0.3, or the data have a test part."""
    scaling: Scaling | None = None
    """One mean and deviation for all values, or for each feature; None: ``global`` for images."""
    split_seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Of the division into pool and test set."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outline:
    """What a plan needs to know of the data.

    Attributes:
        input_shape: Of one sample.
        class_names: By label; () for regression.
        labels: ``(N,)`` of all samples but those of a test part.
        test_labels: ``(M,)`` of the test part; None where there is none.
    """

    input_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    labels: Labels | Targets
    test_labels: Labels | Targets | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """All that was read: the samples, those of the test part if there is one, and their classes."""

    train: Arrays
    test: Arrays | None
    class_names: tuple[str, ...]

    def outline(self) -> Outline:
        """What a plan needs to know of them."""
        return Outline(
            input_shape=self.train.inputs.shape[1:],
            class_names=self.class_names,
            labels=self.train.labels,
            test_labels=None if self.test is None else self.test.labels,
        )


def wrong_data(
    path: Path, what: str, *, got: object = None, allowed: object = None, todo: str
) -> NnbenchError:
    """The error for own data that cannot be used; ``path`` is where they lie."""
    return NnbenchError(f"{path}: {what}", got=got, allowed=allowed, todo=todo)


def first_few(items: Sequence[str]) -> str:
    """The first five items, and how many more there are."""
    more = f", and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + more


def check_names(path: Path, class_names: Sequence[str]) -> None:
    """See that class names can be printed, as levels and in reports they are.

    Raises:
        NnbenchError: One is empty or too long, or has control characters or bytes that are no text.
    """
    odd = [name for name in class_names if not is_name(name, most=LONGEST_CLASS)]
    if odd:
        raise wrong_data(
            path,
            f"{len(odd)} class names cannot be printed",
            got=first_few([ascii(name[:LONGEST_CLASS]) for name in odd]),
            allowed=f"1 to {LONGEST_CLASS} printable characters",
            todo="rename these classes",
        )


def check_sizes(path: Path, outline: Outline) -> None:
    """See that there is enough for training, validation and test, of every class.

    Raises:
        NnbenchError: There is one class only, a class is too small, or there are too few numbers.
    """
    if outline.labels.dtype == np.int64:
        _check_classes(path, outline)
    elif len(outline.labels) < LEAST_NUMBERS:
        raise wrong_data(
            path,
            "too few samples",
            got=len(outline.labels),
            allowed=f"at least {LEAST_NUMBERS}",
            todo="add samples",
        )


def _check_classes(path: Path, outline: Outline) -> None:
    if len(outline.class_names) < 2:
        raise wrong_data(
            path,
            "there is nothing to tell apart",
            got=f"one class: {', '.join(map(repr, outline.class_names))}",
            allowed="two or more classes",
            todo="add samples of another class",
        )
    least = LEAST_PER_CLASS if outline.test_labels is None else LEAST_PER_CLASS - 1
    _check_part(path, outline, outline.labels, least=least, part="")
    if outline.test_labels is not None:
        _check_part(path, outline, outline.test_labels, least=1, part=" in the test part")


def _check_part(
    path: Path, outline: Outline, labels: Labels | Targets, *, least: int, part: str
) -> None:
    counts = np.bincount(labels.astype(np.int64), minlength=len(outline.class_names)).tolist()
    few = [
        f"{name!r} {count}"
        for name, count in zip(outline.class_names, counts, strict=True)
        if count < least
    ]
    if few:
        raise wrong_data(
            path,
            f"too few samples of a class{part}",
            got=first_few(few),
            allowed=f"at least {least} of each class{part}",
            todo="add samples, or remove the class"
            + (
                "; if the labels are numbers, set task: regression"
                if _like_numbers(outline)
                else ""
            ),
        )


def _like_numbers(outline: Outline) -> bool:
    """Whether nearly every sample is a class of its own."""
    return 2 * len(outline.class_names) > len(outline.labels)
