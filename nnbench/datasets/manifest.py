"""The manifest of a prepared dataset: what it is, and the checksums of all of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from nnbench.datasets.base import Scaling, Task
from nnbench.errors import NnbenchError

MANIFEST = "manifest.json"
_TEXTS = (
    *("name", "title", "source", "licence", "kind", "scaling", "numpy_version"),
    *("task", "target_name", "target_unit"),
)
_TODO = "delete the folder and rerun, so that the dataset is prepared anew"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What ``prepare`` writes last.

    Attributes:
        name, title, source, licence, input_shape, class_names, scaling, task, target_name,
            target_unit: As in ``Dataset``.
        kind: ``fixed`` or ``generated``.
        sizes: Default samples of ``train``, ``validation`` and ``test``; of fixed data also of
            the pool, ``trainval``.
        class_counts: Samples of each class in ``trainval`` and ``test``; empty for generated data
            and for regression.
        files: SHA-256 of each file.
        arrays: SHA-256 of each array's values, named ``file/array``, as in ``test/labels``.
        reference_checksum: Of 1,000 drawn samples; None for fixed data.
        numpy_version: Of the process that prepared the data.
    """

    name: str
    title: str
    source: str
    licence: str
    kind: Literal["fixed", "generated"]
    input_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    scaling: Scaling
    task: Task
    target_name: str
    target_unit: str
    sizes: Mapping[str, int]
    class_counts: Mapping[str, tuple[int, ...]]
    files: Mapping[str, str]
    arrays: Mapping[str, str]
    reference_checksum: str | None
    numpy_version: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Manifest:
        """The inverse of ``to_dict``, after a trip through JSON.

        Raises:
            ValueError, TypeError, AttributeError: A key is missing or unknown, or a value has the
                wrong type.
        """
        names = {field.name for field in fields(cls)}
        if odd := names.symmetric_difference(values):
            raise ValueError(f"missing or unknown keys: {', '.join(sorted(odd))}")
        for name in _TEXTS:
            if not isinstance(values[name], str):
                raise TypeError(f"{name} is not a text")
        return cls(**{**values, **_tuples(values)})


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    counts = values["class_counts"].items()
    return {
        "input_shape": tuple(int(size) for size in values["input_shape"]),
        "class_names": tuple(values["class_names"]),
        "class_counts": {part: tuple(int(count) for count in row) for part, row in counts},
        "sizes": {part: int(size) for part, size in values["sizes"].items()},
        "files": dict(values["files"]),
        "arrays": dict(values["arrays"]),
    }


def manifest_bytes(manifest: Manifest) -> bytes:
    """The content of ``manifest.json``; the same manifest gives the same bytes."""
    return (json.dumps(manifest.to_dict(), indent=2, sort_keys=True) + "\n").encode()


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a prepared dataset.

    Raises:
        NnbenchError: It is missing or damaged.
    """
    path = folder / MANIFEST
    try:
        return Manifest.from_dict(json.loads(path.read_bytes()))
    except FileNotFoundError as error:
        raise damaged(
            path, "is missing: the dataset was not prepared here, or not to the end"
        ) from error
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise damaged(path, "cannot be read as a manifest", got=error) from error


def damaged(path: Path, what: str, *, got: object = None) -> NnbenchError:
    """The error for a file of a prepared dataset that is missing or not what was written."""
    return NnbenchError(f"dataset file {path} {what}", got=got, todo=_TODO)
