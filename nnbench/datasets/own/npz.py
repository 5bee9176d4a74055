"""A user's own arrays: an npz file with ``inputs`` and ``labels``, and perhaps a test set.

``uint8`` inputs stand for ``value / 255``; all other numbers for themselves, as float32. Images become
channel first, ``(N, 3, height, width)``, whatever is in the file; four channels are four, the last one no
transparency. No pickled object is ever loaded.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from nnbench.datasets.base import Inputs, Labels, Targets, Task
from nnbench.datasets.own.common import SHOWN, OwnData, Samples
from nnbench.datasets.own.precision import check_whole, moved, targets
from nnbench.datasets.prepared.files import Array, read_npz
from nnbench.errors import NnbenchError

REQUIRED = ("inputs", "labels")
OPTIONAL = ("test_inputs", "test_labels")
MOST_CHANNELS = 4  # of an image, as a rule: red, green, blue, transparency
_WRITE = "write it with numpy.savez(path, inputs=..., labels=...)"
LABEL_TYPES: Mapping[Task, tuple[str, str, str, str]] = {
    # numpy's kinds; and of an error: what the labels are, what is allowed, the next step
    "classification": (
        *("iu", "no whole numbers", "integers 0, 1, …"),
        "number the classes, or set task: regression",
    ),
    "regression": (
        *("fiu", "no numbers", "numbers, for task: regression"),
        "write numbers, or set task: classification",
    ),
}


class NpzData(OwnData):
    """Arrays in an npz file, as ``numpy.savez`` writes it."""

    format: Literal["npz"]
    task: Task = "classification"
    class_names: tuple[str, ...] = ()  # in the order of the labels; (): the labels themselves
    target_name: str = "target"  # of a regression: what the labels are
    target_unit: str = ""
    relabel: bool = False  # renumber the labels that occur as 0, 1, … in their order
    # where the channels of images stand; None: first, which their shape must show
    channels: Literal["first", "last"] | None = None

    def samples(self, path: Path) -> Samples:
        """Inputs ``(N, *shape)``, and classes or targets.

        Raises NnbenchError if the file is damaged, lacks an array, or an array has the wrong type, shape or
        values.
        """
        arrays = _arrays(path)
        sets = ("", "test_") if "test_inputs" in arrays else ("",)
        inputs = [_inputs(self, f"{name}inputs", arrays[f"{name}inputs"]) for name in sets]
        raw = [arrays[f"{name}labels"] for name in sets]
        for name, values, array in zip(sets, inputs, raw, strict=True):
            _check_length(f"{name}labels", array, wanted=len(values))
        if len(kinds := {f"{_used_as(values)} {values.shape[1:]}" for values in inputs}) > 1:
            what, got = "the test set has another type or shape of inputs", sorted(kinds)
            raise NnbenchError(what, got=" and ".join(got), todo="make both the same")
        names, labels = _labels(self, raw)
        used, notes = _values(self, inputs)
        return Samples(
            input_shape=used[0].shape[1:],
            class_names=names,
            labels=labels,
            target=(self.target_name, self.target_unit),
            read=lambda: used,
            notes=notes,
        )


def _arrays(path: Path) -> dict[str, Array]:
    try:
        arrays = read_npz(path.read_bytes())
    except (OSError, ValueError) as error:
        what = "cannot be read as an npz file of plain arrays"
        raise NnbenchError(what, got=error, todo=_WRITE) from error
    wanted = REQUIRED if arrays.keys().isdisjoint(OPTIONAL) else REQUIRED + OPTIONAL
    missing = [name for name in wanted if name not in arrays]
    unknown = sorted(arrays.keys() - {*REQUIRED, *OPTIONAL})
    if missing or unknown:
        raise NnbenchError(
            f"lacks {', '.join(missing)}" if missing else f"has unknown {', '.join(unknown)}",
            got=", ".join(sorted(arrays)) or "no array",
            allowed=f"{', '.join(REQUIRED)}; and for a test set {', '.join(OPTIONAL)}",
            todo=_WRITE,
        )
    return arrays


def _inputs(spec: NpzData, name: str, array: Array) -> Array:
    """Finite inputs, of images the channel first, in the file's own type."""
    if array.dtype.kind not in "fiu" or array.ndim < 2 or array.size == 0:
        raise NnbenchError(
            f"{name} have the wrong type or shape",
            got=f"{array.dtype} {array.shape}",
            allowed="numbers (N, ...), N at least 1",
            todo="give each sample one or more numbers",
        )
    if array.ndim == 4 or spec.channels:
        array = _channels_first(name, array, spec.channels)
    _check_finite(name, array)
    return array


def _values(spec: NpzData, inputs: Sequence[Array]) -> tuple[Sequence[Inputs], tuple[str, ...]]:
    """The inputs of all sets as they are used, and what became of them; NnbenchError as in ``precision``."""
    if _used_as(inputs[0]) == "uint8":
        return list(inputs), ()
    wide = np.concatenate(inputs).astype(np.float64)
    if wide.ndim == 4 and spec.scaling != "feature":
        check_whole(wide, "the inputs")
        return [array.astype(np.float32) for array in inputs], ()
    flat = wide.reshape(len(wide), -1)
    names = [f"number {n}" for n in range(flat.shape[1])]
    found, notes = moved(flat, names, one_scale=spec.scaling == "global")
    return np.split(found.reshape(wide.shape), [len(inputs[0])])[: len(inputs)], notes


def _used_as(array: Array) -> str:
    return "uint8" if array.dtype == np.uint8 else "float32"


def _channels_first(name: str, array: Array, channels: str | None) -> Array:
    """Images ``(N, channels, height, width)``; an error if neither a key nor their shape says what is what."""
    if array.ndim != 4:
        what, allowed = f"{name} are no images, and have no channels", "(N, …) with 4 axes"
        raise NnbenchError(what, got=array.shape, allowed=allowed, todo="remove `channels`")
    found = {channels} if channels else _plausible(*array.shape[1:])
    if len(found) != 1:
        raise NnbenchError(
            f"{name} may have the channel first or last",
            got=array.shape,
            allowed="(N, channels, height, width), or (N, height, width, channels)",
            todo="set channels: first or channels: last",
        )
    if channels is None and found == {"last"}:
        raise NnbenchError(
            f"{name} look like images with the channel last",
            got=array.shape,
            allowed="(N, channels, height, width), unless channels: last is set",
            todo="set channels: last, or channels: first if they are no such images",
        )
    return np.ascontiguousarray(np.moveaxis(array, 3, 1)) if found == {"last"} else array


def _plausible(first: int, middle: int, last: int) -> set[str]:
    """Where the channels may stand: most images are square, and most have few channels."""
    if (middle == last) != (first == middle):
        return {"first"} if middle == last else {"last"}
    few = {"first": first <= MOST_CHANNELS, "last": last <= MOST_CHANNELS}
    return {place for place, plausible in few.items() if plausible}


def _check_finite(name: str, array: Array) -> None:
    with np.errstate(over="ignore"):
        values = array.astype(np.float32)
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        raise NnbenchError(
            f"{name} have values that are not finite in float32",
            got=f"{len(bad)} of {values.size}, the first at {tuple(bad[0].tolist())}",
            allowed="no NaN, no infinity, nothing beyond 3.4e38",
            todo="remove these samples or fill the values in",
        )


def _check_length(name: str, array: Array, *, wanted: int) -> None:
    if array.ndim != 1:
        raise NnbenchError(
            f"{name} have the wrong shape",
            got=array.shape,
            allowed="(N,): one label per sample",
            todo="write one number for each sample, no one-hot rows",
        )
    if len(array) != wanted:
        got, todo = f"{wanted} inputs, {len(array)} labels", "write one label for each input"
        raise NnbenchError("inputs and labels differ in length", got=got, todo=todo)


def _labels(
    spec: NpzData, raw: Sequence[Array]
) -> tuple[tuple[str, ...], Sequence[Labels | Targets]]:
    """Class names, and the labels of each set: numbered from 0 without a gap, or targets."""
    kinds, what, allowed, todo = LABEL_TYPES[spec.task]
    if any(array.dtype.kind not in kinds for array in raw):
        got = ", ".join(str(array.dtype) for array in raw)
        raise NnbenchError(f"labels are {what}", got=got, allowed=allowed, todo=todo)
    if spec.task == "regression":
        for array in raw:
            _check_finite("labels", array)
        return (), [targets(array.astype(np.float64), spec.target_name) for array in raw]
    # each array by itself: numpy makes floats of int64 and uint64 together
    found = sorted({label for array in raw for label in np.unique(array).tolist()})
    shown = ", ".join(map(str, found[: 2 * SHOWN])) + (", …" if len(found) > 2 * SHOWN else "")
    if not spec.relabel and found != list(range(len(found))):
        raise NnbenchError(
            "labels do not start at 0 or leave a gap",
            got=shown,
            allowed="0, 1, … without a gap",
            todo="number them so, or set relabel: true",
        )
    if spec.class_names and len(spec.class_names) != len(found):
        raise NnbenchError(
            "class_names and labels differ in number",
            got=f"{len(spec.class_names)} names, {len(found)} labels ({shown})",
            todo="name every class, or remove class_names",
        )
    names = spec.class_names or tuple(map(str, found))
    return names, [np.searchsorted(found, array).astype(np.int64) for array in raw]
