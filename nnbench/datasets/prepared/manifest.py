"""The manifest of a prepared dataset: its description, and checksums of all its files and arrays."""

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
    """What ``prepare`` writes last; the first fields are those of ``Dataset``."""

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
    sizes: Mapping[str, Size]  # train, validation, test; of fixed data also trainval
    class_counts: Mapping[str, tuple[Size, ...]]  # trainval and test of fixed classification data
    files: Mapping[FileName, str]  # SHA-256
    arrays: Mapping[str, str]  # SHA-256 of the values, by ``file/array``: ``test/labels``
    numpy_version: str  # that prepared the data

    def to_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return self.model_dump(mode="json")


def manifest_bytes(manifest: Manifest) -> bytes:
    """The content of ``manifest.json``; equal manifests give equal bytes."""
    return (json.dumps(manifest.to_dict(), indent=2, sort_keys=True) + "\n").encode()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a prepared dataset; NnbenchError if it is missing or damaged."""
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
    """The error for a file of a prepared dataset that is missing or has changed."""
    todo = "delete the folder and rerun, so that the dataset is prepared anew"
    return NnbenchError(f"dataset file {path} {what}", got=got, todo=todo)
