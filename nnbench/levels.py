"""Entries of ``levels`` in ``results.json``: the runs of one cell as one claim sees them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from nnbench.claims import Claim
from nnbench.metrics import METRICS, Metric
from nnbench.plan import Plan
from nnbench.verdict import log_scale, mean_interval

CURVE_POINTS = 60  # as many as a figure can show
OTHER_METRICS = (
    "test_loss", "test_accuracy", "train_loss", "train_accuracy", "validation_loss",
    "validation_accuracy", "epochs_to_target",
)  # fmt: skip


def level_entry(
    group: pd.DataFrame,
    claim: Claim,
    plan: Plan,
    *,
    cells: Mapping[str, Mapping[str, Any]],
    curves: pd.DataFrame,
) -> dict[str, Any]:
    """One entry of ``levels``: the runs of one cell as this claim sees them."""
    metric = METRICS[claim.metric]
    level, cell_id, role = (str(group.iloc[0][key]) for key in ("level", "cell", "role"))
    cell, facts = plan.cells[cell_id], cells.get(cell_id, {})
    status = dict(zip(group["seed"].astype(str), group["status"], strict=True))
    counts = Counter(status.values())
    return {
        "level": level,
        "role": role,
        "claimed": claim.claimed.get(level),
        **_interval(group[metric.name], metric, exact=claim.kind == "definition"),
        "n": len(group) - counts["missing"],
        "planned": len(cell.seeds),
        "diverged": counts["diverged"],
        "capped": counts["capped"],
        "failed": counts["missing"],
        "values": {seed: finite(v) for seed, v in zip(status, group[metric.name], strict=True)},
        "seed_status": status,
        "metrics": {
            name: _interval(group[name], METRICS[name])
            for name in OTHER_METRICS
            if name != metric.name and group[name].notna().any()
        },
        "cell": cell_id,
        "settings": facts.get("settings_used") or cell.settings.model_dump(mode="json"),
        "train_seconds": (facts.get("seconds") or {}).get("train"),
        "samples_per_second": facts.get("samples_per_second"),
        "parameters": facts.get("parameters"),
        "search": _search_entry(facts.get("search")),
        "curves": _curve_entry(curves, cell_id),
    }


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
    return {
        "candidates": candidates,
        "scores": search["scores"],
        "chosen": best,
        "at_edge": best in (0, len(candidates) - 1),
        "seeds": len(search["seeds"]),
    }


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
