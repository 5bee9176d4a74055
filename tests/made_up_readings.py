"""Made-up claims that read places, pick candidates, give an order, or time machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from made_up_plan import MACHINE, claim, made_up_record, planned, store

from nnbench.plan.plan import Plan

SEEDS = 5
STILL = [0.20, 0.21, 0.19, 0.20, 0.22]
TURNED = [0.60, 0.63, 0.58, 0.61, 0.64]
FAST, SLOW = [1.0, 1.1, 0.9, 1.0, 1.05], [2.0, 2.3, 1.9, 2.1, 2.0]


def places() -> dict[str, Any]:
    """One training, read as it is, on turned images, and on noisy ones."""
    return claim(
        settings={
            "train_for": "2 epochs",
            "shifts": {"rotated": {"rotation_degrees": 30}, "noisy": {"noise": 0.5}},
        },
        levels={"still": {}, "turned": {"at": "rotated"}},
        controls={"noisy": {"at": "noisy"}},
        claimed=None,
        order=["still", "turned"],
    )


def picked(*, draws: int | None = None, **changes: Any) -> dict[str, Any]:
    """A level that is chosen among rates by its validation loss, and one that is not."""
    values = {"lr": {"low": 0.001, "high": 0.1, "log": True}}
    pick: dict[str, Any] = {"by": "validation_loss", "grid": {"lr": [0.1, 0.01, 0.001, 0.02]}}
    if draws:
        pick = {"by": "validation_loss", "random": values, "pool": 12, "draws": draws}
    return claim(
        **{
            "kind": "best",
            "levels": {"picked": {"pick": pick}, "fixed": {"lr": 0.5}},
            "claimed": None,
            "better": ["picked"],
            "than": ["fixed"],
            **changes,
        }
    )


def frameworks(**changes: Any) -> dict[str, Any]:
    """Two timings out of one cell."""
    names = {"A": "pytorch", "B": "tensorflow"}
    return claim(
        **{
            "metric": "seconds",
            "settings": {"experiment": "frameworks", "experiment_options": {"frameworks": names}},
            "levels": {"A": {"at": "A"}, "B": {"at": "B"}},
            "claimed": None,
            "order": ["A", "B"],
            **changes,
        }
    )


def fill_cells(
    plan: Plan, values: Mapping[str, Mapping[str, Sequence[float]]], **more: Any
) -> None:
    """A record for each cell: ``values[cell id]``, or those of ``""`` where it is not named."""
    for cell in plan.cells.values():
        metrics = values.get(cell.id, values.get("", {}))
        store(plan, cell, made_up_record(cell, metrics, **more))


def plan_of(folder: Path, item: Mapping[str, Any], *, seeds: int = SEEDS) -> Plan:
    """The plan of one claim, ``paper/c0``."""
    return planned(folder, item, seeds=seeds)


def machine(name: str) -> dict[str, Any]:
    return {**MACHINE, "device_name": name}
