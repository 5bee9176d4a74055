"""The manifest of a prepared dataset: what it is, and the checksums of all of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from nnbench.datasets.base import Scaling, Task
from nnbench.errors import NnbenchError
from nnbench.schema import Strict

MANIFEST = "manifest.json"
Size = Annotated[int, Field(ge=0)]
FileName = Annotated[str, Field(pattern=r"^[a-z]+\.npz$")]


class Manifest(Strict):
    """What ``prepare`` writes last.

    Attributes:
        name, title, source, licence, kind, input_shape, class_names, scaling, task, target_name,
            target_unit: As in ``Dataset``.
        sizes: Default samples of ``train``, ``validation`` and ``test``; of fixed data also of
            the pool, ``trainval``.
        class_counts: Samples of each class in ``trainval`` and ``test``; empty for generated data
            and for regression.
        files: SHA-256 of each file.
        arrays: SHA-256 of each array's values, named ``file/array``, as in ``test/labels``.
        numpy_version: Of the process that prepared the data.
    """

    name: str
    title: str
    source: str
    licence: str
    kind: Literal["fixed", "generated"]
    input_shape: tuple[Size, ...]
    class_names: tuple[str, ...]
    scaling: Scaling
    task: Task
    target_name: str
    target_unit: str
    sizes: Mapping[str, Size]
    class_counts: Mapping[str, tuple[Size, ...]]
    files: Mapping[FileName, str]
    arrays: Mapping[str, str]
    numpy_version: str

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return self.model_dump(mode="json")


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
        return Manifest.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        what = "is missing: the dataset was not prepared here, or preparing it was interrupted"
        raise damaged(path, what) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        got = ": ".join([".".join(map(str, first["loc"])), first["msg"]]).removeprefix(": ")
        raise damaged(path, "cannot be read as a manifest", got=got) from None
    except OSError as error:
        raise damaged(path, "cannot be read as a manifest", got=error) from error


def damaged(path: Path, what: str, *, got: object = None) -> NnbenchError:
    """The error for a file of a prepared dataset that is missing or not what was written."""
    todo = "delete the folder and rerun, so that the dataset is prepared anew"
    return NnbenchError(f"dataset file {path} {what}", got=got, todo=todo)
