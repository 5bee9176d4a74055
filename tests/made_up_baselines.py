"""A claim about an interaction with records whose changes are known: two losses, with outliers and without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from made_up_plan import cells_by_level, claim, made_up_record, planned, store

from nnbench.experiments.samples import packed_losses
from nnbench.plan.plan import Plan
from nnbench.records.results import Results
from nnbench.verdicts.judge import judge

CLEAN = {"mild": "mild, clean", "steep": "steep, clean"}
VALUES: Mapping[str, Sequence[float]] = {
    "mild": [0.21, 0.22, 0.20, 0.205, 0.23],
    "steep": [0.26, 0.29, 0.24, 0.27, 0.28],
    "mild, clean": [0.20, 0.21, 0.19, 0.20, 0.22],
    "steep, clean": [0.20, 0.22, 0.18, 0.21, 0.21],
}


def sensitivity(**changes: Any) -> dict[str, Any]:
    """Outliers are claimed to raise the error of one level less than that of another."""
    return claim(
        **{
            "claimed": None,
            "order": ["mild", "steep"],
            "levels": {"mild": {"lr": 0.1}, "steep": {"lr": 0.01}},
            "controls": {"mild, clean": {"lr": 0.2}, "steep, clean": {"lr": 0.02}},
            "baseline": CLEAN,
            **changes,
        }
    )


def filled(plan: Plan, metric: str = "test_loss", **records: Mapping[str, Any] | None) -> Plan:
    """Records of all levels; ``records`` are fields of a level's own, by its name, or None for no record."""
    for name, cell in cells_by_level(plan).items():
        own = records.get(name.replace(", ", "_"), {})
        if own is not None:
            store(plan, cell, made_up_record(cell, {metric: VALUES[name]}, **own))
    return plan


def found(folder: Path, metric: str = "test_loss", **records: Mapping[str, Any] | None) -> Results:
    return judge(filled(planned(folder, sensitivity(metric=metric), seeds=5), metric, **records))


def by_hand(metric: str = "test_loss") -> np.ndarray[Any, Any]:
    """The difference of differences in each seed: by how much more the steep level changes."""
    table = {name: np.array(row) for name, row in VALUES.items()}
    if metric == "test_loss":
        table = {name: np.log(row) for name, row in table.items()}
    changes = {name: table[name] - table[base] for name, base in CLEAN.items()}
    return np.asarray(changes["steep"] - changes["mild"])


def with_samples(plan: Plan) -> tuple[Plan, dict[str, np.ndarray[Any, Any]]]:
    """Records with each sample's loss; and by level, what it adds to the logarithm of the mean [seeds, samples]."""
    logs = {}
    for index, (name, cell) in enumerate(cells_by_level(plan).items()):
        own = np.random.default_rng(index)
        losses = VALUES[name][0] * own.exponential(1.0, 400) * own.uniform(0.8, 1.2, (5, 400))
        means = losses.mean(axis=1, keepdims=True)
        logs[name] = np.log(means) + losses / means - 1
        kept = {"losses": {str(i): packed_losses(row) for i, row in enumerate(losses)}, "hits": {}}
        metrics = {"test_loss": means[:, 0].tolist()}
        store(plan, cell, made_up_record(cell, metrics, test_samples=400, samples=kept))
    return plan, logs
