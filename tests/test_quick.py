"""The quick tier: how much it trains, that it is a part of the default tier, and that both agree."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from project import ROOT

from nnbench.cells.cell import Cell, dataset_of
from nnbench.claims.selection import read_run
from nnbench.datasets.selection import train_size
from nnbench.plan.plan import Plan, make_plan
from nnbench.records.results import Results, read_results

MOST_STEPS = 100_000  # of one replicate: what two cores train in three minutes
OPPOSITE = {"reproduced": "contradicted", "contradicted": "reproduced"}


def plans() -> tuple[Plan, Plan]:
    """The default tier's plan, and the quick one's."""
    base, quick = ROOT / "config/config.yaml", ROOT / "config/quick.yaml"
    made = [read_run(base, files, {}) for files in ([], [quick])]
    return make_plan(made[0], root=ROOT), make_plan(made[1], root=ROOT)


def test_it_has_a_dozen_claims_of_all_five_documents_within_a_budget_of_steps() -> None:
    _, quick = plans()
    claims = {use.claim for use in quick.uses}
    assert len(claims) >= 12
    assert len({claim.partition("/")[0] for claim in claims} - {"controls"}) == 5
    assert set(quick.seeds.values()) == {5, 15}  # more near a threshold
    assert sum(map(steps, quick.cells.values())) <= MOST_STEPS


def steps(cell: Cell) -> int:
    """Optimiser steps of one replicate, at most."""
    return cell.settings.total_steps(train_size(dataset_of(cell.dataset), cell.settings))


def test_its_cells_are_cells_of_the_default_tier() -> None:
    default, quick = plans()
    assert quick.cells.keys() <= default.cells.keys()


@pytest.mark.parametrize("folder", ["committed", pytest.param("made now", marks=pytest.mark.dag)])
def test_it_contradicts_no_verdict_of_the_default_tier(folder: str, tmp_path: Path) -> None:
    default = read_results(ROOT / "reports")
    reports = ROOT / "reports/quick" if folder == "committed" else run_in(tmp_path)
    quick = read_results(reports)
    verdicts = {claim.id: claim.verdict for claim in default.claims}
    judged = {claim.id: claim.verdict for claim in quick.claims if claim.results}
    assert len(judged) >= 12
    opposite = {i: v for i, v in judged.items() if v and verdicts[i] == OPPOSITE.get(v)}
    assert opposite == {}
    assert_same_runs(quick, default)


def run_in(folder: Path) -> Path:
    """Run the README's command in a copy of the project; the folder of its report."""
    names = ("nnbench", "snakemake_logger_plugin_nnbench", "workflow", "profiles", "config")
    for name in names:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", folder)
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "2", "--configfile", "config/quick.yaml"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "Report: reports/quick/index.html"
    assert " of 50 · about " in done.stderr
    assert not (folder / "reports/index.html").exists()
    return folder / "reports/quick"


def assert_same_runs(quick: Results, default: Results) -> None:
    """Each level's runs are the default tier's first five: equal to rounding on any machine."""
    whole = {(c.id, *f.key): f for c in default.claims for f in c.results}
    levels = 0
    for claim in quick.claims:
        for finding in claim.results:
            known = {level.level: level for level in whole[claim.id, *finding.key].levels}
            for level in finding.levels:
                low, high = known[level.level].low, known[level.level].high
                levels += 1
                assert level.mean is not None
                if low is not None and high is not None and high > low:
                    assert low - (high - low) < level.mean < high + (high - low)
    assert levels > 40
