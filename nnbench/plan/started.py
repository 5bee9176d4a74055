"""What a run was started with, for what comes at its end: claims, data and code may change meanwhile."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from nnbench.cells.cell import canonical
from nnbench.cells.fingerprint import source_of
from nnbench.claims.looks import LOOKS
from nnbench.errors import NnbenchError
from nnbench.plan.plan import Plan
from nnbench.schema import Strict


class Started(Strict):
    """Checksums of a plan, and of what it was made of."""

    cells: str
    documents: Mapping[str, str]  # by path
    datasets: Mapping[str, str]  # by name


def started(plan: Plan) -> Started:
    """Of a plan that was just made; NnbenchError if a document is gone."""
    return Started(
        cells=_sha256(canonical(_seeds_at_first(plan)).encode()),
        documents={path: _content(path) for path in plan.config.files},
        datasets={name: source_of(name).fingerprint for name in plan.datasets()},
    )


def _seeds_at_first(plan: Plan) -> dict[str, int]:
    """The seeds of each cell before any look, since looks change them while a run is under way."""
    seeds: dict[str, int] = {}
    for use in plan.uses:
        for cell in use.cells:
            seeds[cell] = max(seeds.get(cell, 0), LOOKS[0] if use.auto else use.seeds)
    return seeds


def check_started(plan: Plan, before: Started) -> None:
    """Whether a run that was started with one plan still asks for the same cells.

    Raises:
        NnbenchError: It does not; the message says what changed.
    """
    now = started(plan)
    if now.cells == before.cells:
        return
    claims = [
        path for path, content in now.documents.items() if before.documents.get(path) != content
    ]
    data = [n for n, content in now.datasets.items() if before.datasets.get(n, content) != content]
    changed = [
        *(f"the claims ({path})" for path in claims),
        *(f"the data ({name})" for name in data),
    ]
    raise NnbenchError(
        f"{' and '.join(changed) or 'the training code'} changed while this run was under way",
        todo="start snakemake again: what is measured is kept, and what is missing now is measured",
    )


def _content(path: str) -> str:
    try:
        return _sha256(Path(path).read_bytes())
    except OSError as error:
        raise NnbenchError(
            f"{path}: cannot be read ({error.strerror})",
            todo="put it back, and start snakemake again",
        ) from None


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
