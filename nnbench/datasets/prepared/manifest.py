"""The manifest of a prepared dataset: what it is, and the checksums of all of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from nnbench.datasets.base import Scaling, Task
from nnbench.errors import NnbenchError

MANIFEST = "manifest.json"
Size = Annotated[int, Field(ge=0)]
FileName = Annotated[str, Field(pattern=r"^[a-z]+\.npz$")]
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

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid", allow_inf_nan=False)

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
    reference_checksum: str | None
    numpy_version: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Manifest:
        """The inverse of ``to_dict``, after a trip through JSON.

        Raises:
            ValueError, TypeError: A key is missing or unknown, or a value has the wrong type.
        """
        try:
            # through JSON lists stand for tuples, and nothing else for anything
            return _checked().validate_json(json.dumps(values), strict=True)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from None


@cache
def _checked() -> TypeAdapter[Manifest]:
    return TypeAdapter(Manifest)


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
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise damaged(path, "cannot be read as a manifest", got=error) from error


def damaged(path: Path, what: str, *, got: object = None) -> NnbenchError:
    """The error for a file of a prepared dataset that is missing or not what was written."""
    return NnbenchError(f"dataset file {path} {what}", got=got, todo=_TODO)
