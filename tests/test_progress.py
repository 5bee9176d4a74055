"""How far a run is: the time that is left, the names of cells, their states, and what is told."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest
from made_up_plan import TUNED, cells_by_level, claim, made_up_record, planned, store

from nnbench.cells.cell import make_cell
from nnbench.jobs.marks import log_path
from nnbench.progress.durations import about
from nnbench.progress.estimate import Job, Pace, Remaining, job_of, makespan
from nnbench.progress.labels import cell_labels
from nnbench.progress.narrator import Narrator, Outlook
from nnbench.progress.state import cell_state, error_of, last_words, states
from nnbench.progress.status import overview
from nnbench.records.store import cell_folder
from nnbench.settings import Settings

ERROR = (
    "nnbench: something\nnnbench: error: the data are gone\n  got: nothing\n  do: bring them back\n"
)


# --- the time that is left


@pytest.mark.parametrize(
    ("begun", "waiting", "cores", "seconds"),
    [
        ([], [], 2, 0.0),
        ([], [4.0, 3.0, 2.0], 1, 9.0),
        ([], [4.0, 3.0, 2.0], 2, 5.0),  # 4 | 3 2
        ([6.0], [4.0, 3.0, 2.0], 2, 8.0),  # 6 2 | 4 3
        ([1.0], [], 8, 1.0),
    ],
)
def test_jobs_start_on_the_core_that_is_free_first(
    begun: list[float], waiting: list[float], cores: int, seconds: float
) -> None:
    assert makespan(begun, waiting, cores=cores) == seconds


def test_a_machine_that_is_half_as_fast_doubles_what_is_left() -> None:
    jobs = {str(number): Job(100.0) for number in range(10)}
    remaining = Remaining(jobs)
    assert remaining.wall_seconds(cores=1, now=0.0) == 1000.0
    for number in range(8):
        remaining.running[str(number)] = 200.0 * number
        assert remaining.finished(str(number), now=200.0 * (number + 1)) == 200.0
    left = remaining.wall_seconds(cores=1, now=0.0)
    assert left == pytest.approx(200.0 * (60 + 1600) / (60 + 800))  # with the prior minute


def test_what_measures_for_a_fixed_time_takes_it_on_any_machine() -> None:
    pace = Pace()
    pace.saw(Job(100.0), 500.0)
    pace.saw(Job(100.0, fixed=True), 100.0)
    assert pace.seconds(Job(10.0, fixed=True)) == 10.0
    assert pace.seconds(Job(10.0)) == pytest.approx(10.0 * 560 / 160)


def test_a_job_that_runs_alone_has_all_cores_and_one_that_is_late_is_nearly_done() -> None:
    remaining = Remaining({"a": Job(30.0), "b": Job(30.0), "timing": Job(20.0, alone=True)})
    assert remaining.wall_seconds(cores=2, now=0.0) == 50.0
    remaining.running["a"] = 0.0
    assert remaining.wall_seconds(cores=2, now=20.0) == 50.0  # b, then the timing
    del remaining.jobs["b"], remaining.jobs["timing"]
    assert remaining.wall_seconds(cores=2, now=100.0) == 10.0  # a tenth of what it has had


def test_an_early_end_is_expected_where_the_settings_allow_it() -> None:
    long = make_cell("digits", Settings(train_for="100 epochs"))
    early = make_cell("digits", Settings(train_for="100 epochs", patience=5))
    assert job_of(early, seeds=5).seconds < job_of(long, seeds=5).seconds
    assert job_of(long, seeds=10).seconds > job_of(long, seeds=5).seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "about 5 s"), (43, "about 45 s"), (400, "about 7 min"), (9000, "about 2.5 h")],
)
def test_a_time_is_said_as_exactly_as_it_is_known(seconds: float, text: str) -> None:
    assert about(seconds) == text


# --- names and states


def test_a_cell_is_called_after_the_first_level_that_reads_it(tmp_path: Path) -> None:
    plan = planned(tmp_path, claim(**TUNED), claim())
    labels = cell_labels(plan)
    written = cells_by_level(plan, track="as-written")
    assert labels[written["relu"].id] == "paper/c0 · relu · Digits 8 x 8 (and 1 more level)"
    tuned = cells_by_level(plan, track="tuned")
    assert labels[tuned["tanh"].id] == "paper/c0 · tanh · Digits 8 x 8 · tuned"
    assert labels.keys() == plan.cells.keys()


def test_a_state_is_read_from_records_lock_and_log(tmp_path: Path) -> None:
    plan = planned(tmp_path, claim(), seeds=5)
    cells = cells_by_level(plan)
    store(plan, cells["high"], made_up_record(cells["high"], {"test_loss": [0.1] * 5}))
    results = Path(plan.config.results)
    for name, text in (("middle", ERROR), ("low", "nnbench: seeds 0-4: epoch 3 of 9\n")):
        log = log_path(results, cells[name].id, 5)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(text)
    found = {state.cell: state for state in states(plan)}
    assert [found[cells[name].id].state for name in ("high", "middle", "low")] == [
        "done", "failed", "waiting",
    ]  # fmt: skip
    with (cell_folder(results, cells["low"].id) / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        running = cell_state(results, cells["low"].id, 5)
        lines, finished = overview(plan, cores=2)
    assert (running.state, running.said) == ("running", "seeds 0-4: epoch 3 of 9")
    assert not finished
    assert lines[0].startswith("paper/c0 · low · Digits 8 x 8 · running · 0 s · seeds 0-4")
    assert lines[1] == "paper/c0 · middle · Digits 8 x 8 · failed · error: the data are gone"
    assert lines[2].startswith("1 of 3 cells are measured, 1 running, 1 failed, about")


def test_a_log_tells_its_error_or_else_its_last_line(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert error_of(log) == last_words(log) == ""
    log.write_text(ERROR)
    assert error_of(log).splitlines()[1] == "  got: nothing"
    log.write_text("x" * 10_000 + "\nTraceback (most recent call last)\nValueError: odd\n\n")
    assert error_of(log) == "ValueError: odd"


# --- what a run tells


def test_a_run_is_told_from_its_first_cell_to_its_last(tmp_path: Path) -> None:
    told: list[str] = []
    now = [0.0]
    outlook = Outlook(
        labels={name: f"claim · {name}" for name in ("a", "b", "c", "d")},
        jobs={"a": Job(40.0), "b": Job(20.0), "c": Job(20.0)},
        cores=2,
    )
    narrator = Narrator(outlook, told.append, clock=lambda: now[0])
    log = tmp_path / "c.log"
    narrator.begin()
    narrator.cell_started("a", tmp_path / "a.log")
    narrator.cell_started("b", tmp_path / "b.log")
    now[0] = 20.0
    narrator.cell_finished("b")
    narrator.cell_started("c", log)
    log.write_text("nnbench: seeds 0-4: epoch 3 of 9\n")
    narrator.sign_of_life()  # too soon after the last words
    now[0] = 55.0
    narrator.sign_of_life()
    log.write_text(ERROR)
    narrator.cell_failed("c")
    narrator.cell_finished("a")
    told_error = ERROR.partition("\n")[2].strip().replace("\n", "\n    ")
    assert told == [
        "3 of 4 cells to measure on 2 cores · about 40 s",
        "claim · a · started, about 40 s",
        "claim · b · 20 s · 2 of 4 · about 20 s left",
        "claim · a · 55 s · about 5 s left",
        "claim · c · seeds 0-4: epoch 3 of 9 · 35 s · about 5 s left",
        f"claim · c · FAILED after 35 s\n    {told_error}\n    log: {log}",
        "claim · a · 55 s · 3 of 4",
    ]
    assert narrator.failed == {"c": log}


def test_on_a_cluster_no_end_is_foretold(tmp_path: Path) -> None:
    told: list[str] = []
    outlook = Outlook(labels={"a": "a"}, jobs={"a": Job(9.0)}, cores=None)
    narrator = Narrator(outlook, told.append)
    narrator.begin()
    narrator.cell_started("a", tmp_path / "log")
    narrator.cell_finished("a")
    assert told == ["1 of 1 cells to measure", "a · 0 s · 1 of 1"]
    narrator.cell_started("a", tmp_path / "log")
    narrator.cell_failed("a", otherwise="SLURM's own words")
    assert "FAILED after 0 s\n    SLURM's own words\n    log: " in told[-1]
