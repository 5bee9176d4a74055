"""Entries of ``levels`` in ``results.json``: the runs of one level as one claim sees them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from nnbench.claims.claim import Claim
from nnbench.datasets.base import Dataset
from nnbench.metrics import METRICS, Metric
from nnbench.plan.plan import Plan
from nnbench.text.rounding import loss_unit
from nnbench.verdicts.rules import log_scale, mean_interval

CURVE_POINTS = 60  # as many as a figure can show
COUNTED = ("parameters", "flops")  # facts of a network, shown as numbers without an interval
IN_EACH_BLOCK = "chosen in each block"

Cells = Mapping[str, Mapping[str, Any]]


def level_entry(
    group: pd.DataFrame,
    claim: Claim,
    plan: Plan,
    *,
    cells: Cells,
    curves: pd.DataFrame,
    reason: str | None,
) -> dict[str, Any]:
    """One entry of ``levels``: what a level read in every seed, in the claim's reading.

    ``reason`` says why nothing was measured, if that is so.
    """
    metric, first = METRICS[claim.metric], group.iloc[0]
    level, ids = str(first["level"]), str(first["cells"]).split()
    at = first["at"] if isinstance(first["at"], str) else None
    facts = [cells.get(cell_id, {}) for cell_id in ids]
    alone = ids[0] if len(ids) == 1 else None
    status = dict(zip(group["seed"].astype(str), group["status"], strict=True))
    counts = Counter(status.values())
    return {
        "level": level,
        "role": str(first["role"]),
        "at": at,
        "claimed": claim.claimed.get(level),
        "claimed_rank": claim.order.index(level) + 1 if level in claim.order else None,
        **_interval(group[metric.name], metric, exact=claim.kind == "definition"),
        "n": len(group) - counts["missing"],
        "planned": len(group),
        "diverged": counts["diverged"],
        "capped": counts["capped"],
        "failed": counts["missing"],
        "not_measured": reason,
        "values": {seed: finite(v) for seed, v in zip(status, group[metric.name], strict=True)},
        "seed_status": status,
        "metrics": {
            name: _interval(group[name], METRICS[name])
            for name in METRICS
            if name not in (metric.name, *COUNTED) and group[name].notna().any()
        },
        "cell": alone,
        "cells": ids,
        "settings": _settings(ids, facts, plan),
        **_costs(facts),
        "parameters": _count(group["parameters"], facts),
        "flops": _count(group["flops"], ()),
        "facts": _place_facts(facts, at),
        "search": _search_entry(facts[0].get("search")) if alone else None,
        "curves": _curve_entry(curves, alone) if alone and at is None else None,
    }


def _costs(facts: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Training time of all candidates together, and the mean speed."""
    times = [cell["seconds"]["train"] for cell in facts if "train" in (cell.get("seconds") or {})]
    speeds = [speed for cell in facts if (speed := cell.get("samples_per_second"))]
    return {
        "train_seconds": sum(times) if times else None,
        "samples_per_second": sum(speeds) / len(speeds) if speeds else None,
    }


def _count(values: pd.Series[Any], facts: Sequence[Mapping[str, Any]]) -> float | None:
    """A network's number of something; the mean over blocks where they chose different networks."""
    known = values.dropna()
    if known.empty:
        return facts[0].get("parameters") if len(facts) == 1 else None
    return float(known.mean())


def _settings(ids: Sequence[str], facts: Sequence[Mapping[str, Any]], plan: Plan) -> dict[str, Any]:
    """A level's settings; of a pick those that all candidates share."""
    found: list[dict[str, Any]] = [
        cell.get("settings_used") or plan.cells[cell_id].settings.model_dump(mode="json")
        for cell_id, cell in zip(ids, facts, strict=True)
    ]
    same = {key for key in found[0] if all(one.get(key) == found[0][key] for one in found)}
    return {key: value if key in same else IN_EACH_BLOCK for key, value in found[0].items()}


def _place_facts(facts: Sequence[Mapping[str, Any]], at: str | None) -> dict[str, Any]:
    """What the record tells about the level's place, or about its only one."""
    found = facts[0].get("facts") or {}
    if at is None and len(found) == 1:
        return dict(next(iter(found.values())))
    return dict(found.get(at, {}))


def pick_entry(
    offered: pd.DataFrame,
    chosen: Mapping[str, str | None],
    plan: Plan,
    *,
    by: str,
    draws: float,
    metric: str,
) -> dict[str, Any]:
    """How a level was picked: every candidate, what it scored and how often it was chosen.

    ``chosen`` names the cell of each seed.
    """
    settings = {
        cell: plan.cells[cell].settings.model_dump(mode="json") for cell in offered["cell"].unique()
    }
    varied = _differing(settings.values())
    candidates = [
        {
            "cell": cell,
            "settings": {key: settings[cell][key] for key in varied},
            "by": _interval(rows["by"], METRICS[by]),
            **_interval(rows["value"], METRICS[metric]),
            "drawn": int(rows["drawn"].sum()),
            "chosen": int(rows["chosen"].sum()),
            "diverged": int((rows["status"] == "diverged").sum()),
        }
        for cell, rows in offered.groupby("cell", sort=False)
    ]
    return {
        "by": by,
        "metric": metric,
        "draws": None if math.isnan(draws) else int(draws),
        "candidates": candidates,
        "chosen": dict(chosen),
    }


def objective_of(levels: Sequence[Mapping[str, Any]], dataset: Dataset) -> str | None:
    """What the networks of all levels minimise; None if it is not the same."""
    default = "mse" if dataset.task == "regression" else "cross_entropy"
    found = {level["settings"].get("loss") or default for level in levels}
    return str(found.pop()) if len(found) == 1 and IN_EACH_BLOCK not in found else None


def metric_on(metric: Metric, dataset: Dataset, objective: str | None) -> Metric:
    """A metric on a dataset: a loss has the unit of what its networks minimise."""
    if metric.unit != "nats":
        return metric
    return replace(metric, unit=loss_unit(objective, dataset.task))


def resolution(
    levels: Sequence[Mapping[str, Any]], metric: Metric, dataset: Dataset
) -> float | None:
    """Standard error of an accuracy by a fixed test set alone: sqrt(p (1 - p) / n)."""
    means = [level["mean"] for level in levels if level["mean"] is not None]
    whole = all(level["at"] is None for level in levels)
    if metric.name != "test_accuracy" or dataset.kind != "fixed" or not means or not whole:
        return None
    p = sum(means) / len(means)
    return math.sqrt(p * (1 - p) / dataset.test_size)


def _differing(settings: Iterable[Mapping[str, Any]]) -> list[str]:
    rows = list(settings)
    return [key for key in rows[0] if any(row[key] != rows[0][key] for row in rows)]


def _interval(values: pd.Series[Any], metric: Metric, *, exact: bool = False) -> dict[str, Any]:
    """Mean and 95 % t interval in natural units; of a log-scale metric the geometric ones."""
    known = values.dropna().to_numpy(dtype=float)
    if known.size == 0:
        return {"mean": None, "low": None, "high": None}
    if exact:
        return {"mean": float(known[0]), "low": None, "high": None}
    if metric.scale == "log":
        numbers = [math.exp(x) for x in mean_interval(log_scale(known))]
    else:
        numbers = list(mean_interval(known))
    return dict(zip(("mean", "low", "high"), map(finite, numbers), strict=True))


def _search_entry(search: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not search:
        return None
    best, candidates = search["chosen"], search["candidates"]
    chosen = candidates[best]
    return {
        "candidates": candidates,
        "scores": search["scores"],
        "chosen": best,
        "at_edge": any(_at_edge(chosen[key], [c[key] for c in candidates]) for key in chosen),
        "seeds": len(search["seeds"]),
    }


def _at_edge(value: object, grid: Sequence[object]) -> bool:
    """Whether a number is the lowest or highest of its grid, so that a better one may lie beyond."""
    numbers = [x for x in grid if isinstance(x, int | float) and not isinstance(x, bool)]
    if len(numbers) < len(grid) or len(set(numbers)) == 1:
        return False  # what has no order has no edge, and a single value was not searched
    return value in (min(numbers), max(numbers))


def _curve_entry(curves: pd.DataFrame, cell_id: str) -> dict[str, list[Any]] | None:
    own = curves[curves["cell"] == cell_id].drop(columns="cell")
    if own.empty:
        return None
    thinned = own.iloc[[round(i) for i in _spread(len(own))]]
    return {
        str(name): [finite(float(f"{value:.5g}")) for value in thinned[name]]
        for name in thinned.columns
    }


def _spread(length: int) -> list[float]:
    """At most CURVE_POINTS positions, equally spaced, both ends among them."""
    count = min(length, CURVE_POINTS)
    return [i * (length - 1) / max(count - 1, 1) for i in range(count)]


def finite(value: float | None) -> float | None:
    """The value, or None where JSON has no word for it."""
    return None if value is None or not math.isfinite(value) else float(value)
