"""The runs of one level as one claim sees them: ``levels`` in ``results.json``; learning curves."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from nnbench.claims.claim import Claim
from nnbench.claims.kinds import KINDS
from nnbench.datasets.base import Dataset
from nnbench.experiments.measured import JsonObject
from nnbench.metrics import METRICS, Metric, log_scale
from nnbench.plan.plan import Plan
from nnbench.records.level import (
    Bounds,
    CandidateResult,
    FromBaseline,
    LevelResult,
    PickResult,
    SearchResult,
    SeedStatus,
)
from nnbench.records.record import Record
from nnbench.verdicts.changes import on_scale
from nnbench.verdicts.evidence import Records
from nnbench.verdicts.measurements import LevelRuns, differing, metric_about
from nnbench.verdicts.rules import ALPHA, Floats, finite, mean_interval

IN_EACH_BLOCK = "chosen in each block"
CURVE_POINTS = 60  # as many as a figure can show
CURVES = ("train_loss", "validation_loss", "validation_accuracy")


def level_result(
    level: LevelRuns,
    claim: Claim,
    plan: Plan,
    records: Records,
    *,
    reason: str | None,
    base: LevelRuns | None = None,
) -> LevelResult:
    """What a level read in every seed, in the claim's reading.

    ``reason`` says why nothing was measured, if that is so; ``base`` is the level's baseline.
    """
    use, runs, metric = level.use, level.runs, METRICS[claim.metric]
    facts = [records.joined(cell_id, seeds=use.seeds) for cell_id in use.cells]
    alone = facts[0] if len(use.cells) == 1 else None
    times = [r.seconds["train"] for r in facts if r and "train" in r.seconds]  # of all candidates
    speeds = [r.samples_per_second for r in facts if r and r.samples_per_second]
    status: dict[str, SeedStatus] = dict(zip(runs["seed"].astype(str), runs["status"], strict=True))
    counts, parameters = Counter(status.values()), finite(runs["parameters"].mean())
    exact, sure = KINDS[claim.kind].status == "measured", 1 - ALPHA * use.share
    return LevelResult(
        level=use.level,
        role=use.role,
        at=use.at,
        claimed=claim.claimed.get(use.level),
        claimed_rank=claim.order.index(use.level) + 1 if use.level in claim.order else None,
        **dict(bounds(runs[metric.name], metric, exact=exact, level=sure)),
        from_baseline=_from_baseline(level, base, metric, sure=sure) if base else None,
        n=len(runs) - counts["missing"],
        planned=len(runs),
        diverged=counts["diverged"],
        capped=counts["capped"],
        failed=counts["missing"],
        not_measured=reason,
        values={seed: finite(v) for seed, v in zip(status, runs[metric.name], strict=True)},
        seed_status=status,
        metrics={
            name: bounds(runs[name], other, level=sure)
            for name, other in METRICS.items()
            # of a network's numbers there is no interval
            if name != metric.name and other.unit != "count" and runs[name].notna().any()
        },
        cell=use.cells[0] if len(use.cells) == 1 else None,
        cells=use.cells,
        settings=_settings(level, plan, records),
        train_seconds=sum(times) if times else None,
        samples_per_second=sum(speeds) / len(speeds) if speeds else None,
        # means, where the seeds chose different networks
        parameters=alone.parameters if alone and parameters is None else parameters,
        flops=finite(runs["flops"].mean()),
        facts=_facts_at(facts[0], use.at),
        search=_search(alone),
        pick=_pick(level, plan, metric),
        curves=shown_curves(alone) if use.at is None else None,
        tested_epoch=_tested_epoch(alone) if use.at is None else None,
    )


def bounds(
    values: "pd.Series[float]", metric: Metric, *, exact: bool = False, level: float = 1 - ALPHA
) -> Bounds:
    """Mean and t interval in natural units; of a log-scale metric the geometric ones."""
    known = values.dropna().to_numpy(dtype=float)
    if metric.scale == "log" and not exact:
        numbers = [math.exp(x) for x in mean_interval(log_scale(known), level=level)]
    else:
        numbers = list(mean_interval(known[:1] if exact else known, level=level))
    mean, low, high = map(finite, numbers)
    return Bounds(mean=mean, low=low, high=high)


def _from_baseline(
    level: LevelRuns, base: LevelRuns, metric: Metric, *, sure: float
) -> FromBaseline:
    """The mean change over the seeds that have a run of both, with its t interval."""
    changes = on_scale(level, metric) - on_scale(base, metric)
    mean, low, high = map(finite, mean_interval(changes[~np.isnan(changes)], level=sure))
    return FromBaseline(mean=mean, low=low, high=high, baseline=base.use.level)


def objective_of(levels: Sequence[LevelResult], dataset: Dataset) -> str | None:
    """What the networks of all levels minimise; None if it is not the same."""
    default = "mse" if dataset.task == "regression" else "cross_entropy"
    found = {str(level.settings.get("loss") or default) for level in levels}
    return found.pop() if len(found) == 1 and IN_EACH_BLOCK not in found else None


def resolution(levels: Sequence[LevelResult], metric: Metric, dataset: Dataset) -> float | None:
    """Standard error of an accuracy by a fixed test set alone: sqrt(p (1 - p) / n)."""
    means = [level.mean for level in levels if level.mean is not None]
    whole = all(level.at is None for level in levels)
    if metric.name != "test_accuracy" or dataset.kind != "fixed" or not means or not whole:
        return None
    p = sum(means) / len(means)
    return math.sqrt(p * (1 - p) / dataset.test_size)


def _settings(level: LevelRuns, plan: Plan, records: Records) -> JsonObject:
    """A level's settings: those that all candidates share, and all blocks."""
    found: list[JsonObject] = []
    for cell_id in level.use.cells:
        used = [r.settings_used for r in records.of(cell_id, seeds=level.use.seeds)]
        planned = plan.cells[cell_id].settings.model_dump(mode="json")
        found += [one for one in used if one] or [planned]
    same = {key for key in found[0] if all(one.get(key) == found[0][key] for one in found)}
    return {key: value if key in same else IN_EACH_BLOCK for key, value in found[0].items()}


def _facts_at(record: Record | None, at: str | None) -> JsonObject:
    """What the record tells of the entry that the level reads, or of its only one."""
    found = record.facts if record else {}
    if at is None and len(found) == 1:
        return dict(next(iter(found.values())))
    return dict(found.get(at or "", {}))


def _search(record: Record | None) -> SearchResult | None:
    if record is None or record.search is None:
        return None
    search = record.search
    chosen = search.candidates[search.chosen]
    at_edge = any(_at_edge(chosen[key], [c[key] for c in search.candidates]) for key in chosen)
    own = search.model_dump(exclude={"seeds"})
    return SearchResult(**own, at_edge=at_edge, seeds=len(search.seeds))


def _at_edge(value: object, grid: Sequence[object]) -> bool:
    """Whether a number is the lowest or highest of its grid, so that a better one may lie beyond."""
    numbers = [x for x in grid if isinstance(x, int | float) and not isinstance(x, bool)]
    if len(numbers) < len(grid) or len(set(numbers)) == 1:
        return False  # what has no order has no edge, and a single value was not searched
    return value in (min(numbers), max(numbers))


def _pick(level: LevelRuns, plan: Plan, metric: Metric) -> PickResult | None:
    """How a level was picked: every candidate, what it scored and how often it was chosen."""
    use, offered = level.use, level.offered
    if use.pick_by is None:
        return None
    settings = [plan.cells[cell_id].settings.model_dump(mode="json") for cell_id in use.cells]
    varied, about = differing(settings), metric_about(metric.name, use.pick_by)
    candidates = []
    for cell_id, own in zip(use.cells, settings, strict=True):
        rows = offered[offered["cell"] == cell_id]
        candidates.append(
            CandidateResult(
                cell=cell_id,
                settings={key: own[key] for key in varied},
                by=bounds(rows["by"], METRICS[use.pick_by]),
                **dict(bounds(rows["value"], METRICS[about])),
                drawn=int(rows["drawn"].sum()),
                chosen=int(rows["chosen"].sum()),
                diverged=int((rows["status"] == "diverged").sum()),
            )
        )
    chosen = dict(zip(level.runs["seed"].astype(str), level.runs["cell"], strict=True))
    return PickResult(
        by=use.pick_by,
        metric=about,
        draws=use.draws,
        candidates=tuple(candidates),
        chosen={seed: cell if isinstance(cell, str) else None for seed, cell in chosen.items()},
    )


# --- the learning curves of a cell


def curve_table(plan: Plan, records: Records) -> pd.DataFrame:
    """The curves of all cells, one below the other."""
    frames = [
        table.assign(cell=cell_id)
        for cell_id, seeds in plan.seeds.items()
        if (table := mean_curves(records.joined(cell_id, seeds=seeds))) is not None
    ]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"cell": []})


def mean_curves(record: Record | None) -> pd.DataFrame | None:
    """Mean of each curve over the runs that did not diverge, with its 95 % t interval.

    Where all of them diverged, over all. None where there are no curves.
    """
    if record is None or record.curves is None:
        return None
    runs = [record.runs.get(str(seed)) for seed in record.seeds]
    kept = [i for i, run in enumerate(runs) if run is not None and run.status != "diverged"]
    columns: dict[str, object] = {"epochs": record.curves.epochs}
    for name in CURVES:
        rows = getattr(record.curves, name)
        if not rows:
            continue
        values = np.array(rows, dtype=float)  # (points, runs); NaN: not read
        mean, half = _mean_and_half(values[:, kept] if kept else values)
        columns[name] = mean
        if name == "validation_loss":
            columns |= {f"{name}_low": mean - half, f"{name}_high": mean + half}
    return pd.DataFrame(columns)


def _mean_and_half(values: Floats) -> tuple[Floats, Floats]:
    """Of each row its mean, and half of its 95 % t interval; NaN where there is none."""
    count = (~np.isnan(values)).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.nansum(values, axis=1) / count
        squares = np.nansum((values - mean[:, None]) ** 2, axis=1)
        error = np.sqrt(squares / (count - 1) / count)
    return mean, stats.t.ppf(0.975, count - 1) * error


def shown_curves(record: Record | None) -> dict[str, tuple[float | None, ...]] | None:
    """The curves as the results state them: few points, five digits."""
    table = mean_curves(record)
    if table is None or table.empty:
        return None
    count = min(len(table), CURVE_POINTS)  # equally spaced, both ends among them
    points = [round(i * (len(table) - 1) / max(count - 1, 1)) for i in range(count)]
    return {
        str(name): tuple(finite(float(f"{value:.5g}")) for value in table[name].iloc[points])
        for name in table.columns
    }


def _tested_epoch(record: Record | None) -> float | None:
    """The epoch of the checkpoint, as a median over runs; None where the last weights are tested."""
    curves = record.curves if record else None
    if record is None or curves is None or record.cell.settings.checkpoint != "best":
        return None
    losses = pd.DataFrame(curves.validation_loss, index=curves.epochs, dtype=float)
    lowest = losses.dropna(axis=1, how="all").idxmin()
    return finite(lowest.median()) if len(lowest) else None
