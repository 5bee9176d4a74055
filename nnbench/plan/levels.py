"""From a claim's levels to cells: settings laid over one another, checked, and named by a hash."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nnbench.cells.cell import Cell, dataset_of, make_cell
from nnbench.claims.claim import Claim
from nnbench.claims.config import Config, resolve_settings
from nnbench.claims.pick import Pick
from nnbench.datasets.checks import check_settings
from nnbench.errors import NnbenchError
from nnbench.experiments.base import experiment_of
from nnbench.experiments.reads import check_reads
from nnbench.models.facts import check_model
from nnbench.schema import parse

_LABEL = re.compile(r"label (\d{1,6})")
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
    cells: tuple[str, ...]
    """The one cell, or the candidates of a pick."""
    at: str | None = None
    """The place whose metrics the level reads (``test_loss@rotated``)."""
    pick_by: str | None = None
    draws: int | None = None


def claim_uses(
    claim_id: str, claim: Claim, config: Config
) -> Iterator[tuple[Use, tuple[Cell, ...]]]:
    """Every level of a claim at every place of the report, with its cells."""
    if not claim.runs:
        return
    for variant, track in itertools.product((None, *claim.variants), claim.tracks):
        reading = claim.reading(variant)
        for dataset in reading.datasets:
            part = _Part(
                claim_id=claim_id,
                claim=reading,
                variant=variant,
                dataset=dataset,
                track=track,
                config=config,
            )
            yield from _part_uses(part)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One reading of a claim on one dataset in one track."""

    claim_id: str
    claim: Claim
    variant: str | None
    dataset: str
    track: str
    config: Config

    @property
    def where(self) -> str:
        return "/".join(filter(None, (self.claim_id, self.variant, self.dataset, self.track)))


def _part_uses(part: _Part) -> Iterator[tuple[Use, tuple[Cell, ...]]]:
    claim = part.claim
    roles: dict[str, Literal["level", "control"]] = dict.fromkeys(claim.levels, "level")
    roles |= dict.fromkeys(claim.controls, "control")
    overrides = {**claim.levels, **claim.controls}
    sizes: dict[str, int] = {}
    first: dict[object, str] = {}
    for level, role in roles.items():
        where = f"{part.where}: level {level!r}"
        own = _Level.of(overrides[level], claim, where=where)
        cells = tuple(
            _level_cells(part, own, tuned=role == "level" and part.track == "tuned", where=where)
        )
        if cells[0].search is not None:
            sizes[level] = len(cells[0].search["candidates"])
        use = Use(
            claim=part.claim_id,
            variant=part.variant,
            dataset=part.dataset,
            track=part.track,
            level=level,
            role=role,
            cells=tuple(cell.id for cell in cells),
            at=_place(own.at, part.dataset),
            pick_by=own.pick.by if own.pick else None,
            draws=own.pick.draws if own.pick and own.pick.random else None,
        )
        yield use, cells
        same = (use.cells, use.at, use.pick_by, use.draws)
        if role == "level" and first.setdefault(same, level) != level:
            raise NnbenchError(
                f"{part.where}: levels {first[same]!r} and {level!r} are the same experiment",
                todo="let them differ in a setting, or remove one",
            )
    if len(set(sizes.values())) > 1:
        raise NnbenchError(
            f"{part.where}: unequal tuning budgets",
            got=sizes,
            todo="give every level a grid of the same size",
        )


def _place(at: str | None, dataset: str) -> str | None:
    """``label 8`` is the dataset's class of that label, whatever its name there."""
    names, match = dataset_of(dataset).class_names, _LABEL.fullmatch(at or "")
    label = int(match[1]) if match else len(names)
    return f"class {names[label]}" if label < len(names) else at


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """A level taken apart: its settings, and the keys that are none."""

    settings: Mapping[str, Any]
    tune: object
    at: str | None
    pick: Pick | None

    @classmethod
    def of(cls, overrides: Mapping[str, Any], claim: Claim, *, where: str) -> _Level:
        """Read one level's entry."""
        settings = dict(overrides)
        tune, at, pick = (settings.pop(key, None) for key in ("tune", "at", "pick"))
        if at is not None and not isinstance(at, str):
            raise NnbenchError(f"{where}: at is the name of a place", got=repr(at))
        return cls(
            settings=settings,
            tune=claim.tune if tune is None else tune,
            at=at,
            pick=None if pick is None else parse(Pick, pick, where=f"{where}: pick"),
        )


def _level_cells(part: _Part, level: _Level, *, tuned: bool, where: str) -> Iterator[Cell]:
    """The cell of a level, or those of its candidates."""
    claim, config = part.claim, part.config
    layers = (
        config.reference,
        config.dataset_settings.get(part.dataset, {}),
        claim.settings,
        claim.datasets[part.dataset],
        level.settings,
    )
    for candidate in level.pick.candidates() if level.pick else [{}]:
        named = f"{where}: candidate {candidate}" if candidate else where
        settings = resolve_settings((*layers, candidate), where=named)
        dataset = dataset_of(part.dataset)
        check_settings(dataset, settings, where=named)
        at = _place(level.at, part.dataset)
        check_reads(settings, claim.metric, dataset, at=at, where=named)
        if level.pick:
            check_reads(settings, level.pick.by, dataset, at=None, where=f"{named}: pick")
        if tuned and experiment_of(settings.experiment).metrics:
            raise NnbenchError(
                f"{named}: the tuned track is one of trainings",
                got=f"experiment: {settings.experiment}",
                todo="leave `tuned` out of `tracks`",
            )
        search = _search(level.tune, (*layers, candidate), part, where=where) if tuned else None
        try:
            check_model(settings, dataset.input_shape)
            yield make_cell(
                part.dataset,
                settings,
                seeds=tuple(range(min(config.seeds, claim.seeds or config.seeds))),
                search=search,
                threads=config.threads,
            )
        except NnbenchError as error:  # options or a shape that a model does not take, no such part
            raise error.at(named) from None


def _search(
    grid: object, layers: tuple[Mapping[str, Any], ...], part: _Part, *, where: str
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
        named = f"{where}: tune {candidate}"
        settings = resolve_settings((*layers, candidate), where=named)
        dataset = dataset_of(part.dataset)
        check_settings(dataset, settings, where=named)
        check_model(settings, dataset.input_shape)
    seeds = range(TUNING_SEED_START, TUNING_SEED_START + part.config.tuning_seeds)
    return {"candidates": candidates, "seeds": list(seeds)}


def _repeats(values: list[Any]) -> bool:
    # NaN is told where each value is checked as a setting
    return len({json.dumps(value, sort_keys=True) for value in values}) < len(values)
