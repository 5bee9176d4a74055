"""What all formats of a user's own data share: the keys of their YAML file, and what is read.

Errors here and in the formats do not name the data's path: ``description`` adds it, once for all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from nnbench.datasets.base import Dataset, Inputs, Labels, Rows, Scaling, Targets
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

    # in results and folders: letters, digits and _; not that of a registered dataset
    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=60)]
    title: str  # in the report
    source: str  # where the data come from
    licence: str
    path: str  # of the data, relative to the YAML file
    train_size: Size | None = None  # per run; None: all that neither validation nor test uses
    validation_size: Size | None = None  # None: a fifth of what is not in the test set
    # of each class, kept for the test; None: 0.3, unless the data have a test set
    test_share: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    # one mean and deviation for all values, or for each feature; None: ``global`` for images
    scaling: Scaling | None = None
    # of the division into pool and test set
    split_seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    # samples with the same inputs go to the pool or to the test set as one; None: they are only named
    duplicates: Literal["keep together"] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """What the data hold: one set of samples, or two if they have a test set of their own."""

    input_shape: tuple[int, ...]  # of one sample
    class_names: tuple[str, ...]  # by label; () for regression
    labels: Sequence[Labels | Targets]  # (N,) of each set
    target: tuple[str, str]  # name and unit of what is predicted, if that is a number
    read: Callable[[], Sequence[Inputs]]  # (N, *input_shape) of each set; a plan needs none
    columns: tuple[str, ...] = ()  # names of a table's features
    groups: Rows | None = (
        None  # (N,): samples of the same number stay together; None: each for itself
    )
    notes: tuple[str, ...] = ()  # what became of the values, for the user


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDataset(Dataset):
    """A dataset of which the plan knows how many samples of each class there are."""

    pool_counts: tuple[int, ...]  # by label, outside the test set; () for regression


def first_few(items: Sequence[str]) -> str:
    """The first five items, and how many more there are."""
    more = f", and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return ", ".join(items[:SHOWN]) + more


def check_samples(samples: Samples) -> None:
    """Check that classes can be named, and that training, validation and test each get samples.

    Raises NnbenchError if the name of a class cannot be printed, there is one class only, a class is too
    small, or there are too few numbers.
    """
    names = samples.class_names
    if odd := [name for name in names if not is_name(name, most=LONGEST_CLASS)]:
        raise NnbenchError(
            f"{len(odd)} class names cannot be printed",
            got=first_few([ascii(name[:LONGEST_CLASS]) for name in odd]),
            allowed=f"1 to {LONGEST_CLASS} printable characters",
            todo="rename these classes",
        )
    if len(names) == 1:
        got, todo = f"one class: {names[0]!r}", "add samples of another class"
        what, allowed = "there is nothing to tell apart", "two or more classes"
        raise NnbenchError(what, got=got, allowed=allowed, todo=todo)
    if names:
        _check_counts(samples)
    elif (count := len(samples.labels[0])) < LEAST_NUMBERS:
        allowed = f"at least {LEAST_NUMBERS}"
        raise NnbenchError("too few samples", got=count, allowed=allowed, todo="add samples")


def check_inputs(inputs: Inputs, *, where: str) -> None:
    """Raise NnbenchError if all samples have the same inputs: what is trained on them is chance."""
    if len(inputs) > 1 and (inputs == inputs[:1]).all():
        raise NnbenchError(
            f"the inputs do not vary{where}",
            got=f"{len(inputs)} samples with the same {inputs[0].size} values each",
            allowed="samples that differ",
            todo="check how the data were written, and the keys that choose what is read of them",
        )


def _check_counts(samples: Samples) -> None:
    names = samples.class_names
    # nearly every sample has a class of its own
    like_numbers = 2 * len(names) > len(samples.labels[0])
    hint = "; if the labels are numbers, set task: regression" if like_numbers else ""
    own_test = len(samples.labels) > 1
    leasts = (LEAST_PER_CLASS - 1, 1) if own_test else (LEAST_PER_CLASS,)
    for labels, least, where in zip(samples.labels, leasts, ("", " in the test set"), strict=False):
        counts = np.bincount(labels.astype(np.int64), minlength=len(names)).tolist()
        few = [f"{name!r} {n}" for name, n in zip(names, counts, strict=True) if n < least]
        if few:
            raise NnbenchError(
                f"too few samples of a class{where}",
                got=first_few(few),
                allowed=f"at least {least} of each class{where}",
                todo=f"add samples, or remove the class{hint}",
            )
