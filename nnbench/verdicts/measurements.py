"""Records to measurements: what each level of a claim reads in each seed (pandas).

A missing or rejected record makes rows with status ``missing``: no run is dropped in silence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from nnbench.experiments.measured import Metrics, Run
from nnbench.metrics import METRICS
from nnbench.plan.levels import Use
from nnbench.plan.plan import Plan
from nnbench.records.record import Record
from nnbench.verdicts.evidence import Records
from nnbench.verdicts.picking import (
    candidate_names,
    choose,
    drawn_candidates,
    fallback,
    metric_about,
    rank_correlation,
)

USE_COLUMNS = (
    "claim", "variant", "dataset", "track", "level", "role", "at", "pick_by", "draws",
)  # fmt: skip
RUN_COLUMNS = ("seed", "status", "cell", *METRICS)
OFFER_COLUMNS = ("seed", "cell", "status", "drawn", "chosen", "by", "value")
Row = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LevelRuns:
    """What one level of a claim reads, on one dataset in one track.

    Attributes:
        use: Which level it is, and its cells.
        metric: The claim's metric, in this reading.
        runs: A row per seed: ``seed``, ``status``, ``cell`` (the one that was read; of a pick None where
            none could be chosen) and every metric, in natural units.
        offered: Of a pick a row per seed and candidate: whether it was ``drawn`` and ``chosen``, what it
            was chosen ``by``, and its ``value`` in what the pick is about.
    """

    use: Use
    metric: str
    runs: pd.DataFrame
    offered: pd.DataFrame

    @property
    def lost(self) -> bool:
        """Whether no seed has a value of the claim's metric."""
        return bool(self.runs[self.metric].isna().all())


def level_runs(plan: Plan, records: Records) -> tuple[LevelRuns, ...]:
    """What every planned level reads, in the plan's order."""
    claims = {claim_id: claim for claim_id, _, claim in plan.claims()}
    return tuple(
        _level(use, plan, records, metric=claims[use.claim].reading(use.variant).metric)
        for use in plan.uses
    )


def measurements(levels: Iterable[LevelRuns]) -> pd.DataFrame:
    """The tidy table: a row per claim, variant, dataset, track, level and seed.

    Columns: see ``docs/measurements.md``.
    """
    rows = [
        {
            **_use_columns(level.use),
            "metric": level.metric,
            "value": run[level.metric],
            **{str(name): value for name, value in run.items()},
        }
        for level in levels
        for run in level.runs.to_dict("records")
    ]
    return _table(rows, (*USE_COLUMNS, "metric", "seed", "status", "cell", "value", *METRICS))


def candidates(levels: Iterable[LevelRuns]) -> pd.DataFrame:
    """A row per picked level, seed and candidate."""
    rows = [
        {**_use_columns(level.use), **{str(name): value for name, value in offer.items()}}
        for level in levels
        for offer in level.offered.to_dict("records")
    ]
    return _table(rows, (*USE_COLUMNS, *OFFER_COLUMNS))


def run_table(plan: Plan, records: Records) -> pd.DataFrame:
    """A row per planned cell and seed, with the metrics of the run itself."""
    rows = [
        {**row, "cell": cell_id, "seed": seed}
        for cell_id, seeds in plan.seeds.items()
        for seed, row in enumerate(_rows(records.joined(cell_id, seeds=seeds), seeds))
    ]
    return _table(rows, ("cell", "seed", "status", *METRICS))


def _use_columns(use: Use) -> dict[str, object]:
    return {name: getattr(use, name) for name in USE_COLUMNS}


def _table(rows: Sequence[Row], columns: Sequence[str]) -> pd.DataFrame:
    """A table whose columns have the same types whatever is in it, nothing at all included."""
    table = pd.DataFrame(rows, columns=list(columns))
    types = {name: _TYPES.get(name, "string") for name in columns}
    return table.astype({**types, **{name: "float64" for name in columns if name in METRICS}})


_TYPES: Mapping[str, str] = {
    "seed": "int64", "drawn": "int64", "chosen": "int64", "draws": "Int64", "by": "float64", "value": "float64",
}  # fmt: skip


# --- what each level reads


def _level(use: Use, plan: Plan, records: Records, *, metric: str) -> LevelRuns:
    cells = [_rows(records.joined(c, seeds=use.seeds), use.seeds, at=use.at, metric=metric) for c in use.cells]  # fmt: skip
    if use.pick_by is None:
        read = [{"seed": seed, "cell": use.cells[0], **row} for seed, row in enumerate(cells[0])]
        offered: list[Row] = []
    else:
        read, offered = _picked(use, plan, cells, metric=metric)
    runs = pd.DataFrame(read, columns=list(RUN_COLUMNS)).astype(dict.fromkeys(METRICS, float))
    # a run that did not measure the claim's metric is missing
    runs.loc[runs["status"].isin(["ok", "capped"]) & runs[metric].isna(), "status"] = "missing"
    return LevelRuns(
        use=use, metric=metric, runs=runs, offered=pd.DataFrame(offered, columns=list(OFFER_COLUMNS))
    )  # fmt: skip


def _picked(
    use: Use, plan: Plan, cells: Sequence[Sequence[Row]], *, metric: str
) -> tuple[list[dict[str, object]], list[Row]]:
    """A pick's row per seed, and the candidates that each seed was offered."""
    assert use.pick_by is not None
    settings = [plan.cells[cell_id].settings.model_dump(mode="json") for cell_id in use.cells]
    names, about = candidate_names(settings), metric_about(metric, use.pick_by)
    read: list[dict[str, object]] = []
    offered: list[Row] = []
    for seed in range(use.seeds):
        block = pd.DataFrame([rows[seed] for rows in cells], columns=["status", *METRICS])
        block = block.astype(dict.fromkeys(METRICS, float))
        drawn = drawn_candidates(names, seed, use.draws)
        best = choose(block, use.pick_by, among=drawn)
        read_from = fallback(block, among=drawn) if best is None else best
        row: dict[str, object] = {"status": "missing"}
        if read_from is not None:
            row = {str(name): value for name, value in block.iloc[read_from].items()}
        if row["status"] != "missing":
            row["rank_correlation"] = rank_correlation(block, use.pick_by, about)
        read.append({**row, "seed": seed, "cell": None if best is None else use.cells[best]})
        offered += [
            {
                "seed": seed,
                "cell": cell_id,
                "status": block["status"][number],
                "drawn": int(number in drawn),
                "chosen": int(number == best),
                "by": block[use.pick_by][number],
                "value": block[about][number],
            }
            for number, cell_id in enumerate(use.cells)
        ]
    return read, offered


# --- what a cell's record holds


def _rows(
    record: Record | None, seeds: int, *, at: str | None = None, metric: str | None = None
) -> list[Row]:
    """Per seed: status and metrics, those read ``at`` an entry of the cell in place of its own.

    The claim's metric has to be the entry's own (a loss of the whole test set is none of a class);
    a count may be that of the whole network.
    """
    runs = [None if record is None else record.runs.get(str(seed)) for seed in range(seeds)]
    scores = [None if run is None or record is None else _scores(run, record) for run in runs]
    own = {name for score in scores if score for name, _ in _at(score, at)} if at else set()
    if at and metric and METRICS[metric].unit != "count":
        own.add(metric)
    counted = _counted(record, at)
    return [
        {"status": "missing"}
        if run is None or score is None
        else {
            "status": run.status,
            **dict(_at(score, None)),
            **dict.fromkeys(own),
            **counted,
            **dict(_at(score, at)),
        }
        for run, score in zip(runs, scores, strict=True)
    ]


def _at(scores: Metrics, at: str | None) -> Iterator[tuple[str, float | None]]:
    """The metrics read at one entry of a cell (``test_loss@rotated``); None: the run's own."""
    for key, value in scores.items():
        name, _, there = key.partition("@")
        if name in METRICS and there == (at or ""):
            yield name, value


def _counted(record: Record | None, at: str | None) -> dict[str, float]:
    """What the network of an entry has, as a fact, holds for every run."""
    facts = {} if record is None or at is None else record.facts.get(at, {})
    return {
        name: float(value) for name in METRICS if isinstance(value := facts.get(name), int | float)
    }


def _scores(run: Run, record: Record) -> Metrics:
    """A run's metrics; one that diverged scores as an untrained predictor, or has no score."""
    if run.status != "diverged":
        return run.metrics
    untrained = record.untrained or {}

    def score(key: str, value: float | None) -> float | None:
        name = key.partition("@")[0]
        rule = METRICS[name].diverged if name in METRICS else "nothing"
        if rule == "kept":
            return value
        return untrained.get(key, untrained.get(name)) if rule == "untrained" else None

    return {key: score(key, value) for key, value in run.metrics.items()}
