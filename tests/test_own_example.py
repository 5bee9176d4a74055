"""The worked example of an own document, own data and an own model, run by the commands of its README."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.dag
ROOT = Path(__file__).parent.parent
README = (ROOT / "examples/own/README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    plugin = "snakemake_logger_plugin_nnbench"
    for name in ("nnbench", plugin, "workflow", "profiles", "config", "examples"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "Snakefile", folder)
    return folder


def run(folder: Path, command: str) -> str:
    """One of the README's commands, by the Python of the tests."""
    done = subprocess.run(  # noqa: S602 - as a user types it
        command,
        shell=True,
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(folder),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def commands() -> list[str]:
    (block,) = re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL)
    return block.splitlines()


def test_the_example_is_planned_trained_and_judged_as_its_readme_says(copy: Path) -> None:
    plan, snakemake = commands()
    assert "flowers/nearness" in run(copy, plan)
    run(copy, snakemake)
    results = json.loads((copy / "results/own/report/results.json").read_bytes())
    (claim,) = results["claims"]
    assert claim["id"] == "flowers/nearness"
    assert claim["verdict"]
    assert claim["results"][0]["dataset_title"] == "Iris"
    assert {level["level"]: level["n"] for level in claim["results"][0]["levels"]} == {
        "bells": 10,
        "lines": 10,
    }
    page = (copy / "results/own/report/index.html").read_text(encoding="utf-8")
    assert "nearness to typical flowers" in page
