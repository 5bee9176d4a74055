"""Factor studies made up: as a config has them, with records, and as a report has them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from made_up_plan import made_up_record, store

from nnbench.claims.config import parse_config
from nnbench.plan.plan import Plan, make_plan

Json = dict[str, Any]
LEVELS = {"none": 0.0, "much": 0.0}


def share(value: float, half: float = 0.05) -> Json:
    return {"value": value, "low": max(0.0, value - half), "high": min(1.0, value + half)}


def data(shares: Mapping[str, float], *, half: float, lost: int = 0, fallen: int = 0) -> Json:
    """A data set with 16 points, of which the first are lost and the last have runs that diverged."""
    order = sorted(shares, key=lambda name: -shares[name])
    points = [
        {
            "point": f"point {at}", "cell": f"{at:016x}", "values": dict.fromkeys(order, "none") | {"at": str(at)},
            "runs": {"0": None if at <= lost else 0.5},
            "status": {"0": "missing" if at <= lost else "diverged" if at > 16 - fallen else "ok"},
        }
        for at in range(1, 17)
    ]  # fmt: skip
    factors = [
        {"factor": name, "rank": rank, "share": share(shares[name], half), "alone": share(0.0), "levels": LEVELS}
        for rank, name in enumerate(order, start=1)
    ]  # fmt: skip
    return {
        "dataset": "digits", "dataset_title": "Digits", "planned": 16, "measured": 16 - lost, "diverged": fallen,
        "missing": lost, "not_measured": None, "not_varied": [], "mean": 0.5, "deviation": 0.1, "noise": share(0.1),
        "higher": share(0.1), "factors": factors, "pairs": [], "points": points,
    }  # fmt: skip


def study(shares: Mapping[str, float], *, half: float = 0.05, **lost: int) -> Json:
    """A study on one data set, whose shares are therefore those of the order, too."""
    on = data(shares, half=half, **lost)
    order = [
        {"factor": f["factor"], "rank": f["rank"], "share": f["share"], "alone": f["alone"], "highest": "Digits", "claims": []}
        for f in on["factors"]
    ]  # fmt: skip
    return {
        "id": "study/mine", "title": "Mine", "metric": "test_accuracy", "scale": "raw", "seeds": 1,
        "sentence": "Rate matters most.", "limits": "", "factors": order, "datasets": [on],
    }  # fmt: skip


# --- a plan with records

STUDY: dict[str, Any] = {
    "title": "What matters",
    "points": 16,
    "datasets": {"digits": {}, "wine": {}},
    "settings": {"train_for": "2 epochs", "hidden": [8]},
    "factors": {
        "rate": {"levels": {"low": {"lr": 0.001}, "high": {"lr": 0.01}, "top": {"lr": 0.1}}},
        "activation": {"levels": {"relu": {}, "tanh": {"activation": "tanh"}}},
        "batch": {"levels": {"16": {"batch_size": 16}, "32": {"batch_size": 32}, "64": {"batch_size": 64}}},
        "turned": {"input": ["image"], "levels": {"no": {}, "yes": {"augment": {"rotation_degrees": 5}}}},
    },
}  # fmt: skip
CLAIM = {
    "title": "The rate matters", "quote": "the rate matters", "kind": "shares", "metric": "test_accuracy",
    "shares": {"study": "mine", "matter": ["rate"], "beside": "batch"},
}  # fmt: skip


def planned(
    folder: Path, claim: dict[str, Any] | None = None, *, only: str = "*", **changes: Any
) -> Plan:
    study = {**STUDY, **changes}
    paper = {
        "document": "paper",
        "title": "P",
        "file": "p.txt",
        "claims": {"rate": {**CLAIM, **(claim or {})}},
    }
    for name, content in (("studies.yaml", {"studies": {"mine": study}}), ("paper.yaml", paper)):
        (folder / name).write_text(yaml.safe_dump(content, sort_keys=False))
    config = {
        "documents": [str(folder / "paper.yaml")], "studies": [str(folder / "studies.yaml")], "only": [only],
        "results": str(folder / "results"), "reports": str(folder / "reports"),
    }  # fmt: skip
    return make_plan(parse_config(config))


def measured(
    folder: Path,
    *,
    claim: dict[str, Any] | None = None,
    lost: int = 0,
    diverged: int = 0,
    **changes: Any,
) -> Plan:
    """Runs whose accuracy depends on the rate alone; the last points of each data set are lost."""
    plan = planned(folder, claim, **changes)
    accuracy = {"low": 0.5, "high": 0.9, "top": 0.7}
    for point in plan.points:
        number, cell = int(point.use.level.split()[1]), plan.cells[point.use.cells[0]]
        if number > 16 - lost:
            continue
        values = [accuracy[point.values["rate"]] + 0.002 * seed for seed in range(5)]
        classes = 10 if point.use.dataset == "digits" else 3
        fallen = range(5) if number <= diverged else ()
        record = made_up_record(cell, {"test_accuracy": values}, classes=classes, diverged=fallen)
        store(plan, cell, record)
    return plan
