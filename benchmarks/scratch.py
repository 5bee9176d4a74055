"""Scratch projects for benchmarks of the pipeline, and commands timed in them."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
HERE = {**os.environ, "PYTHONPATH": str(ROOT)}


def timed(command: list[str], folder: Path) -> float:
    """Wall seconds of a command that must succeed."""
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=HERE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return time.perf_counter() - started


@dataclass(frozen=True, slots=True)
class Spent:
    """CPU seconds of a process itself, and of all that it started and waited for."""

    own: float
    children: float

    @property
    def share(self) -> float:
        """Its own part of all."""
        return self.own / (self.own + self.children)


def spent(command: list[str], folder: Path, *, environment: Mapping[str, str]) -> Spent:
    """What a command that must succeed has used when it ends (Linux)."""
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            command, cwd=folder, env=dict(environment), stdout=said, stderr=said
        )
        # it has ended, but can still be asked
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        stat = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8")
    assert process.wait() == 0, (folder / "said").read_text(encoding="utf-8")
    ticks = [int(text) for text in stat.rpartition(")")[2].split()[11:15]]
    user, system, of_children, system_of_children = (n / os.sysconf("SC_CLK_TCK") for n in ticks)
    return Spent(user + system, of_children + system_of_children)


def document(levels: dict[str, dict[str, object]], *, train_for: str) -> dict[str, object]:
    claim = {
        "title": "t", "quote": "q", "kind": "differs", "margin": 0.05, "metric": "test_loss", "datasets": {"digits": {}},
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
