"""A cell measured in several blocks of seeds reads like one that was measured at once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from made_up_judge import LOSSES, entry, fill, judged, levels, one_claim
from made_up_plan import cells_by_level, claim, in_blocks, made_up_record, planned, store
from made_up_readings import FAST, SLOW, frameworks

from nnbench.cells.cell import Cell, blocks_of
from nnbench.plan.plan import Plan
from nnbench.records.record import Record
from nnbench.records.store import record_path, write_record
from nnbench.verdicts.evidence import joined, read_records
from nnbench.verdicts.judge import judge

TEN = {name: [*values, *(1.01 * v for v in values)] for name, values in LOSSES.items()}


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    return next(iter(planned(tmp_path, claim(), seeds=12).cells.values()))


def blocks(cell: Cell, *more: dict[str, Any], seeds: int = 12) -> list[Record]:
    """Blocks of one cell, each with further fields of its own."""
    record = made_up_record(cell, {"test_loss": [0.1 * (seed + 1) for seed in range(seeds)]})
    found = in_blocks(record)
    own = [*more, *[{}] * (len(found) - len(more))]
    return [block.model_copy(update=fields) for block, fields in zip(found, own, strict=True)]


def test_runs_and_curves_stand_side_by_side_in_the_order_of_seeds(cell: Cell) -> None:
    record = made_up_record(cell, {"test_loss": [0.1 * (seed + 1) for seed in range(12)]})
    record["curves"]["train_loss"] = [[seed + point / 10 for seed in range(12)] for point in (0, 1)]
    whole = joined(in_blocks(record))
    assert whole.seeds == tuple(range(12))
    assert list(whole.runs) == [str(seed) for seed in range(12)]
    assert whole.runs["11"].metrics["test_loss"] == pytest.approx(1.2)
    assert whole.curves is not None
    assert [list(row) for row in whole.curves.train_loss] == record["curves"]["train_loss"]


def test_a_block_that_ended_earlier_or_failed_has_no_value_after_that(cell: Cell) -> None:
    first, second, third = blocks(cell)
    assert first.curves is not None
    assert second.curves is not None
    cut = {name: rows[:1] for name, rows in second.curves}
    short = second.model_copy(update={"curves": second.curves.model_copy(update=cut)})
    failed = third.model_copy(update={"curves": None, "runs": {}, "failure": "out of memory"})
    whole = joined([first, short, failed])
    assert whole.curves is not None
    assert whole.curves.epochs == first.curves.epochs
    assert whole.curves.train_loss[0][5:] == (*second.curves.train_loss[0], None, None)
    assert whole.curves.train_loss[1][5:] == (None,) * 7
    assert whole.failure is None, "the other blocks have runs"
    assert joined([failed, failed]).failure == "out of memory"


def test_numbers_of_blocks_are_joined_by_what_they_mean(cell: Cell) -> None:
    whole = joined(
        blocks(
            cell,
            {
                "seconds": {"load": 1.0, "train": 6.0}, "samples_per_second": 100.0,
                "peak_memory_mb": 300.0, "notes": ("a", "b"), "untrained": {"test_loss": 1.0},
                "facts": {"A": {"parameters": 7, "losses": {"0": 3}}}, "steps": 10,
                "stopped_epochs": {"0": 3.0},
            },
            {
                "seconds": {"train": 2.0}, "samples_per_second": 500.0, "peak_memory_mb": 400.0,
                "notes": ("b", "c"), "untrained": {"test_loss": 2.0}, "missing": {"B": "gone"},
                "facts": {"A": {"parameters": 8, "losses": {"5": 4}, "extra": 1}, "B": {"parameters": 9}},
                "stopped_epochs": {"5": 4.0}, "steps": 20,
            },
            {"seconds": {}, "samples_per_second": None, "notes": (), "untrained": {"test_loss": 6.0}},
        )
    )  # fmt: skip
    assert whole.seconds == {"load": 1.0, "train": 8.0}
    assert whole.samples_per_second == (100 * 6 + 500 * 2) / 8
    assert whole.peak_memory_mb == 500.0
    assert whole.notes == ("a", "b", "c")
    assert whole.untrained == {"test_loss": (5 * 1.0 + 5 * 2.0 + 2 * 6.0) / 12}
    assert whole.missing == {"B": "gone"}
    assert whole.facts == {
        "A": {"parameters": 7, "losses": {"0": 3, "5": 4}, "extra": 1}, "B": {"parameters": 9},
    }  # fmt: skip
    assert whole.stopped_epochs == {"0": 3.0, "5": 4.0}
    assert whole.steps == 20


def test_one_block_is_its_own_record(cell: Cell) -> None:
    (only,) = blocks(cell, seeds=5)
    assert joined([only]) is only


def ten(folder: Path) -> Plan:
    plan = one_claim(folder, "order", seeds=10)
    fill(plan, "order", "test_loss", {**TEN, "none": [2.0] * 10})
    return plan


def test_two_blocks_are_ten_runs_of_one_cell(tmp_path: Path) -> None:
    content = judged(ten(tmp_path))
    low = levels(content, "order")["low"]
    assert (low["n"], low["planned"], low["failed"]) == (10, 10, 0)
    assert list(low["values"].values()) == TEN["low"]
    assert low["train_seconds"] == 4.0, "of both blocks"
    assert entry(content, "order")["results"][0]["blocks"] == 10
    run = content["provenance"]["run"]
    assert (run["cells"], content["provenance"]["machines"][0]["cells"]) == (4, 4)
    assert run["busy_seconds"] == 4 * 2 * 3.0


def test_a_lost_block_costs_its_seeds_alone_and_is_named(tmp_path: Path) -> None:
    plan = ten(tmp_path)
    cell = cells_by_level(plan, claim_id="paper/order")["low"]
    path = record_path(Path(plan.config.results), cell.id, blocks_of(10)[1])
    content = path.read_bytes()
    path.unlink()
    found = judged(plan)
    (missing,) = found["provenance"]["missing_cells"]
    assert missing["cell"] == cell.id
    assert missing["reason"] == "seeds 5-9: no record: its job failed or has not run"
    assert levels(found, "order")["low"]["failed"] == 5
    assert entry(found, "order")["results"][0]["blocks"] == 5

    path.write_bytes(content[:-9])
    found = judged(plan)
    (rejected,) = found["provenance"]["rejected_records"]
    assert rejected == {"cell": cell.id, "reason": "checksum does not match"}
    assert entry(found, "order")["verdict"] == "reproduced"


def test_fewer_seeds_read_the_first_of_the_finished_blocks(tmp_path: Path) -> None:
    ten(tmp_path)
    plan = one_claim(tmp_path, "order", seeds=5)
    low = levels(judged(plan), "order")["low"]
    assert list(low["values"].values()) == TEN["low"][:5]
    assert low["train_seconds"] == 2.0, "the other block is not read"


def test_a_claim_of_fewer_seeds_reads_fewer_of_a_shared_cell(tmp_path: Path) -> None:
    plan = planned(tmp_path, claim(seeds=5), claim(), seeds=10)
    for cell in plan.cells.values():
        store(
            plan, cell, made_up_record(cell, {"test_loss": [math.pi / (s + 1) for s in range(10)]})
        )
    content = judged(plan)
    assert [levels(content, name)["low"]["planned"] for name in ("c0", "c1")] == [5, 10]
    assert [levels(content, name)["low"]["train_seconds"] for name in ("c0", "c1")] == [2.0, 4.0]
    records = read_records(plan, Path(plan.config.results))
    cell_id = next(iter(plan.cells))
    assert len(records.of(cell_id, seeds=5)) == 1
    assert len(records.of(cell_id, seeds=10)) == 2


def test_times_of_blocks_from_different_machines_are_not_pooled(tmp_path: Path) -> None:
    plan = planned(tmp_path, frameworks(), seeds=10)
    (cell,) = plan.cells.values()
    times = {"seconds@A": [*FAST, *FAST], "seconds@B": [*SLOW, *SLOW]}
    first, second = in_blocks(made_up_record(cell, times))
    other = second.machine.model_copy(update={"device_name": "another"})
    for block in (first, second.model_copy(update={"machine": other})):
        write_record(record_path(Path(plan.config.results), cell.id, block.seeds), block)
    (finding,) = judge(plan).claims[0].results
    assert finding.machines == ("a processor, 2 cores", "another, 2 cores")
    assert finding.verdict == "inconclusive"
    assert finding.verdict_reason is not None
    assert "different machines" in finding.verdict_reason
