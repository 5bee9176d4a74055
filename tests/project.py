"""A copy of the project with a tiny document, for tests that run Snakemake for real."""

from __future__ import annotations

import fnmatch
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import yaml
from waiting import PATIENCE_SECONDS

from nnbench.jobs.batches import Batch

TABLES = "results/aggregate/measurements.csv"  # everything is trained, nothing is judged
ROOT = Path(__file__).parent.parent

TINY: dict[str, Any] = {
    "document": "tiny",
    "title": "A tiny document",
    "file": "tiny.txt",
    "claims": {
        "rate": {
            "title": "A moderate rate is better than a tiny one, and a tiny one than an absurd one",
            "quote": "0.1 0.2 · 0.0001 0.9 · absurd 2.0",
            "kind": "order",
            "metric": "test_loss",
            "factor": "learning rate",
            "experiment": "SGD with three rates.",
            "limits": "Digits only.",
            "datasets": {"digits": {}},
            "settings": {"optimizer": "sgd", "train_for": "2 epochs", "hidden": [16]},
            "levels": {"0.1": {"lr": 0.1}, "0.0001": {"lr": 1e-4}, "absurd": {"lr": 1e30}},
            "claimed": {"0.1": 0.2, "0.0001": 0.9, "absurd": 2.0},
        },
        "coins": {
            "title": "Scaling does not help on coin flips",
            "quote": "Standardize the data",
            "kind": "equal",
            "metric": "test_accuracy",
            "factor": "scaling",
            "experiment": "Random labels.",
            "limits": "A control.",
            "datasets": {"coin_flip": {"train_for": "1 epochs"}},
            "levels": {"raw": {"inputs": "raw"}, "scaled": {}},
        },
    },
}

TIMED: dict[str, Any] = {
    "title": "MobileNetV2 is faster than AlexNet",
    "quote": "faster",
    "kind": "differs",
    "margin": 0.05,
    "metric": "images_per_second",
    "factor": "model",
    "experiment": "A few tiny images each.",
    "limits": "A test.",
    "datasets": {"random_inputs": {}},
    "settings": {
        "experiment": "inference_speed",
        "experiment_options": {
            "models": {"mobilenet": "mobilenet_v2", "alexnet": "alexnet"},
            "resolutions": {"mobilenet": 32, "alexnet": 64},
            "seconds_each": 0.01,
            "min_steps": 2,
            "warmup_steps": 1,
            "batch_sizes": [1],
        },
    },
    "levels": {"mobilenet": {"at": "mobilenet"}, "alexnet": {"at": "alexnet"}},
}


class Project:
    """The project in a folder of its own; its package is the copy, not the installed one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("nnbench", "snakemake_logger_plugin_nnbench", "workflow", "profiles"):
            shutil.copytree(
                ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__")
            )
        shutil.copy(ROOT / "Snakefile", folder)
        (folder / "config/claims").mkdir(parents=True)
        self.config: dict[str, Any] = {"documents": ["config/claims/tiny.yaml"], "seeds": 5}
        self.document = json.loads(json.dumps(TINY))
        self.variables: dict[str, str] = {}  # of the environment, beside those that are there
        self.patience_seconds = 300.0
        self.save()

    def save(self) -> None:
        """Write config and document."""
        (self.folder / "config/config.yaml").write_text(yaml.safe_dump(self.config))
        (self.folder / "config/claims/tiny.yaml").write_text(yaml.safe_dump(self.document))

    def levels(self, claim: str = "rate") -> dict[str, Any]:
        levels: dict[str, Any] = self.document["claims"][claim]["levels"]
        return levels

    def only_rates(self, *rates: float, train_for: str) -> None:
        """Let the document have one cell for each of these learning rates, and no other."""
        del self.document["claims"]["coins"]
        claim = self.document["claims"]["rate"]
        claim["settings"]["train_for"] = train_for
        claim["levels"] = {str(rate): {"lr": rate} for rate in rates}
        claim["claimed"] = {str(rate): rate for rate in rates}
        self.save()

    def looked_at(self) -> Project:
        """This project with ``seeds: auto``, and with two rates so close that five seeds are too few."""
        self.config["seeds"] = "auto"
        self.levels()["0.11"] = {"lr": 0.11}
        self.document["claims"]["rate"]["claimed"]["0.11"] = 0.21
        self.save()
        return self

    def looks(self) -> dict[str, list[int]]:
        """Claim -> after how many seeds it was looked at."""
        return {c["id"]: c["results"][0]["looks"] for c in self.results()["claims"]}

    def on_cluster(self, environment: Mapping[str, str]) -> Project:
        """This project, run where commands find a cluster by these variables, and jobs queue."""
        self.variables, self.patience_seconds = dict(environment), 3 * PATIENCE_SECONDS
        return self

    def environment(self) -> dict[str, str]:
        own = {"PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        return {**os.environ, **own, **self.variables}

    def command(self, *options: str, cores: int | None = 2) -> list[str]:
        offered = (
            [] if cores is None else ["--cores", str(cores)]
        )  # a cluster's are its own business
        return [sys.executable, "-m", "snakemake", *offered, *options]

    def start(self, *options: str, cores: int | None = 2) -> subprocess.Popen[str]:
        """Start Snakemake as the leader of a process group of its own."""
        return subprocess.Popen(
            self.command(*options, cores=cores),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *options: str, cores: int | None = 2) -> subprocess.CompletedProcess[str]:
        """Run Snakemake to its end."""
        process = self.start(*options, cores=cores)
        output, _ = process.communicate(timeout=self.patience_seconds)
        return subprocess.CompletedProcess(process.args, process.returncode, output, "")

    def records(self) -> dict[str, Path]:
        """Cell id -> the record of its first block, which is the only one of five seeds."""
        return {p.parent.name: p for p in self.folder.glob("results/cells/*/record-0-?.json")}

    def planned(self) -> dict[str, Path]:
        """The records of the last run's plan; those of earlier plans stay beside them."""
        table = pd.read_csv(self.folder / TABLES, usecols=["cell"], dtype=str)
        return {cell: path for cell, path in self.records().items() if cell in set(table["cell"])}

    def stamps(self) -> dict[str, int]:
        """Cell id -> when its record was written."""
        return {cell: path.stat().st_mtime_ns for cell, path in self.records().items()}

    def metrics(self, blocks: str = "0-?") -> dict[str, Any]:
        """Cell and block -> runs and curves: everything that must not depend on how it was scheduled."""
        found = {}
        for path in self.folder.glob(f"results/cells/*/record-{blocks}.json"):
            record = json.loads(path.read_bytes())["record"]
            wanted = ("runs", "curves", "settings_used")  # the last one of trainings only
            name = path.parent.name if blocks == "0-?" else f"{path.parent.name}/{path.stem}"
            found[name] = {key: record[key] for key in wanted if key in record}
        return found

    def results(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / "reports/results.json").read_bytes())
        return content


def batch_of(folder: Path, *cells: str) -> str:
    """What the batch of these cells, of five seeds each, is called in a project's runs."""
    five = dict.fromkeys(cells, 5)
    with chdir(folder):
        return Batch(cells=five, data="", seconds=0.0, memory_mb=1, alone=False).name


def measuring(folder: Path) -> dict[str, psutil.Process]:
    """Cell id -> the process that measures it, of those of a project's run: the one that writes the cell's log."""
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.cmdline()[1:4] == ["-m", "nnbench", "batch"]:
                log = Path(f"/proc/{process.pid}/fd/1").readlink()
                if log.parent.parent == (folder / "results/cells").resolve():
                    found[log.parent.name] = process
    return found


USUAL = ("record-*-*.json", "planned.json", "seeds-*.done", "seeds-*.log", ".lock")


def leftovers(cells: Path) -> set[str]:
    """Files beside the records that should be gone after a run that went well."""
    names = {path.name for path in cells.glob("*/*")}
    rejected = {name for name in names if name.endswith(".rejected.json")}
    usual = {name for name in names if any(fnmatch.fnmatch(name, own) for own in USUAL)}
    return names - usual | rejected
