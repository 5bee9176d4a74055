"""What a prepared dataset was made of, and fixed data as jobs know them: from the prepared files alone.

A job needs neither the raw files of a user's own data nor their description: on the nodes of a cluster
they may not even be there.
"""

from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nnbench.datasets.base import STREAMS, Dataset, Pools
from nnbench.datasets.prepared.store import MANIFEST, load_test, load_trainval, read_manifest
from nnbench.errors import NnbenchError
from nnbench.schema import Strict, first_problem

SOURCE = "source.json"  # beside the manifest, and written before it


class Source(Strict):
    """What a plan names by a dataset, and what its prepared files were made of."""

    dataset: str  # as configs name it
    fingerprint: str  # of all that its prepared files depend on; its folder's name ends with it
    made_of: tuple[str, ...]  # what a cell's code fingerprint has of it: code, content of own data
    description: str  # SHA-256 of the YAML file of own data; empty without one


def parse_source(text: str, *, where: str) -> Source:
    """What a file or option says; NnbenchError if it is something else."""
    try:
        return Source.model_validate_json(text)
    except ValidationError as error:
        todo = "leave the option out; or delete the folder and rerun, so that the data are prepared anew"
        raise NnbenchError(
            f"{where}: does not say what a dataset was made of", got=first_problem(error), todo=todo
        ) from None


def read_source(folder: Path) -> Source | None:
    """What the files in a folder were made of; None: nothing readable says so."""
    try:
        text = (folder / SOURCE).read_text(encoding="utf-8")
        return parse_source(text, where=str(folder / SOURCE))
    except (OSError, ValueError, NnbenchError):
        return None


def fixed_source(folder: Path) -> Source | None:
    """What prepared fixed data were made of; None for data that jobs draw themselves, or if nothing says so.

    NnbenchError if the folder has no usable manifest.
    """
    source = read_source(folder)
    return source if source and read_manifest(folder).kind == "fixed" else None


def dataset_in(manifest: Path) -> Dataset:
    """The fixed dataset whose prepared files a manifest lists; NnbenchError if that is missing or damaged."""
    folder = manifest.parent
    found = read_manifest(folder)
    fields: dict[str, Any] = {
        name: getattr(found, name) for name in Dataset.__dataclass_fields__ if hasattr(found, name)
    }
    fields |= {f"{stream}_size": found.sizes[stream] for stream in STREAMS}
    return Dataset(**fields, load=partial(_pools, folder))


def _pools(folder: Path, _data_folder: Path | None, _may_download: bool) -> Pools:
    return Pools(trainval=load_trainval(folder), test=load_test(folder))


def as_jobs_know_it(name: str, folder: Path) -> str:
    """What a job loads for a dataset's name: the manifest of fixed data, the generator of others."""
    return str(folder / MANIFEST) if fixed_source(folder) else name
