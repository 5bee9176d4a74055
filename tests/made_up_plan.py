"""A tiny document in a folder, the plan that it makes, and records as its cells would leave them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from nnbench.cells.cell import BLOCK, Cell, blocks_of
from nnbench.claims.config import parse_config
from nnbench.plan.plan import Plan, make_plan
from nnbench.records.record import Record
from nnbench.records.store import record_path, write_record

CLAIM: Mapping[str, Any] = {
    "title": "A higher rate lowers the loss",
    "quote": "high 0.1 · middle 0.2 · low 0.3",
    "kind": "order",
    "metric": "test_loss",
    "datasets": {"digits": {}},
    "settings": {"train_for": "2 epochs"},
    "levels": {"high": {"lr": 0.1}, "middle": {"lr": 0.01}, "low": {"lr": 0.001}},
    "claimed": {"high": 0.1, "middle": 0.2, "low": 0.3},
}
TUNED: Mapping[str, Any] = {
    "tracks": ["as-written", "tuned"],
    "tune": {"lr": [0.001, 0.01, 0.1]},
    "levels": {"relu": {}, "tanh": {"activation": "tanh"}},
    "claimed": {"relu": 0.1, "tanh": 0.2},
}
FILE = "paper.yaml"


def claim(**changes: Any) -> dict[str, Any]:
    """The tiny claim with some of its keys replaced; None removes a key."""
    return {key: value for key, value in {**CLAIM, **changes}.items() if value is not None}


def level(**settings: Any) -> dict[str, Any]:
    """The tiny claim with other settings for its level ``high``."""
    return claim(levels={**CLAIM["levels"], "high": settings})


def document(claims: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    return {"document": "paper", "title": "A paper", "file": "a.txt", "claims": claims, **changes}


def write_text(folder: Path, text: str, *, file: str = FILE) -> None:
    (folder / file).write_text(text, encoding="utf-8")


def write_document(folder: Path, claims: Mapping[str, Any], *, file: str = FILE) -> None:
    write_text(folder, yaml.safe_dump(document(claims), sort_keys=False), file=file)


def plan_in(folder: Path, **config: Any) -> Plan:
    """The plan of what lies in the folder; results and reports would go there too."""
    places = {name: str(folder / name) for name in ("results", "reports")}
    documents = [str(folder / FILE)]
    return make_plan(parse_config({"documents": documents, **places, **config}))


def planned(folder: Path, *claims: Mapping[str, Any], **config: Any) -> Plan:
    """The plan of a document with claims ``c0``, ``c1``, …"""
    write_document(folder, {f"c{i}": item for i, item in enumerate(claims)})
    return plan_in(folder, **config)


def cells_by_level(plan: Plan, *, claim_id: str = "paper/c0", **place: Any) -> dict[str, Cell]:
    """Level -> cell, of one claim; ``place`` may name variant, dataset and track."""
    return {
        use.level: plan.cells[use.cells[0]]
        for use in plan.uses
        if use.claim == claim_id and all(getattr(use, key) == v for key, v in place.items())
    }


MACHINE = {
    "hostname": "host",
    "platform": "Linux",
    "cores": 2,
    "memory_gb": 8.0,
    "device": "cpu",
    "device_name": "a processor",
    "cuda": None,
    "cudnn": None,
    "threads": 1,
    "tf32": False,
    "deterministic": True,
}


def made_up_record(
    cell: Cell,
    metrics: Mapping[str, Sequence[float]],
    *,
    classes: int = 10,
    diverged: Sequence[int] = (),
    capped: Sequence[int] = (),
    lost: Sequence[int] = (),
    **more: Any,
) -> dict[str, Any]:
    """All seeds of a cell as one record, plain data; ``metrics`` hold one value per seed.

    ``more`` replaces fields, as ``missing``, ``facts``, ``notes`` and ``machine``.
    """
    status = {**dict.fromkeys(diverged, "diverged"), **dict.fromkeys(capped, "capped")}
    seeds = range(max((len(values) for values in metrics.values()), default=BLOCK))
    runs = {
        str(seed): {
            "status": status.get(seed, "ok"),
            "metrics": {name: values[seed] for name, values in metrics.items()},
        }
        for seed in seeds
        if seed not in lost
    }
    points = [[0.5 - 0.1 * point] * len(seeds) for point in range(2)]
    search = cell.search.model_dump(mode="json") if cell.search else None
    return {
        "cell": cell.model_dump(mode="json"),
        "seeds": list(seeds),
        "runs": runs,
        "curves": {"epochs": [1.0, 2.0], "train_loss": points, "validation_loss": points}
        | {"validation_accuracy": points},
        "untrained": untrained(classes),
        "missing": {},
        "facts": {},
        "notes": [],
        "test_samples": 360,
        "parameters": 1000,
        "stacked": True,
        "steps": 10,
        "settings_used": cell.settings.model_dump(mode="json"),
        "search": search and {**search, "chosen": 0, "scores": [0.5] * len(search["candidates"])},
        "seconds": {"load": 0.5, "train": 2.0, "evaluate": 0.5},
        "search_seconds": 0.0,
        "samples_per_second": 1e4,
        "device_peak_memory_mb": None,
        "started": "2026-01-01T00:00:00.000+00:00",
        "ended": "2026-01-01T00:00:03.000+00:00",
        "data": {},
        "machine": MACHINE,
        "versions": {"nnbench": "0", "python": "3", "torch": "2", "torchvision": None},
        "peak_memory_mb": 500.0,
        "git_commit": None,
        "git_dirty": None,
    } | more


def in_blocks(record: Mapping[str, Any]) -> list[Record]:
    """A record of all seeds as the records of its blocks: runs and columns of curves are divided."""
    found = []
    for block in blocks_of(len(record["seeds"])):
        curves = record["curves"] and {
            name: values if name == "epochs" else [[row[seed] for seed in block] for row in values]
            for name, values in record["curves"].items()
        }
        samples = record.get("samples") and {
            name: {k: text for k, text in kept.items() if int(k) in block}
            if isinstance(kept, Mapping)
            else kept
            for name, kept in record["samples"].items()
        }
        runs = {k: run for k, run in record["runs"].items() if int(k) in block}
        own = {**record, "seeds": block, "curves": curves, "runs": runs, "samples": samples}
        found.append(Record.model_validate_json(json.dumps(own)))
    return found


def untrained(classes: int) -> dict[str, float]:
    """What a network scores that gives every class the same probability."""
    return {
        f"{part}_{name}": value
        for part in ("train", "validation", "test")
        for name, value in (("loss", math.log(classes)), ("accuracy", 1 / classes))
    }


def store(plan: Plan, cell: Cell, record: Mapping[str, Any]) -> Path:
    """Write a record of all seeds, block by block; the first one's path."""
    paths = []
    for block in in_blocks(record):
        paths.append(record_path(Path(plan.config.results), cell.id, block.seeds))
        write_record(paths[-1], block)
    return paths[0]
