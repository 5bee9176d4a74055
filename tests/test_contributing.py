"""The worked examples of CONTRIBUTING.md are real: they apply to the sources, and they work."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

CHECK = """
import torch
from nnbench.claims.config import read_config
from nnbench.cells.cell import dataset_of
from nnbench.plan.plan import make_plan
from nnbench.settings import Settings
from nnbench.engine.train import build_replicates

plan = make_plan(read_config("config/config.yaml"))
print(sum(use.claim == "keras/momentum" for use in plan.uses))
print(dataset_of("two_moons").draw(1500, seed=0, stream="train").inputs.shape)
settings = Settings(model="residual", hidden=(8, 8))
model = build_replicates(
    settings, input_shape=(2,), classes=2, seeds=(0, 1), device=torch.device("cpu")
)
print(model(torch.zeros(2, 3, 2)).shape, model.stacked)
"""


@pytest.fixture
def patched(tmp_path: Path) -> Path:
    """A copy of the sources with every diff of CONTRIBUTING.md applied."""
    for name in ("nnbench", "config"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for diff in re.findall(r"```diff\n(.*?)```", text, flags=re.DOTALL):
        subprocess.run(["git", "apply", "-"], input=diff, text=True, cwd=tmp_path, check=True)
    return tmp_path


def test_the_diffs_apply_and_the_new_parts_work(patched: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHECK],
        cwd=patched,
        env={**os.environ, "PYTHONPATH": str(patched)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["2", "(1500, 2)", "torch.Size([2, 3, 2]) False"]
