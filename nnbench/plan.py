"""Claims to cells: which experiments a config asks for, each fully spelled out and named by a hash.

A cell is one resolved experiment. Levels that resolve to the same experiment (the reference model
stands in nearly every claim) share one cell, so it is trained once.
"""

from __future__ import annotations

import fnmatch
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from nnbench.config import Claim, Config, Document, read_documents, resolve_settings
from nnbench.datasets.base import Dataset
from nnbench.errors import NnbenchError
from nnbench.fingerprint import code_fingerprint
from nnbench.registry import DATASETS, load
from nnbench.settings import Settings

CELL_SCHEMA = 1
TUNING_SEED_START = 1_000_000  # tuning replicates are never among the judged ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One experiment: a dataset, settings, seeds and, in the tuned track, a search grid."""

    id: str
    dataset: str
    settings: Settings
    seeds: tuple[int, ...]
    search: Mapping[str, Any] | None
    threads: int
    code: str

    def document(self) -> dict[str, Any]:
        """The cell as plain data: what a job is given and what a record repeats."""
        return {"id": self.id, **_content(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """Where a cell stands in the report: one level of a claim on one dataset in one track."""

    claim: str
    variant: str | None
    dataset: str
    track: str
    level: str
    role: Literal["level", "control"]
    cell: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a config asks for."""

    config: Config
    documents: tuple[Document, ...]
    cells: Mapping[str, Cell]
    uses: tuple[Use, ...]
    not_run: Mapping[str, str] = field(default_factory=dict)

    def claims(self) -> Iterator[tuple[str, Document, Claim]]:
        """(id, document, claim) in the documents' own order."""
        for document in self.documents:
            for name, claim in document.claims.items():
                yield f"{document.document}/{name}", document, claim

    def datasets(self) -> tuple[str, ...]:
        """The datasets that some cell needs, sorted."""
        return tuple(sorted({cell.dataset for cell in self.cells.values()}))


def _content(cell: Cell) -> dict[str, Any]:
    return {
        "schema": CELL_SCHEMA,
        "dataset": cell.dataset,
        "settings": cell.settings.model_dump(mode="json"),
        "seeds": list(cell.seeds),
        "search": cell.search,
        "threads": cell.threads,
        "code": cell.code,
    }


def canonical(data: object) -> str:
    """JSON with sorted keys and no spaces: the text that is hashed."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)


def make_cell(
    dataset: str,
    settings: Settings,
    *,
    seeds: tuple[int, ...],
    search: Mapping[str, Any] | None = None,
    threads: int = 1,
) -> Cell:
    """A cell with its id, the first 16 hex digits of the SHA-256 of its canonical JSON."""
    code = code_fingerprint(dataset, settings.model, settings.activation, settings.optimizer)
    cell = Cell(
        id="",
        dataset=dataset,
        settings=settings,
        seeds=seeds,
        search=search,
        threads=threads,
        code=code,
    )
    digest = hashlib.sha256(canonical(_content(cell)).encode()).hexdigest()[:16]
    return Cell(
        id=digest,
        dataset=dataset,
        settings=settings,
        seeds=seeds,
        search=search,
        threads=threads,
        code=code,
    )


def make_plan(config: Config, *, root: Path = Path()) -> Plan:
    """Resolve a config into cells.

    Raises:
        NnbenchError: Anything wrong in the config or the claims, with its place.
    """
    documents = read_documents(config, root=root)
    cells: dict[str, Cell] = {}
    uses: list[Use] = []
    not_run: dict[str, str] = {}
    draft = Plan(config=config, documents=documents, cells=cells, uses=())
    for claim_id, _, claim in draft.claims():
        reason = _reason_not_run(claim_id, claim, config)
        if reason is not None:
            not_run[claim_id] = reason
        for use, cell in _claim_cells(claim_id, claim, config):
            if reason is None:
                cells[cell.id] = cell
                uses.append(use)
    _check_links(draft)
    return Plan(config=config, documents=documents, cells=cells, uses=tuple(uses), not_run=not_run)


def _reason_not_run(claim_id: str, claim: Claim, config: Config) -> str | None:
    if claim.kind == "qualitative":
        return "qualitative: quoted, never judged"
    if claim.not_run is not None:
        return claim.not_run
    if not any(fnmatch.fnmatchcase(claim_id, pattern) for pattern in config.only):
        return "left out by `only` in the config"
    if claim.tier == "full" and config.tier != "full":
        return "belongs to the full tier: run with `--configfile config/full.yaml`"
    return None


def _check_links(plan: Plan) -> None:
    known = {claim_id for claim_id, _, _ in plan.claims()}
    for claim_id, _, claim in plan.claims():
        for link in claim.links:
            if link not in known:
                raise NnbenchError(
                    f"{claim_id}: links to {link!r}, which is no claim", todo="correct `links`"
                )


def _claim_cells(claim_id: str, claim: Claim, config: Config) -> Iterator[tuple[Use, Cell]]:
    if not claim.runs:
        return
    readings: dict[str | None, Mapping[str, Any]] = {
        None: claim.levels,
        **{name: v.levels for name, v in claim.variants.items()},
    }
    for (variant, levels), dataset, track in itertools.product(
        readings.items(), claim.datasets, claim.tracks
    ):
        where = "/".join(filter(None, (claim_id, variant, dataset, track)))
        roles: dict[str, Literal["level", "control"]] = dict.fromkeys(levels, "level")
        roles |= dict.fromkeys(claim.controls, "control")
        overrides = {**levels, **claim.controls}
        sizes = {}
        for level, role in roles.items():
            cell = _level_cell(
                claim,
                overrides[level],
                config,
                dataset=dataset,
                tuned=track == "tuned" and role == "level",
                where=f"{where}: level {level!r}",
            )
            if cell.search is not None:
                sizes[level] = len(cell.search["candidates"])
            use = Use(
                claim=claim_id,
                variant=variant,
                dataset=dataset,
                track=track,
                level=level,
                role=role,
                cell=cell.id,
            )
            yield use, cell
        if len(set(sizes.values())) > 1:
            raise NnbenchError(
                f"{where}: unequal tuning budgets",
                got=sizes,
                todo="give every level a grid of the same size",
            )


def _level_cell(
    claim: Claim,
    overrides: Mapping[str, Any],
    config: Config,
    *,
    dataset: str,
    tuned: bool,
    where: str,
) -> Cell:
    own = dict(overrides)
    grid = own.pop("tune", claim.tune)
    layers = (
        config.reference,
        config.dataset_settings.get(dataset, {}),
        claim.settings,
        claim.datasets[dataset],
        own,
    )
    settings = resolve_settings(layers, where=where)
    _check_fit(settings, dataset, where=where)
    search = _search(grid, layers, config, where=where) if tuned else None
    return make_cell(
        dataset, settings, seeds=tuple(range(config.seeds)), search=search, threads=config.threads
    )


def _search(
    grid: object, layers: tuple[Mapping[str, Any], ...], config: Config, *, where: str
) -> dict[str, Any]:
    """The candidates of the tuned track, each a set of overrides that was checked."""
    lists = isinstance(grid, dict) and all(isinstance(v, list) and v for v in grid.values())
    if not grid or not isinstance(grid, dict) or not lists:
        raise NnbenchError(
            f"{where}: the tuned track needs `tune`",
            got=repr(grid),
            allowed="setting: [values, ...]",
        )
    candidates = [
        dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())
    ]
    for candidate in candidates:
        resolve_settings((*layers, candidate), where=f"{where}: tune {candidate}")
    seeds = range(TUNING_SEED_START, TUNING_SEED_START + config.tuning_seeds)
    return {"candidates": candidates, "seeds": list(seeds)}


@cache
def dataset_of(name: str) -> Dataset:
    """The dataset behind a name (numpy only; nothing is read or downloaded)."""
    found = load("dataset", name, DATASETS)
    if not isinstance(found, Dataset):
        raise NnbenchError(
            f"dataset {name!r} is not a nnbench.datasets.base.Dataset", got=type(found).__name__
        )
    return found


def _check_fit(settings: Settings, name: str, *, where: str) -> None:
    """Whether the settings can be met by the dataset at all."""
    dataset = dataset_of(name)
    if settings.augment != type(settings.augment)() and len(dataset.input_shape) != 3:
        raise NnbenchError(
            f"{where}: augmentation needs images",
            got=f"{name} with inputs of shape {dataset.input_shape}",
        )
    if dataset.load is not None and settings.train_size is not None:
        room = dataset.train_size
        if settings.train_size > room:
            raise NnbenchError(
                f"{where}: train_size does not fit dataset {name}",
                got=settings.train_size,
                allowed=f"1 to {room} ({dataset.validation_size} more are kept for validation)",
            )


def work(cell: Cell) -> float:
    """Rough arithmetic of a cell (multiply-adds), to start long jobs first and to estimate times."""
    dataset, settings = dataset_of(cell.dataset), cell.settings
    size = settings.train_size or dataset.train_size
    widths = [_product(dataset.input_shape), *settings.hidden, len(dataset.class_names)]
    weights = sum(a * b for a, b in itertools.pairwise(widths))
    search = cell.search or {"candidates": [], "seeds": []}
    runs = len(cell.seeds) + len(search["candidates"]) * len(search["seeds"])
    per_step = weights * (
        3 * settings.batch_size + 30
    )  # forward, backward; optimiser's memory traffic
    return float(runs * settings.total_steps(size) * per_step)


def _product(shape: tuple[int, ...]) -> int:
    result = 1
    for side in shape:
        result *= side
    return result


def memory_mb(cell: Cell) -> int:
    """Memory to reserve for a cell, in MB: PyTorch itself, the data, the stacked weights."""
    dataset, settings = dataset_of(cell.dataset), cell.settings
    size = (settings.train_size or dataset.train_size) + dataset.validation_size
    copies = len(cell.seeds) if dataset.kind == "generated" else 1
    values = _product(dataset.input_shape) * size * copies
    widths = [_product(dataset.input_shape), *settings.hidden, len(dataset.class_names)]
    weights = len(cell.seeds) * sum(a * b for a, b in itertools.pairwise(widths))
    # 4 bytes each; a set and the draw that fills it; weights, gradient, two moments, best, temporary
    return 1200 + int(4 * (1.3 * values + 7 * weights) / 1e6)
