"""What own data told about themselves when they were prepared, kept beside their manifest for the report."""

from pathlib import Path

from pydantic import ValidationError

from nnbench.datasets.prepared.files import write_atomically
from nnbench.schema import Strict

TOLD = "told.json"


class Told(Strict):
    """What is no part of the manifest, since no number depends on it."""

    order: str = ""  # of the rows against the class; empty for numbers
    notes: tuple[str, ...] = ()  # what a reader should know, a sentence each


def write_told(folder: Path, told: Told) -> None:
    """Write it; OSError as in ``write_atomically``."""
    write_atomically(folder / TOLD, told.model_dump_json(indent=2).encode() + b"\n")


def read_told(folder: Path) -> Told:
    """What was written; nothing for data of nnbench's own, or where nothing readable says so."""
    try:
        return Told.model_validate_json((folder / TOLD).read_bytes())
    except (OSError, ValidationError):
        return Told()
