"""A user's own arrays: an npz file with ``inputs`` and ``labels``, and perhaps a test part.

``uint8`` inputs stand for ``value / 255``; all other numbers for themselves, as float32. Images are
channel first, ``(N, 3, height, width)``. No pickled object is ever loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from nnbench.datasets.base import Arrays, Inputs, Labels, Targets, Task
from nnbench.datasets.own.base import SHOWN, Outline, OwnData, Samples, wrong_data
from nnbench.datasets.prepared.files import read_npz

REQUIRED = ("inputs", "labels")
OPTIONAL = ("test_inputs", "test_labels")

Array = npt.NDArray[Any]


class NpzData(OwnData):
    """Arrays in an npz file, as ``numpy.savez`` writes it."""

    format: Literal["npz"]
    task: Task = "classification"
    class_names: tuple[str, ...] = ()
    """In the order of the labels; (): the labels themselves."""
    target_name: str = "target"
    """Regression: what the labels are."""
    target_unit: str = ""
    """Regression: their unit."""
    relabel: bool = False
    """Number the labels that occur 0, 1, … in their order."""


def outline_npz(spec: NpzData, path: Path) -> Outline:
    """What a plan needs to know; reads the whole file.

    Raises:
        NnbenchError: See ``read_npz_data``.
    """
    return read_npz_data(spec, path).outline()


def read_npz_data(spec: NpzData, path: Path) -> Samples:
    """Read inputs ``(N, *shape)`` and labels ``(N,)``.

    Raises:
        NnbenchError: The file is damaged, lacks an array, or an array has the wrong type, shape or
            values.
    """
    arrays = _arrays(path)
    prefixes = ("", "test_") if "test_inputs" in arrays else ("",)
    inputs = [_inputs(path, f"{prefix}inputs", arrays[f"{prefix}inputs"]) for prefix in prefixes]
    raw = [_raw_labels(path, f"{prefix}labels", arrays[f"{prefix}labels"]) for prefix in prefixes]
    _check_shapes(path, inputs, raw)
    names: tuple[str, ...] = ()
    labels: Sequence[Labels | Targets]
    if spec.task == "regression":
        labels = [_targets(path, values) for values in raw]
    else:
        names, labels = _classes(spec, path, raw)
    parts = [Arrays(inputs=i, labels=v) for i, v in zip(inputs, labels, strict=True)]
    return Samples(train=parts[0], test=parts[1] if parts[1:] else None, class_names=names)


def _arrays(path: Path) -> dict[str, Array]:
    try:
        arrays = read_npz(path.read_bytes())
    except (OSError, ValueError) as error:
        raise wrong_data(
            path,
            "cannot be read as an npz file of plain arrays",
            got=error,
            todo="write it with numpy.savez(path, inputs=..., labels=...)",
        ) from error
    missing = [name for name in REQUIRED if name not in arrays]
    if len(set(OPTIONAL) & set(arrays)) == 1:
        missing += [name for name in OPTIONAL if name not in arrays]
    unknown = sorted(set(arrays) - {*REQUIRED, *OPTIONAL})
    if missing or unknown:
        what = f"lacks {', '.join(missing)}" if missing else f"has unknown {', '.join(unknown)}"
        raise wrong_data(
            path,
            what,
            got=", ".join(sorted(arrays)) or "no array",
            allowed=f"{', '.join(REQUIRED)}; and for a test part {', '.join(OPTIONAL)}",
            todo="write it with numpy.savez(path, inputs=..., labels=...)",
        )
    return arrays


def _inputs(path: Path, name: str, array: Array) -> Inputs:
    if array.dtype.kind not in "fiu" or array.ndim < 2 or array.size == 0:
        raise wrong_data(
            path,
            f"{name} have the wrong type or shape",
            got=f"{array.dtype} {array.shape}",
            allowed="numbers (N, ...), N at least 1",
            todo="give each sample one or more numbers",
        )
    if array.ndim == 4 and array.shape[3] in (1, 3) and array.shape[1] not in (1, 3):
        raise wrong_data(
            path,
            f"{name} look like images with the channel last",
            got=array.shape,
            allowed="(N, channels, height, width)",
            todo="write inputs.transpose(0, 3, 1, 2)",
        )
    if array.dtype == np.uint8:
        return array
    with np.errstate(over="ignore"):
        values = array.astype(np.float32)
    _check_finite(path, name, values)
    return values


def _check_finite(path: Path, name: str, values: Targets) -> None:
    good = np.isfinite(values)
    if not good.all():
        first = tuple(map(int, np.argwhere(~good)[0]))
        raise wrong_data(
            path,
            f"{name} have values that are not finite in float32",
            got=f"{good.size - int(good.sum())} of {good.size}, the first at {first}",
            allowed="no NaN, no infinity, nothing beyond 3.4e38",
            todo="remove these samples or fill the values in",
        )


def _raw_labels(path: Path, name: str, array: Array) -> Array:
    if array.ndim != 1:
        raise wrong_data(
            path,
            f"{name} have the wrong shape",
            got=array.shape,
            allowed="(N,): one label a sample",
            todo="write one number for each sample, no one-hot rows",
        )
    return array


def _check_shapes(path: Path, inputs: list[Inputs], labels: list[Array]) -> None:
    for values, names in zip(inputs, labels, strict=True):
        if len(values) != len(names):
            raise wrong_data(
                path,
                "inputs and labels differ in length",
                got=f"{len(values)} inputs, {len(names)} labels",
                todo="write one label for each input",
            )
    kinds = {(str(values.dtype), values.shape[1:]) for values in inputs}
    if len(kinds) > 1:
        raise wrong_data(
            path,
            "the test part has another type or shape of inputs",
            got=" and ".join(f"{kind} {shape}" for kind, shape in sorted(kinds)),
            todo="make both the same",
        )


def _targets(path: Path, array: Array) -> Targets:
    if array.dtype.kind not in "fiu":
        raise wrong_data(
            path,
            "labels are no numbers",
            got=array.dtype,
            allowed="numbers, for task: regression",
            todo="write numbers, or set task: classification",
        )
    with np.errstate(over="ignore"):
        values: Targets = array.astype(np.float32)
    _check_finite(path, "labels", values)
    return values


def _classes(spec: NpzData, path: Path, raw: list[Array]) -> tuple[tuple[str, ...], list[Labels]]:
    """Class names, and the labels of each part numbered from 0 without a gap."""
    if any(array.dtype.kind not in "iu" for array in raw):
        raise wrong_data(
            path,
            "labels are no whole numbers",
            got=", ".join(str(array.dtype) for array in raw),
            allowed="integers 0, 1, …",
            todo="number the classes, or set task: regression",
        )
    # part by part: numpy makes floats of int64 and uint64 together
    found = sorted({label for array in raw for label in np.unique(array).tolist()})
    if not spec.relabel and found != list(range(len(found))):
        raise wrong_data(
            path,
            "labels do not start at 0 or leave a gap",
            got=_few(found),
            allowed="0, 1, … without a gap",
            todo="number them so, or set relabel: true",
        )
    if spec.class_names and len(spec.class_names) != len(found):
        raise wrong_data(
            path,
            "class_names and labels differ in number",
            got=f"{len(spec.class_names)} names, {len(found)} labels ({_few(found)})",
            todo="name every class, or remove class_names",
        )
    names = spec.class_names or tuple(map(str, found))
    return names, [np.searchsorted(found, array).astype(np.int64) for array in raw]


def _few(found: list[int]) -> str:
    return ", ".join(map(str, found[: 2 * SHOWN])) + (", …" if len(found) > 2 * SHOWN else "")
