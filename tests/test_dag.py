"""The smoke workflow, run by Snakemake for real, and what a user may do to it between two runs."""

from __future__ import annotations

import json
import os
import re
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from project import TABLES, Project, measuring
from waiting import PATIENCE_SECONDS, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.dag
LONG = "20000 epochs"  # long enough to be caught in the act


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose first run is done; tests undo nothing, so each states what it changes."""
    project = Project(tmp_path_factory.mktemp("finished"))
    done = project.run()
    assert done.returncode == 0, done.stdout
    return project


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    return Project(tmp_path)


def trained(project: Project, change: Callable[[], None]) -> set[str]:
    """The cells that the next run trains after a change of the project."""
    before = project.stamps()
    change()
    project.save()
    done = project.run()
    assert done.returncode == 0, done.stdout
    after = project.stamps()
    return {cell for cell, stamp in after.items() if before.get(cell) != stamp}


def test_the_run_ends_in_a_report_and_a_record_for_every_cell(finished: Project) -> None:
    assert len(finished.records()) == 5
    for name in ("index.html", "README.md", "results.json", "data/tiny-rate.csv"):
        assert (finished.folder / "reports" / name).stat().st_size > 0


def test_a_diverged_run_is_a_result_and_is_counted(finished: Project) -> None:
    (claim,) = (c for c in finished.results()["claims"] if c["id"] == "tiny/rate")
    absurd = {lv["level"]: lv for lv in claim["results"][0]["levels"]}["absurd"]
    assert (absurd["n"], absurd["diverged"]) == (5, 5)
    assert absurd["mean"] == pytest.approx(2.302585, abs=1e-6)  # ln 10: an untrained predictor


def test_a_second_run_has_nothing_to_do(finished: Project) -> None:
    before = finished.stamps()
    done = finished.run()
    assert done.returncode == 0
    assert "Nothing to be done" in done.stdout
    assert finished.stamps() == before


def test_a_new_level_trains_only_itself(finished: Project) -> None:
    def add_level() -> None:
        finished.levels()["0.3"] = {"lr": 0.3}
        finished.document["claims"]["rate"]["claimed"]["0.3"] = 0.1

    assert len(trained(finished, add_level)) == 1


def test_a_changed_level_trains_only_itself(finished: Project) -> None:
    def change_level() -> None:
        finished.levels()["0.1"]["lr"] = 0.11

    assert len(trained(finished, change_level)) == 1


@pytest.mark.parametrize(
    "file", ["report/templates/report.html.j2", "verdicts/rules.py", "text/wording.py"]
)
def test_an_edit_of_the_reading_side_renews_the_report_and_trains_nothing(
    finished: Project, file: str
) -> None:
    path = finished.folder / "nnbench" / file
    report = finished.folder / "reports/index.html"
    written = report.stat().st_mtime_ns
    edit = "{# a comment #}" if file.endswith(".j2") else "UNUSED = 1"  # prose is no edit

    assert trained(finished, lambda: _append(path, edit)) == set()
    assert report.stat().st_mtime_ns > written


def test_a_changed_margin_trains_nothing(finished: Project) -> None:
    def change_margin() -> None:
        finished.document["claims"]["rate"]["margin"] = 0.07

    assert trained(finished, change_margin) == set()


def test_another_device_setting_trains_nothing(finished: Project) -> None:
    def choose_cpu() -> None:
        finished.config["device"] = "cpu"

    assert trained(finished, choose_cpu) == set()


@pytest.mark.parametrize("damage", ["flip", "truncate", "older schema"])
def test_a_damaged_record_is_named_and_only_its_cell_runs_again(
    finished: Project, damage: str
) -> None:
    cell, path = sorted(finished.planned().items())[0]
    before, metrics = finished.stamps(), finished.metrics()
    content = path.read_bytes()
    damaged = {
        "flip": content[:500] + bytes([content[500] ^ 1]) + content[501:],
        "truncate": content[: len(content) // 2],
        "older schema": content.replace(b'"schema_version":2', b'"schema_version":1', 1),
    }[damage]
    path.write_bytes(damaged)
    done = finished.run()
    assert done.returncode == 0
    assert f"{cell}/record-0-4.json" in done.stdout
    assert {c for c, stamp in finished.stamps().items() if stamp != before[c]} == {cell}
    assert finished.metrics() == metrics


def test_a_damaged_record_is_kept_for_a_look_at_it(finished: Project) -> None:
    _, path = sorted(finished.planned().items())[0]
    content = path.read_bytes()
    path.write_bytes(content[:-100])
    done = finished.run()
    assert "kept as record-0-4.rejected.json, its seeds are run again" in done.stdout
    assert path.with_name("record-0-4.rejected.json").read_bytes() == content[:-100]
    assert json.loads(path.read_bytes())["record"]["runs"] == json.loads(content)["record"]["runs"]
    assert "Nothing to be done" in finished.run().stdout


def test_the_training_code_decides_what_is_trained_again(finished: Project) -> None:
    path = finished.folder / "nnbench/engine/train.py"
    assert trained(finished, lambda: _append(path, "# a comment")) == set()
    again = trained(finished, lambda: _append(path, "UNUSED = 1"))
    assert len(again) == 6  # every planned cell; the records of the old code stay beside them


def test_one_core_and_two_give_the_same_metrics_to_the_last_bit(
    fresh: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Project(tmp_path_factory.mktemp("other"))
    assert fresh.run(TABLES, cores=1).returncode == 0
    assert other.run(TABLES, cores=2).returncode == 0
    assert fresh.metrics() == other.metrics()


def test_a_killed_job_costs_only_its_own_cell(fresh: Project) -> None:
    fresh.levels()["0.1"]["train_for"] = LONG
    fresh.save()
    process = fresh.start(TABLES)
    os.kill(_training_job(fresh.folder, LONG), signal.SIGKILL)
    output, _ = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode != 0, output
    kept = fresh.stamps()
    assert len(kept) == 4  # the other jobs went on

    fresh.levels()["0.1"]["train_for"] = "2 epochs"
    fresh.save()
    assert fresh.run(TABLES).returncode == 0
    after = fresh.stamps()
    assert len(after) == 5
    assert {cell: after[cell] for cell in kept} == kept


def test_an_interrupted_run_goes_on_where_it_was(fresh: Project) -> None:
    fresh.levels()["0.1"]["train_for"] = LONG
    fresh.save()
    process = fresh.start(TABLES, cores=1)
    job = _training_job(fresh.folder, LONG)
    os.killpg(process.pid, signal.SIGINT)  # Ctrl-C reaches the whole group
    process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode != 0
    assert not psutil.pid_exists(job)
    kept = fresh.stamps()

    fresh.levels()["0.1"]["train_for"] = "2 epochs"
    fresh.save()
    done = fresh.run(TABLES)
    assert done.returncode == 0, done.stdout
    after = fresh.stamps()
    assert len(after) == 5
    assert {cell: after[cell] for cell in kept} == kept


def test_more_seeds_train_the_new_blocks_and_fewer_train_nothing(fresh: Project) -> None:
    """Records of finished blocks are read as they are; only what is missing is measured."""

    def run(seeds: int) -> dict[str, int]:
        fresh.config["seeds"] = seeds
        fresh.save()
        done = fresh.run()
        assert done.returncode == 0, done.stdout
        paths = fresh.folder.glob("results/cells/*/record-*.json")
        return {f"{path.parent.name}/{path.name}": path.stat().st_mtime_ns for path in paths}

    five = run(5)
    ten = run(10)
    assert {name.split("/")[1] for name in five} == {"record-0-4.json"}
    assert {name: ten[name] for name in five} == five
    assert {name.split("/")[1] for name in ten.keys() - five.keys()} == {"record-5-9.json"}
    assert len(ten) == 2 * len(five)
    fresh.config["seeds"] = 5
    fresh.save()
    planned = fresh.run("--dry-run").stdout
    assert "rule judge" in planned  # the reading side alone
    assert "rule cell" not in planned
    assert run(5) == ten
    levels = [lv for claim in fresh.results()["claims"] for lv in claim["results"][0]["levels"]]
    assert {level["planned"] for level in levels} == {5}
    seven = run(7)
    assert {name.split("/")[1] for name in seven.keys() - ten.keys()} == {"record-5-6.json"}


def test_all_data_are_prepared_before_the_first_cell(fresh: Project) -> None:
    assert fresh.run(cores=1).returncode == 0
    (log,) = (fresh.folder / ".snakemake/log").iterdir()
    rules = re.findall(r"^(?:local)?rule (prepare|cell):", log.read_text(), re.MULTILINE)
    assert rules == sorted(rules, reverse=True)
    assert rules.count("prepare") == 2


def test_prepared_data_can_be_asked_for_alone(fresh: Project) -> None:
    planned = fresh.run("--dry-run").stdout
    (manifest,) = set(re.findall(r"results/data/digits-\w+/manifest\.json", planned))
    done = fresh.run(manifest)
    assert done.returncode == 0, done.stdout
    assert (fresh.folder / manifest).exists()
    assert not fresh.records()
    assert "5 of 5 cells are not measured" in done.stdout


def test_errors_of_the_config_come_before_anything_runs(fresh: Project) -> None:
    fresh.levels()["0.1"]["droput"] = 0.5
    fresh.save()
    done = fresh.run()
    assert done.returncode != 0
    assert "droput" in done.stdout
    assert "did you mean 'dropout'?" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (fresh.folder / "results").exists()


def test_results_that_cannot_be_written_are_named_at_the_start(fresh: Project) -> None:
    (fresh.folder / "results").write_text("a file where the folder should be")
    done = fresh.run()
    assert done.returncode != 0
    assert "folder results: cannot be written" in done.stdout
    assert "Traceback" not in done.stdout


def test_fewer_than_five_seeds_run_and_say_that_no_verdict_is_possible(fresh: Project) -> None:
    fresh.config["seeds"] = 2
    fresh.save()
    done = fresh.run()
    assert done.returncode == 0
    assert "fewer than five seeds: no verdict is possible" in done.stdout
    verdicts = {claim["verdict"] for claim in fresh.results()["claims"]}
    assert verdicts == {"inconclusive"}


def _append(path: Path, text: str) -> None:
    path.write_text(path.read_text() + text + "\n")


def _training_job(folder: Path, mark: str) -> int:
    """The process id of the cell whose document has ``mark``, once it has begun to train."""
    found: list[int] = []

    def look() -> bool:
        for cell, process in measuring(folder).items():
            with suppress(psutil.NoSuchProcess):
                planned = (folder / f"results/cells/{cell}/planned.json").read_text()
                if mark in planned and process.cpu_times().user > 2.0:  # imports are over
                    found.append(process.pid)
        return bool(found)

    wait_for(look, f"a cell with {mark!r}")
    return found[0]
