"""What own data tell about themselves: what a reader should know before a number of theirs is believed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nnbench.datasets.base import Inputs, Labels, Targets
from nnbench.datasets.own.classes import near_twins
from nnbench.datasets.own.columns import column_notes
from nnbench.datasets.own.common import OwnData, Samples, check_inputs, first_few
from nnbench.datasets.own.description import (
    content_fingerprint,
    dataset_at,
    divided,
    naming,
    read_description,
)
from nnbench.datasets.own.groups import equal_inputs
from nnbench.datasets.prepared.told import Told

MOST_COLUMNS = 10  # that a plan and a report name one by one


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Read:
    """All samples: those outside the test set, and the test set."""

    spec: OwnData
    samples: Samples
    inputs: Inputs
    labels: Labels | Targets
    in_test: npt.NDArray[np.bool_]  # (N,)


def notes_of(path: Path) -> tuple[str, ...]:
    """What a reader should know of the data that a YAML file describes, a sentence each.

    Images are not read for it. Raises NnbenchError if the data cannot be used.
    """
    return _told(path, content_fingerprint(path), images=False, most=MOST_COLUMNS)[1].notes


def all_notes_of(path: Path) -> tuple[str, ...]:
    """``notes_of``, those on further columns, and those that need all images to be read."""
    return _told(path, content_fingerprint(path), images=True, most=None)[1].notes


def summary_of(path: Path) -> str:
    """How many samples there are, and of which classes, or from what to what: a line of a plan."""
    return _told(path, content_fingerprint(path), images=False, most=MOST_COLUMNS)[0]


def told_of(path: Path) -> Told:
    """What is kept beside the prepared data, for the report; NnbenchError as in ``notes_of``."""
    return _told(path, content_fingerprint(path), images=True, most=MOST_COLUMNS)[1]


@cache
def _told(path: Path, _content: str, *, images: bool, most: int | None) -> tuple[str, Told]:
    """The summary, and the rest, by one look at the data."""
    spec, data = read_description(path)
    with naming(data):
        samples = spec.samples(data)
        flat = len(samples.input_shape) == 1
        read = _read(spec, samples) if flat or images else None
    notes = [*samples.notes, *_twin_notes(samples.class_names)]
    if read:
        notes += [*(_about_columns(read, most) if flat else ()), *_duplicate_notes(read)]
    order = _order(samples.labels[0]) if samples.class_names else ""
    return _summary(samples, order), Told(order=order, notes=tuple(notes))


def _summary(samples: Samples, order: str) -> str:
    labels = _labels(samples)
    if not samples.class_names:
        return f"{len(labels):,} samples, {_range(samples, labels)}"
    counts = np.bincount(labels.astype(np.int64)).tolist()
    named = [f"{name} {count:,}" for name, count in zip(samples.class_names, counts, strict=True)]
    return f"{len(labels):,} samples: {first_few(named)}; {order}"


def facts_of(path: Path) -> Iterator[tuple[str, str]]:
    """What the data are: (what, how many or which), for ``nnbench check``."""
    dataset = dataset_at(path)
    spec, data = read_description(path)
    samples = spec.samples(data)
    read = _read(spec, samples)
    yield "samples", f"{len(read.labels):,}"
    yield (
        "split",
        f"{dataset.train_size:,} train, {dataset.validation_size:,} validation, {dataset.test_size:,} test",
    )
    yield "inputs", " x ".join(map(str, samples.input_shape)) + _named(samples.columns)
    if not samples.class_names:
        yield "target", _range(samples, read.labels)
        return
    counts = np.bincount(read.labels.astype(np.int64)).tolist()
    yield "classes", f"{len(counts)}, by label:"
    for label, (name, count) in enumerate(zip(samples.class_names, counts, strict=True)):
        yield f"  {label}", f"{name}, {count:,} samples ({count / len(read.labels):.1%})"
    yield "order", _order(samples.labels[0])


def _range(samples: Samples, numbers: Labels | Targets) -> str:
    name, unit = samples.target
    return f"{name}, {numbers.min():g} to {numbers.max():g}{f' in {unit}' if unit else ''}"


def _read(spec: OwnData, samples: Samples) -> _Read:
    sets = samples.read()
    for inputs, where in zip(sets, ("", " in the test set"), strict=False):
        check_inputs(inputs, where=where)
    rows = len(samples.labels[0])
    in_test = np.arange(sum(map(len, samples.labels))) >= rows
    if len(sets) == 1:
        in_test[divided(spec, samples)[1]] = True
    return _Read(
        spec=spec,
        samples=samples,
        inputs=np.concatenate(sets),  # type: ignore[arg-type]  # both sets are of one type
        labels=_labels(samples),
        in_test=in_test,
    )


def _labels(samples: Samples) -> Labels | Targets:
    """Those of both sets, which are of one type."""
    return np.concatenate(samples.labels)  # type: ignore[return-value]


def _about_columns(read: _Read, most: int | None) -> Iterator[str]:
    names = read.samples.columns or [f"number {n}" for n in range(read.inputs.shape[1])]
    values = read.inputs.astype(np.float32)
    found = list(column_notes(values, names, read.labels))
    yield from found[:most]
    if most is not None and len(found) > most:
        yield f"{len(found) - most} more such columns: `nnbench check` names them all"


def _twin_notes(names: Sequence[str]) -> list[str]:
    return [
        f"the classes {' and '.join(map(repr, group))} differ in how they are written alone: "
        "they may be one class"
        for group in near_twins(names)
    ]


def _duplicate_notes(read: _Read) -> Iterator[str]:
    """How many samples have the same inputs, in all, across the split, and with another label."""
    groups = equal_inputs(read.inputs)
    counts = np.bincount(groups)
    twins = counts[groups] > 1
    if not twins.any():
        return
    outside = np.bincount(groups, weights=~read.in_test) > 0
    across = int((read.in_test & outside[groups]).sum())
    pairs = np.unique(
        np.column_stack([groups, np.unique(read.labels, return_inverse=True)[1]]), axis=0
    )
    torn = int((np.bincount(pairs[:, 0])[groups] > 1).sum())
    yield (
        f"{int(twins.sum()):,} of {len(groups):,} samples have the inputs of another one; "
        f"{across:,} of the {int(read.in_test.sum()):,} test samples have them of one outside the test set"
        + (
            ""
            if read.spec.duplicates or not across
            else " (duplicates: keep together splits by groups)"
        )
        + (f"; {torn:,} share them with another label" if torn else "")
    )


def _order(labels: Labels | Targets) -> str:
    runs = 1 + int((np.diff(labels) != 0).sum())
    if runs == len(np.unique(labels)):
        return "the samples are sorted by class: a number that counts them tells the class"
    return f"the class changes {runs - 1:,} times from one sample to the next"


def _named(columns: Sequence[str]) -> str:
    return f": {first_few(columns)}" if columns else ""
