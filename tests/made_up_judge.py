"""Made-up measurements of every kind of claim, and the read side run on them."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from made_up_plan import claim, made_up_record, plan_in, store, write_document

from nnbench.cells.cell import dataset_of
from nnbench.datasets.prepared import store as data_store
from nnbench.plan.plan import Plan
from nnbench.records.results import read_results
from nnbench.records.store import dataset_folder
from nnbench.verdicts.judge import gather, judge, write_results
from nnbench.verdicts.tables import write_tables

T4 = 2.7764451051977987  # 97.5 % quantile of Student's t, 4 degrees of freedom
LOSSES = {
    "high": [0.10, 0.11, 0.09, 0.10, 0.12],
    "middle": [0.21, 0.20, 0.19, 0.23, 0.22],
    "low": [0.40, 0.38, 0.41, 0.39, 0.42],
}
ON, OFF = [0.60, 0.61, 0.62, 0.63, 0.64], [0.50, 0.52, 0.50, 0.52, 0.50]
COINS = {"raw": [0.501, 0.499, 0.5, 0.502, 0.498], "scaled": [0.5, 0.5, 0.501, 0.501, 0.499]}
EPOCHS = {"fast": [2.0, 3.0, 2.0, 4.0, 3.0], "slow": [8.0, 10.0, 9.0, 10.0, 10.0]}

TARGET = {"target": {"value": 0.9}, "stop_at_target": True}
CLAIMS: dict[str, dict[str, Any]] = {
    "order": claim(controls={"none": {"lr": 1.0}}),
    "best": claim(
        kind="best",
        metric="test_accuracy",
        datasets={"coin_flip": {}},
        levels={"on": {"l2": 0.1}, "off": {"l2": 0.2}},
        claimed={"on": "85 %"},
        better=["on"],
        than=["off"],
    ),
    "differs": claim(
        kind="differs",
        margin=0.05,
        levels={"a": {"lr": 0.3}, "b": {"lr": 0.4}},
        claimed=None,
        tracks=["as-written", "tuned"],
        tune={"l1": [0.1, 0.2]},
        variants={"1": {"title": "Read otherwise", "levels": {"a": {"lr": 0.5}, "b": {"lr": 0.6}}}},
    ),
    "equal": claim(
        kind="equal",
        metric="test_accuracy",
        datasets={"coin_flip": {}},
        levels={"raw": {"inputs": "raw"}, "scaled": {}},
        claimed=None,
    ),
    "sizes": claim(
        kind="definition",
        metric="parameters",
        levels={"64": {"hidden": [64]}, "32": {"hidden": [32]}},
        claimed={"64": 4800, "32": 2410},
    ),
    "speed": claim(
        metric="epochs_to_target",
        settings={"train_for": "10 epochs", **TARGET},
        levels={"fast": {"lr": 0.1}, "slow": {"lr": 0.01}},
        claimed={"fast": 3, "slow": 9},
    ),
    "later": claim(not_run="needs a cluster"),
    "opinion": {"title": "t", "quote": "q", "kind": "qualitative", "links": ["paper/order"]},
}


def fill(
    plan: Plan, name: str, metric: str, values: Mapping[str, Sequence[float]], **states: Any
) -> None:
    """Records for the levels of a claim; ``states`` maps level -> diverged, capped or lost seeds."""
    for use in plan.uses:
        if use.claim == f"paper/{name}" and use.level in values:
            cell = plan.cells[use.cells[0]]
            classes = len(dataset_of(cell.dataset).class_names)
            own = {key: by_level.get(use.level, ()) for key, by_level in states.items()}
            metrics = {metric: values[use.level], "validation_loss": [0.5] * len(values[use.level])}
            store(plan, cell, made_up_record(cell, metrics, classes=classes, **own))


def prepare(plan: Plan) -> None:
    for name in plan.datasets():
        folder = dataset_folder(Path(plan.config.results), name)
        data_store.prepare(dataset_of(name), folder, data_folder=None, download=False)


def judged(plan: Plan) -> dict[str, Any]:
    """Run the read side and read what it wrote."""
    target = Path(plan.config.reports) / "results.json"
    evidence = gather(plan)
    write_tables(evidence, Path(plan.config.results) / "aggregate")
    results = judge(plan, evidence)
    write_results(results, target)
    assert read_results(target) == results
    text = target.read_text(encoding="utf-8")
    assert not {"NaN", "Infinity", "-Infinity"} & set(text.replace(",", " ").split())
    return json.loads(text)  # type: ignore[no-any-return]


def entry(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in content["claims"] if item["id"] == f"paper/{name}")


def levels(content: Mapping[str, Any], name: str, part: int = 0) -> dict[str, Any]:
    return {item["level"]: item for item in entry(content, name)["results"][part]["levels"]}


def pairs(content: Mapping[str, Any], name: str, part: int = 0) -> dict[tuple[str, str], Any]:
    return {(p["a"], p["b"]): p for p in entry(content, name)["results"][part]["pairs"]}


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    mean = statistics.fmean(values)
    half = T4 * statistics.stdev(values) / math.sqrt(5)
    return mean, mean - half, mean + half


def numbers(item: Mapping[str, Any]) -> tuple[float, float, float]:
    return item.get("mean", item.get("difference")), item["low"], item["high"]


def one_claim(folder: Path, name: str, *, seeds: int = 5) -> Plan:
    write_document(folder, {name: CLAIMS[name]})
    return plan_in(folder, seeds=seeds)


def table(plan: Plan, name: str) -> pd.DataFrame:
    return pd.read_csv(Path(plan.config.results) / "aggregate" / f"{name}.csv")
