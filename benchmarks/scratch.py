"""Scratch projects for benchmarks of the pipeline, and commands timed in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent


def timed(command: list[str], folder: Path) -> float:
    """Wall seconds of a command that must succeed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return time.perf_counter() - started


def document(levels: dict[str, dict[str, object]], *, train_for: str) -> dict[str, object]:
    claim = {
        "title": "t", "quote": "q", "kind": "differs", "metric": "test_loss", "datasets": {"digits": {}},
        "settings": {"train_for": train_for}, "levels": levels, "experiment": "e", "limits": "l",
    }  # fmt: skip
    return {"document": "bench", "title": "Bench", "file": "bench.txt", "claims": {"levels": claim}}


def project(
    folder: Path, levels: dict[str, dict[str, object]], *, train_for: str, seeds: int = 10
) -> None:
    """A project folder with one claim: its workflow and the scikit-learn digits."""
    for name in ("workflow", "profiles"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "Snakefile", folder)
    (folder / "config").mkdir()
    (folder / "config/config.yaml").write_text(f"documents: [config/bench.yaml]\nseeds: {seeds}\n")
    text = yaml.safe_dump(document(levels, train_for=train_for), sort_keys=False)
    (folder / "config/bench.yaml").write_text(text)
