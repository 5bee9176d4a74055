"""A level becomes a cell: settings laid over one another, checked, and named by a hash."""

import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from nnbench.cells.cell import Cell, canonical, dataset_of, make_cell
from nnbench.claims.claim import Claim
from nnbench.claims.config import Config
from nnbench.claims.contexts import TRAIN_SHARE, Context, chosen
from nnbench.claims.looks import AUTO, first_of, share_of
from nnbench.claims.pick import Pick, combinations
from nnbench.datasets.base import Dataset
from nnbench.datasets.checks import check_label
from nnbench.errors import NnbenchError
from nnbench.experiments.base import experiment_of
from nnbench.experiments.measured import Search
from nnbench.experiments.reads import check_reads
from nnbench.plan.effects import (
    Reasons,
    check_effects,
    difference,
    effective,
    without_effect,
)
from nnbench.plan.places import Layers, Place, checked
from nnbench.schema import parse
from nnbench.settings import Settings

_LABEL = re.compile(r"label (\d{1,6})")
TUNING_SEED_START = 1_000_000  # tuning replicates are never among the judged ones

LARGE_SHARE = (
    2 / 3
)  # of the contexts, for convolutional, recurrent and pretrained networks, and for searches
Role = Literal["level", "control"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What a cell is used for: one level of a claim on one dataset in one track."""

    claim: str
    variant: str | None
    dataset: str
    track: str
    level: str
    role: Role
    cells: tuple[str, ...]  # the one cell, or the candidates of a pick
    seeds: int  # of each cell it reads the seeds 0, 1, …
    at: str | None = None  # the entry of a cell that it reads, as in ``test_loss@rotated``
    pick_by: str | None = None
    draws: int | None = None
    context: str | None = None  # in which context; None: the reference, as written or tuned
    auto: bool = False  # its seeds are those of one of ``claims.looks``

    @property
    def place(self) -> str:
        """Where the levels of a claim are compared, as errors name it."""
        return "/".join(filter(None, (self.claim, self.variant, self.dataset, self.track)))

    @property
    def share(self) -> float:
        """The share of an error that verdicts on these seeds may have."""
        return share_of(self.seeds) if self.auto else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """A level's entry, parsed: its settings, and the keys that are none."""

    where: str
    use: Use  # still without cells
    settings: Mapping[str, object]
    tune: object
    pick: Pick | None


def claim_uses(
    claim_id: str, claim: Claim, config: Config, contexts: Sequence[Context] = ()
) -> Iterator[tuple[Use, tuple[Cell, ...]]]:
    """Every level of a claim wherever the report shows it, with its cells; then those in contexts."""
    if not claim.runs:
        return
    for variant in (None, *claim.variants):
        reading = claim.reading(variant)
        found: list[Cell] = []
        for track, dataset in itertools.product(reading.tracks, reading.datasets):
            for use, cells in _uses(Place(claim_id, reading, variant, dataset, track, config)):
                found += cells
                yield use, cells
        _check_shared(reading, found, where="/".join(filter(None, (claim_id, variant))))
    for context in _contexts_of(claim, contexts, count=config.contexts):
        place = Place(
            claim_id, claim.in_contexts(), None, context.dataset, claim.decided_by, config, context
        )
        yield from _uses(place)


def _contexts_of(claim: Claim, contexts: Sequence[Context], *, count: int) -> tuple[Context, ...]:
    """Those in which a claim is measured: fewer, in whole numbers, where its networks are large."""
    if claim.contexts is None:
        return ()
    settings = [dict(claim.settings), *claim.levels.values()]
    large = any(
        own.get("model", "mlp") != "mlp" or own.get("pretrain") or own.get("pick")
        for own in settings
    )
    count = round(count * LARGE_SHARE) if large else count
    return chosen(contexts, claim.contexts.needs, count=count, dataset_of=dataset_of)


def _check_shared(claim: Claim, cells: Sequence[Cell], *, where: str) -> None:
    """NnbenchError for a setting of the whole claim that acts on none of its cells."""
    reasons = [without_effect(cell.settings, dataset_of(cell.dataset)) for cell in cells]
    first = reasons[0] if reasons else {}
    nowhere = {name: why for name, why in first.items() if all(name in own for own in reasons)}
    written = {*claim.settings, *itertools.chain(*claim.datasets.values())}
    for cell in cells:
        check_effects(written, cell.settings, nowhere, where=where)


def _uses(place: Place) -> Iterator[tuple[Use, tuple[Cell, ...]]]:
    budgets: dict[str, int] = {}
    first: dict[object, tuple[str, Cell]] = {}
    read: dict[str, tuple[object, Cell]] = {}
    claim = place.claim
    levels = [_level(place, name, own, "level") for name, own in claim.levels.items()]
    levels += [_level(place, name, own, "control") for name, own in claim.controls.items()]
    for level in levels:
        cells = tuple(_level_cells(place, level))
        use = replace(level.use, cells=tuple(cell.id for cell in cells))
        if cells[0].search is not None:
            budgets[use.level] = len(cells[0].search.candidates)
        yield use, cells
        what, _ = read[use.level] = _read(place, use, cells), cells[0]
        if use.role == "level":
            other, cell = first.setdefault(what, (use.level, cells[0]))
            if other != use.level:
                raise _same(f"{place.where}: levels {other!r} and {use.level!r}", cell, cells[0])
    for name, base in claim.baseline.items():
        if read[name][0] == read[base][0]:
            both = f"{place.where}: level {name!r} and its baseline {base!r}"
            raise _same(both, read[name][1], read[base][1])
    if len(set(budgets.values())) > 1:
        raise NnbenchError(
            f"{place.where}: unequal tuning budgets",
            got=budgets,
            todo="give every level a grid of the same size",
        )


def _read(place: Place, use: Use, cells: Sequence[Cell]) -> object:
    """What a level reads, as far as it can be told apart from what another one does."""
    known = {effective(cell.settings, place.dataset, at=use.at) for cell in cells}
    search = cells[0].search
    tried = canonical(search.candidates) if search else None
    return (frozenset(known), tried, use.at, use.pick_by, use.draws)


def _same(both: str, a: Cell, b: Cell) -> NnbenchError:
    reasons = {**_reasons(a), **_reasons(b)}
    differing = difference(a.settings, b.settings, reasons)
    return NnbenchError(
        f"{both} are the same experiment",
        got=f"they differ in {differing} alone, which has no effect" if differing else None,
        todo="let them differ in a setting that has an effect, or remove one",
    )


def _reasons(cell: Cell) -> Reasons:
    return without_effect(cell.settings, dataset_of(cell.dataset))


def _level(place: Place, name: str, overrides: Mapping[str, object], role: Role) -> _Level:
    claim, where = place.claim, f"{place.where}: level {name!r}"
    settings = dict(overrides)
    tune, at, picked = (settings.pop(key, None) for key in ("tune", "at", "pick"))
    if at is not None and not isinstance(at, str):
        raise NnbenchError(
            f"{where}: at is the name of what a level reads",
            got=repr(at),
            allowed="a text, such as class 3, label 3, or the name of a shift",
            todo=f"write at: class {at}",
        )
    pick = None if picked is None else parse(Pick, picked, where=f"{where}: pick")
    use = Use(
        claim=place.claim_id,
        variant=place.variant,
        dataset=place.dataset_name,
        track=place.track,
        level=name,
        role=role,
        cells=(),
        seeds=first_of(place.seeds),
        auto=place.seeds == AUTO,
        at=_class_name(at, place.dataset, where=where),
        pick_by=pick.by if pick else None,
        draws=pick.draws if pick and pick.random else None,
        context=place.context.name if place.context else None,
    )
    tune = claim.tune if tune is None else tune
    return _Level(where=where, use=use, settings=settings, tune=tune, pick=pick)


def _class_name(at: str | None, dataset: Dataset, *, where: str) -> str | None:
    """``label 8`` is the dataset's class with that label, whatever its name there."""
    names, match = dataset.class_names, _LABEL.fullmatch(at or "")
    label = int(match[1]) if match else len(names)
    if label >= len(names):
        return at
    check_label(dataset, label, where=f"{where}: at")
    return f"class {names[label]}"


def _level_cells(place: Place, level: _Level) -> Iterator[Cell]:
    """The cell of a level, or those of its candidates."""
    claim, config = place.claim, place.config
    layers = (*place.layers, level.settings)
    for candidate in level.pick.candidates() if level.pick else [{}]:
        where = f"{level.where}: candidate {candidate}" if candidate else level.where
        settings = checked(place.dataset, (*layers, candidate), where=where)
        reasons = without_effect(settings, place.dataset)
        written = {*level.settings, *candidate}
        check_effects(
            written | ({"train_size"} if TRAIN_SHARE in written else set()),
            settings,
            reasons,
            where=where,
        )
        check_reads(settings, claim.metric, place.dataset, at=level.use.at, where=where)
        if level.pick:
            check_reads(settings, level.pick.by, place.dataset, at=None, where=f"{where}: pick")
        tuned = level.use.role == "level" and place.track == "tuned" and place.context is None
        search = _search(place, level, (*layers, candidate), settings) if tuned else None
        try:
            yield make_cell(place.dataset_name, settings, search=search, threads=config.threads)
        except NnbenchError as error:  # there is no such own part
            raise error.at(where) from None


def _search(place: Place, level: _Level, layers: Layers, settings: Settings) -> Search:
    """The candidates of the tuned track, each a set of overrides that was checked."""
    if experiment_of(settings.experiment).metrics:
        raise NnbenchError(
            f"{level.where}: the tuned track is one of trainings",
            got=f"experiment: {settings.experiment}",
            todo="leave `tuned` out of `tracks`",
        )
    if settings.split == "each seed":
        raise NnbenchError(
            f"{level.where}: the tuned track needs the fixed split",
            got="split: each seed, where the search would see test samples of the judged seeds",
            todo="remove the setting, or leave `tuned` out of `tracks`",
        )
    grid = level.tune
    lists = isinstance(grid, dict) and all(isinstance(v, list) and v for v in grid.values())
    if not grid or not isinstance(grid, dict) or not lists:
        raise NnbenchError(
            f"{level.where}: the tuned track needs `tune`",
            got=repr(grid),
            allowed="setting: [values, ...]",
            todo="add it to the claim, as in tune: {lr: [0.01, 0.1]}, or leave `tuned` out of `tracks`",
        )
    for name, values in grid.items():
        # NaN is found where each value is checked as a setting
        if len({json.dumps(value, sort_keys=True) for value in values}) < len(values):
            raise NnbenchError(
                f"{level.where}: `tune` has a value twice",
                got=f"{name}: {values}",
                todo="remove one of them",
            )
    candidates = tuple(combinations(grid))
    tried: dict[str, object] = {}
    for candidate in candidates:
        own = checked(place.dataset, (*layers, candidate), where=f"{level.where}: tune {candidate}")
        other = tried.setdefault(effective(own, place.dataset, at=level.use.at), candidate)
        if other is not candidate:
            raise NnbenchError(
                f"{level.where}: two candidates of `tune` are the same experiment",
                got=f"{other} and {candidate}",
                todo="leave out what has no effect on this level",
            )
    seeds = range(TUNING_SEED_START, TUNING_SEED_START + place.config.tuning_seeds)
    return Search(candidates=candidates, seeds=tuple(seeds))
