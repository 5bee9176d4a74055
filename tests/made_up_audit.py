"""A small project that was really measured, for audits to measure again; records made up for audits."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from made_up_plan import FILE, MACHINE, claim

from nnbench.audit.audit import Audit, audit, measure_again
from nnbench.audit.subjects import Found, Task, finished
from nnbench.audit.text import audit_text
from nnbench.cells.cell import Cell, blocks_of, canonical
from nnbench.claims.config import Config, parse_config
from nnbench.experiments.measured import Run
from nnbench.plan.plan import Plan
from nnbench.records.record import Record
from nnbench.records.store import SCHEMA_VERSION, read_record, record_path, write_record

SMALL = claim(settings={"train_for": "1 epochs", "hidden": [8]})
BLOCK = (0, 1, 2, 3, 4)
Json = dict[str, Any]


def measure_all(plan: Plan) -> None:
    """Train every cell of a plan for real, two seconds each, and leave the records."""
    tasks = [
        Task(cell=cell, blocks=tuple(blocks_of(plan.seeds[cell.id])))
        for cell in plan.cells.values()
    ]
    reruns = measure_again(tasks, plan.config, device="cpu", cores=2)
    for task, rerun in zip(tasks, reruns, strict=True):
        assert rerun.records, rerun.output
        for record in rerun.records:
            store(plan, task.cell, record)


def store(plan: Plan, cell: Cell, record: Record) -> None:
    write_record(record_path(Path(plan.config.results), cell.id, record.seeds), record)


class Project:
    """A copy of a measured project, whose records can be changed."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        shutil.copytree(plan.config.results, folder / "results")
        shutil.copy(plan.config.documents[0], folder)
        folders = {name: str(folder / name) for name in ("results", "reports")}
        documents = [str(folder / FILE)]
        content = {**plan.config.model_dump(mode="json"), **folders, "documents": documents}
        self.config: Config = parse_config(content)
        self.folder, self.results = folder, folder / "results"
        self.ids = sorted(plan.cells)

    def path(self, at: int) -> Path:
        return record_path(self.results, self.ids[at], BLOCK)

    def record(self, at: int) -> Record:
        return read_record(self.path(at))

    def write(self, at: int, record: Record) -> None:
        write_record(self.path(at), record)

    def keep(self, *at: int) -> None:
        """Remove the other records."""
        for index in range(len(self.ids)):
            if index not in at:
                shutil.rmtree(self.path(index).parent, ignore_errors=True)

    def write_old(self, cell: Json, record: Record) -> Path:
        """A record as another code or plan would have left it, under the id of its own content."""
        content = {key: value for key, value in cell.items() if key != "id"}
        own_id = hashlib.sha256(canonical(content).encode()).hexdigest()[:16]
        path = record_path(self.results, own_id, record.seeds)
        write_plain(path, {**record.model_dump(mode="json"), "cell": {**content, "id": own_id}})
        return path

    def audit(self, found: Found | None = None, **options: Any) -> Json:
        """As a program gets it: through JSON."""
        return as_json(self.audited(found, **options))

    def audited(self, found: Found | None = None, **options: Any) -> Audit:
        found = found or finished(self.config, everything=options.pop("everything", False))
        given = {"cells": 10, "seed": 0, "device": "cpu", "cores": 2, **options}
        return audit(found, self.config, **given)


def as_json(audited: Audit) -> Json:
    content: Json = json.loads(json.dumps(asdict(audited), allow_nan=False))
    assert audit_text(audited)
    return content


def write_plain(path: Path, record: Json) -> None:
    """Any content as a record with a right checksum."""
    body = canonical(record).encode()
    digest = hashlib.sha256(body).hexdigest()
    head = f'{{"schema_version":{SCHEMA_VERSION},"sha256":"{digest}","record":'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head.encode() + body + b"}\n")


def scaled(record: Record, factor: Callable[[int], float]) -> Record:
    """A record whose losses are multiplied, by the row of their seed."""
    runs = {}
    for row, (seed, run) in enumerate(record.runs.items()):
        metrics = {
            name: value * factor(row) if "loss" in name and value is not None else value
            for name, value in run.metrics.items()
        }
        runs[seed] = Run(status=run.status, metrics=metrics)
    return record.model_copy(update={"runs": runs})


def block_record(
    cell: Cell,
    metrics: Mapping[str, Sequence[float]],
    *,
    seeds: Sequence[int] = BLOCK,
    diverged: Sequence[int] = (),
    **more: Any,
) -> Record:
    """A record whose metrics hold one value per seed; ``more`` replaces fields."""
    runs = {
        str(seed): {
            "status": "diverged" if seed in diverged else "ok",
            "metrics": {name: values[row] for name, values in metrics.items()},
        }
        for row, seed in enumerate(seeds)
    }
    content: dict[str, Any] = {
        "runs": runs,
        "curves": {"epochs": (1.0,), "train_loss": (tuple(0.5 for _ in seeds),)},
        "cell": cell,
        "seeds": tuple(seeds),
        "started": "2026-01-01T00:00:00.000+00:00",
        "ended": "2026-01-01T00:00:03.000+00:00",
        "machine": MACHINE,
        "versions": {"nnbench": "0", "python": "3", "torch": "2", "torchvision": None},
        "peak_memory_mb": 500.0,
        "git_commit": None,
        "git_dirty": None,
    }
    return Record.model_validate(content | more)
