"""A run told to people by real Snakemake: its lines, its end, and reports that replace nothing."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from project import ROOT, Project
from waiting import wait_for

pytestmark = pytest.mark.dag

BROKEN = """
from torch import nn
class Net(nn.Module):
    def __init__(self, inputs, classes):
        super().__init__()
        self.layer, self.calls = nn.Linear(inputs, classes), 0
    def forward(self, x):
        self.calls += 1
        if self.calls > 20:  # it works as long as it is tried
            raise ValueError('no network today')
        return self.layer(x.flatten(1))
def build(spec, generator):
    return Net(64, spec.classes)
"""
LINE = re.compile(r"tiny/\w+ · [\w.]+ · [\w ]+ · [\d.]+ s · \d of 5( · about \d+ s left)?")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, str]:
    """A project under git whose run is done, and what the run said."""
    project = Project(tmp_path_factory.mktemp("told"))
    shutil.copy(ROOT / ".gitignore", project.folder)
    done = project.run()
    assert done.returncode == 0, done.stdout
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"]):
        git(project, *command)
    return project, done.stdout


def git(project: Project, *command: str) -> str:
    me = ["-c", "user.name=me", "-c", "user.email=me@example.org"]
    done = subprocess.run(
        ["git", *me, *command], cwd=project.folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def nnbench(project: Project, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nnbench", *command],
        cwd=project.folder,
        env=project.environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def checksums(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and "parts" not in path.parts]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_run_says_a_line_per_cell_and_ends_with_what_was_found(
    finished: tuple[Project, str],
) -> None:
    _, said = finished
    lines = said.splitlines()
    assert sum(LINE.fullmatch(line) is not None for line in lines) == 5
    assert any(line.startswith("5 of 5 cells to measure on 2 cores · about ") for line in lines)
    assert "reproduced: tiny/coins. Yes, there is no practical difference, as expected." in said
    assert lines[-1] == "Report: reports/index.html"
    assert not re.search(r"[0-9a-f]{16}|rule \w+:|results/cells", said)
    assert len(said) < 2000


def test_what_snakemake_says_stands_in_its_own_log(finished: tuple[Project, str]) -> None:
    project, _ = finished
    (log, *_) = sorted((project.folder / ".snakemake/log").iterdir())
    assert "rule cell:" in log.read_text()


def test_a_cells_log_says_what_it_did(finished: tuple[Project, str]) -> None:
    project, _ = finished
    for log in project.folder.glob("results/cells/*/seeds-5.log"):
        assert re.search(
            r"seeds 0-4: measuring on \w+\n(.*\n)*nnbench: seeds 0-4: measured in [\d.]+ s\n",
            log.read_text(),
        )


def test_a_run_of_one_claim_changes_no_tracked_file(finished: tuple[Project, str]) -> None:
    project, _ = finished
    before = checksums(project.folder / "reports"), checksums(project.folder / "results/aggregate")
    done = nnbench(project, "run", "tiny/coins", "--cores", "2")
    assert done.returncode == 0, done.stderr
    assert "Report: reports/parts/tiny-coins/index.html" in done.stderr
    assert re.search(r"raw +\d\d\.\d+ ± ", done.stdout)  # its table
    assert (project.folder / "reports/parts/tiny-coins/index.html").exists()
    after = checksums(project.folder / "reports"), checksums(project.folder / "results/aggregate")
    assert after == before
    assert git(project, "status", "--porcelain") == ""


def test_snakemake_itself_takes_a_claim_as_a_text(finished: tuple[Project, str]) -> None:
    project, _ = finished
    done = project.run("--config", "only=tiny/coins", "seeds=4")
    assert done.returncode == 0, done.stdout
    assert "Report: reports/parts/tiny-coins-4-seeds/index.html" in done.stdout
    assert git(project, "status", "--porcelain") == ""


def test_a_finished_run_says_its_headline_again(finished: tuple[Project, str]) -> None:
    project, said = finished
    again = project.run().stdout.splitlines()
    assert "Nothing to be done" in again
    assert again[-2:] == said.splitlines()[-2:]


def test_status_and_show_tell_the_same_from_another_terminal(
    finished: tuple[Project, str],
) -> None:
    project, _ = finished
    assert nnbench(project, "status", "--watch").stdout == "5 of 5 cells are measured\n"
    shown = nnbench(project, "show", "tiny/*").stdout
    figure = "reports/figures/tiny-rate-digits-as-written.svg"
    assert f"Figure: {figure}" in shown
    assert (project.folder / figure).exists()
    assert nnbench(project, "open").stdout.startswith(str(project.folder / "reports/index.html"))


def test_data_that_are_prepared_anew_hide_nothing_that_is_to_be_done(tmp_path: Path) -> None:
    """Snakemake forgets in such a run why jobs behind ``ancient()`` are to run."""
    project = Project(tmp_path)
    assert project.run().returncode == 0
    project.levels()["0.3"] = {"lr": 0.3}
    project.document["claims"]["rate"]["claimed"]["0.3"] = 0.1
    project.save()
    elsewhere = project.run("--config", "download=true", "data_folder=elsewhere")
    assert " · 6 of 6" in elsewhere.stdout
    assert "(0.249" in elsewhere.stdout  # in the headline of the new report
    rules = project.folder / "workflow/rules/run.smk"
    rules.write_text(rules.read_text().replace("nnbench prepare", "nnbench  prepare"))
    project.levels()["0.4"] = {"lr": 0.4}
    project.document["claims"]["rate"]["claimed"]["0.4"] = 0.1
    project.save()
    assert "1 of 7 cells are not measured: start it again." in project.run().stdout
    assert " · 7 of 7" in project.run().stdout


def test_one_broken_cell_costs_no_report(tmp_path: Path) -> None:
    project = Project(tmp_path)
    (project.folder / "broken.py").write_text(BROKEN)
    project.levels()["0.1"]["model"] = "broken:build"
    project.save()
    done = project.run()
    assert done.returncode == 1
    assert re.search(r"tiny/rate · 0.1 · Digits 8 x 8 · FAILED after [\d.]+ s", done.stdout)
    assert "no network today" in done.stdout
    page = "reports/parts/now/index.html"
    assert f"4 of 5 cells are measured, 1 failed. A report of what is there: {page}" in done.stdout
    text = (project.folder / page).read_text()
    assert "there is no practical difference, as expected" in text
    assert "not measured so far: 0.1 (no record: its job failed or has not run)" in text
    shown = nnbench(project, "show", "--report", "reports/parts/now").stdout
    assert "reproduced: tiny/coins" in shown
    assert "tiny/rate" not in shown
    assert not (project.folder / "reports/index.html").exists()
    assert "1 failed" in nnbench(project, "status").stdout


def test_a_killed_run_is_gone_on_with_by_nnbench_run(tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.only_rates(0.1, 0.2, train_for="20000 epochs")
    process = project.start()
    wait_for(lambda: [*project.folder.glob("results/cells/*/seeds-5.log")], "a cell")
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert [*project.folder.glob(".snakemake/locks/*.lock")]
    project.document["claims"]["rate"]["settings"]["train_for"] = "2 epochs"
    project.save()
    refused = project.run()
    assert refused.returncode == 1
    assert "--unlock" in refused.stdout
    done = nnbench(project, "run", "tiny/rate")
    assert done.returncode == 0, done.stderr
    assert "an earlier run was killed; its lock is removed" in done.stderr
