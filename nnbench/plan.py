"""Claims to cells: which experiments a config asks for, each fully spelled out and named by a hash.

A cell is one resolved experiment. Levels that resolve to the same experiment (the reference model
stands in nearly every claim) share one cell, so it is trained once.
"""

from __future__ import annotations

import fnmatch
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from nnbench.cells import Cell, canonical, dataset_of, make_cell
from nnbench.claims import Claim, Document
from nnbench.config import Config, read_documents, resolve_settings
from nnbench.errors import NnbenchError, unknown_name
from nnbench.settings import Settings

TUNING_SEED_START = 1_000_000  # tuning replicates are never among the judged ones


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


def make_plan(config: Config, *, root: Path = Path()) -> Plan:
    """Resolve a config into cells.

    Raises:
        NnbenchError: Anything wrong in the config or the claims, with its place.
    """
    documents = read_documents(config, root=root)
    _check_shared_settings(config)
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
    _check_only(draft)
    return Plan(config=config, documents=documents, cells=cells, uses=tuple(uses), not_run=not_run)


def _check_shared_settings(config: Config) -> None:
    """Name the config, not a claim, where the config's own settings are wrong."""
    resolve_settings((config.reference,), where="config: reference")
    for name, settings in config.dataset_settings.items():
        layers = (config.reference, settings)
        resolve_settings(layers, where=f"config: dataset_settings.{name}")


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
                raise unknown_name(f"{claim_id}: links", link, known)


def _check_only(plan: Plan) -> None:
    known = [claim_id for claim_id, _, _ in plan.claims()]
    for pattern in plan.config.only:
        if not fnmatch.filter(known, pattern):
            raise unknown_name("config: only", pattern, known)


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
        sizes: dict[str, int] = {}
        first: dict[str, str] = {}
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
            if role == "level" and first.setdefault(cell.id, level) != level:
                raise NnbenchError(
                    f"{where}: levels {first[cell.id]!r} and {level!r} are the same experiment",
                    todo="let them differ in a setting, or remove one",
                )
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
    if claim.metric == "epochs_to_target" and settings.target is None:
        raise NnbenchError(
            f"{where}: metric epochs_to_target needs a target", todo="add `target: {value: …}`"
        )
    search = _search(grid, layers, config, where=where) if tuned else None
    try:
        return make_cell(
            dataset,
            settings,
            seeds=tuple(range(config.seeds)),
            search=search,
            threads=config.threads,
        )
    except NnbenchError as error:  # an own part that cannot be found
        raise NnbenchError(f"{where}: {error.what}", todo=error.todo) from None


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
    if twice := [name for name, values in grid.items() if _repeats(values)]:
        raise NnbenchError(
            f"{where}: `tune` has a value twice", got=f"{twice[0]}: {grid[twice[0]]}"
        )
    names = sorted(grid)  # the order of keys in a file means nothing
    candidates = [
        dict(zip(names, values, strict=True))
        for values in itertools.product(*(grid[name] for name in names))
    ]
    for candidate in candidates:
        resolve_settings((*layers, candidate), where=f"{where}: tune {candidate}")
    seeds = range(TUNING_SEED_START, TUNING_SEED_START + config.tuning_seeds)
    return {"candidates": candidates, "seeds": list(seeds)}


def _repeats(values: list[Any]) -> bool:
    return len({canonical(value) for value in values}) < len(values)


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
