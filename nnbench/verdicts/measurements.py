"""Records to measurements: what each level of a claim reads in each seed (pandas).

A missing or rejected record makes rows with status ``missing``: no run is dropped in silence.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from nnbench.cells.cell import canonical
from nnbench.experiments.measured import JsonObject, Metrics, Run
from nnbench.metrics import METRICS
from nnbench.plan.levels import Use
from nnbench.plan.plan import Plan
from nnbench.records.record import Record
from nnbench.verdicts.evidence import Records

USE_COLUMNS = (
    "claim", "variant", "dataset", "track", "level", "role", "at", "pick_by", "draws",
)  # fmt: skip
_MEASURED = ("metric", "seed", "status", "cell", "value", *METRICS)
RUN_COLUMNS = ("seed", "status", "cell", *METRICS)
OFFER_COLUMNS = ("seed", "cell", "status", "by", "value", "drawn", "chosen")
Row = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LevelRuns:
    """What one level of a claim reads, on one dataset in one track or context.

    ``runs`` has one row per seed: ``seed``, ``status``, ``cell`` (the one that was read; None where a
    pick could choose none) and every metric, in natural units. ``offered`` has, for a pick, one per
    seed and candidate: whether it was ``drawn`` and ``chosen``, its value of the metric to choose
    ``by``, and its ``value`` of the metric that the claim is about.
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
    """The tidy table (``docs/measurements.md``): a row per claim, variant, dataset, track, level, seed."""
    runs = [_runs(level) for level in levels if level.use.context is None]
    return _table(runs, (*USE_COLUMNS, *_MEASURED))


def in_contexts(levels: Iterable[LevelRuns]) -> pd.DataFrame:
    """The same of contexts: a row per claim, context, level and seed."""
    runs = [_runs(level) for level in levels if level.use.context is not None]
    return _table(runs, ("claim", "context", *USE_COLUMNS[2:], *_MEASURED))


def _runs(level: LevelRuns) -> tuple[Use, pd.DataFrame]:
    runs, metric = level.runs, level.metric
    return level.use, runs.assign(metric=metric, value=runs[metric])


def candidates(levels: Iterable[LevelRuns]) -> pd.DataFrame:
    """One row per picked level, seed and candidate."""
    offers = ((lv.use, lv.offered) for lv in levels if lv.use.context is None)
    return _table(offers, (*USE_COLUMNS, *OFFER_COLUMNS))


def _table(parts: Iterable[tuple[Use, pd.DataFrame]], columns: Sequence[str]) -> pd.DataFrame:
    """What levels have, each row with its use; types are the same even where there are no rows."""
    parts = list(parts)
    named = [name for name in columns if name in Use.__dataclass_fields__ and name != "seeds"]
    lengths = [len(part) for _, part in parts]
    own = {name: np.repeat([getattr(use, name) for use, _ in parts], lengths) for name in named}
    table = (
        pd.concat([part for _, part in parts if len(part)], ignore_index=True)
        if sum(lengths)
        else pd.DataFrame()
    )
    types = {name: _TYPES.get(name, "string") for name in columns}
    return (
        table.assign(**own)
        .reindex(columns=list(columns))
        .astype({**types, **{name: "float64" for name in columns if name in METRICS}})
    )


_TYPES: Mapping[str, str] = {
    "seed": "int64", "drawn": "int64", "chosen": "int64", "draws": "Int64", "by": "float64", "value": "float64",
}  # fmt: skip


# --- what each level reads


def _level(use: Use, plan: Plan, records: Records, *, metric: str) -> LevelRuns:
    cells = [rows_of(records.joined(cell, seeds=use.seeds), use, metric) for cell in use.cells]
    read: list[Row] = [{"cell": use.cells[0], **row} for row in cells[0]]
    offered: list[Row] = []
    if use.pick_by is not None:
        read, offered = _picked(use, plan, cells, metric=metric)
    runs = _with_metrics(read)
    runs.insert(0, "seed", range(use.seeds))
    runs.insert(1, "status", [_status(row, metric) for row in read])
    runs.insert(2, "cell", [row["cell"] for row in read])
    offers = pd.DataFrame(offered, columns=list(OFFER_COLUMNS))
    return LevelRuns(use=use, metric=metric, runs=runs, offered=offers)


def _with_metrics(rows: Iterable[Row]) -> pd.DataFrame:
    """The metrics of rows as numbers, all at once: pandas takes milliseconds for each level otherwise."""
    values = [[row.get(name) for name in METRICS] for row in rows]
    return pd.DataFrame(np.array(values, dtype=np.float64), columns=list(METRICS))


def _status(row: Row, metric: str) -> object:
    """A run that did not measure the claim's metric is missing."""
    value = row.get(metric)
    unmeasured = value is None or (isinstance(value, float) and math.isnan(value))
    return "missing" if unmeasured and row["status"] in ("ok", "capped") else row["status"]


def _picked(
    use: Use, plan: Plan, cells: Sequence[Sequence[Row]], *, metric: str
) -> tuple[list[Row], list[Row]]:
    """What a pick reads in each seed, and the candidates that each seed was offered."""
    assert use.pick_by is not None
    settings = [plan.cells[cell_id].settings.model_dump(mode="json") for cell_id in use.cells]
    names, about = candidate_names(settings), metric_about(metric, use.pick_by)
    read: list[Row] = []
    offered: list[Row] = []
    columns = ["status", *METRICS]
    for seed in range(use.seeds):
        block = pd.DataFrame([rows[seed] for rows in cells], columns=columns)
        block = block.astype(dict.fromkeys(METRICS, float))
        drawn = drawn_candidates(names, seed, use.draws)
        best = choose(block, use.pick_by, among=drawn)
        # where none can be chosen, the first that diverged counts; without one the block is lost
        diverged = (i for i in drawn if block["status"].iloc[i] == "diverged")
        taken = next(diverged, None) if best is None else best
        row: dict[str, object] = {"status": "missing"}
        if taken is not None:
            row = dict(zip(columns, block.iloc[taken], strict=True))
            row["rank_correlation"] = rank_correlation(block, use.pick_by, about)
        read.append({**row, "cell": None if best is None else use.cells[best]})
        scores = zip(use.cells, block["status"], block[use.pick_by], block[about], strict=True)
        offered += [
            dict(zip(OFFER_COLUMNS, (seed, *own, int(i in drawn), int(i == best)), strict=True))
            for i, own in enumerate(scores)
        ]
    return read, offered


# --- a level that is chosen among candidates, never by the test set


def candidate_names(settings: Sequence[JsonObject]) -> list[str]:
    """Each candidate by the settings that not all share, as canonical JSON."""
    varied = differing(settings)
    return [canonical({key: one[key] for key in varied}) for one in settings]


def differing(settings: Sequence[JsonObject]) -> list[str]:
    """The keys whose values are not the same everywhere."""
    first = settings[0]
    return [key for key in first if any(other[key] != first[key] for other in settings)]


def drawn_candidates(names: Sequence[str], seed: int, draws: int | None) -> list[int]:
    """Which of a pick's candidates a block may choose among, by number; ``draws`` None: all.

    A PCG64 stream of the block's own, seeded by the SHA-256 of the candidates' names and the seed,
    gives each candidate a raw 64-bit number, and the ``draws`` lowest are drawn. Raw streams are the
    same on every machine and in every version of numpy; the names are settings, so that an edit of the
    code draws the same ones.
    """
    if draws is None or draws >= len(names):
        return list(range(len(names)))
    digest = hashlib.sha256(canonical([*names, seed]).encode()).digest()
    numbers = np.random.PCG64(int.from_bytes(digest, "big")).random_raw(len(names))
    return sorted(np.argsort(numbers, kind="stable")[:draws].tolist())


def choose(block: pd.DataFrame, by: str, *, among: Sequence[int]) -> int | None:
    """The row with the best value of a metric, the first of equal ones; None if no run has one."""
    values, status = block[by].tolist(), block["status"].tolist()
    sign = 1.0 if METRICS[by].lower_is_better else -1.0
    able = [i for i in among if status[i] in ("ok", "capped") and not math.isnan(values[i])]
    return min(able, key=lambda i: sign * values[i], default=None)


def rank_correlation(block: pd.DataFrame, by: str, metric: str) -> float:
    """Spearman's correlation of two metrics over candidates, both turned so that more is better.

    NaN where a metric has fewer than three values or is the same everywhere.
    """
    both = block[[by, metric]].dropna()
    if len(both) < 3 or (both.nunique() < 2).any():
        return float("nan")
    sign = 1.0 if METRICS[by].lower_is_better == METRICS[metric].lower_is_better else -1.0
    return sign * float(both.iloc[:, 0].rank().corr(both.iloc[:, 1].rank()))


def metric_about(metric: str, by: str) -> str:
    """What a pick's candidates are compared in: the claim's metric.

    A claim about the rank correlation itself is about the same quantity of the test set.
    """
    return metric if metric != "rank_correlation" else f"test_{by.partition('_')[2]}"


# --- what a cell's record holds


def rows_of(record: Record | None, use: Use, metric: str) -> list[Row]:
    """Status and metrics of each seed; metrics of the entry that the use reads replace the run's own.

    The claim's metric has to be the entry's own: the loss on the whole test set is not that of one
    class. A count may be that of the whole network.
    """
    missing: Row = {"status": "missing"}
    if record is None:
        return [missing] * use.seeds
    scores = {seed: _scores(run, record) for seed, run in record.runs.items()}
    own = {name for score in scores.values() for name, _ in _at(score, use.at)}
    if use.at and METRICS[metric].unit != "count":
        own.add(metric)
    facts = {} if use.at is None else record.facts.get(use.at, {})  # counts hold for every run
    counts = {n: float(v) for n in METRICS if isinstance(v := facts.get(n), int | float)}
    shared = {**dict.fromkeys(own), **counts}

    def row(seed: str) -> Row:
        if seed not in scores:
            return missing
        score, status = scores[seed], record.runs[seed].status
        return {"status": status, **dict(_at(score, None)), **shared, **dict(_at(score, use.at))}

    return [row(str(seed)) for seed in range(use.seeds)]


def _at(scores: Metrics, at: str | None) -> Iterator[tuple[str, float | None]]:
    """The metrics read at one entry of a cell (``test_loss@rotated``); None: the run's own."""
    for key, value in scores.items():
        name, _, there = key.partition("@")
        if name in METRICS and there == (at or ""):
            yield name, value


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
