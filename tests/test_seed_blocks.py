"""A block's numbers are its own: whatever else of the cell is measured with it, before or after it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from one_cell import cell_of, folder

from nnbench.cells.cell import Cell, block_name, blocks_of
from nnbench.engine.train import train
from nnbench.errors import NnbenchError
from nnbench.experiments.training import fit as training_fit
from nnbench.jobs.job import Job, run_job, seeds_and_blocks
from nnbench.jobs.marks import done_path, mark_done
from nnbench.records.record import Record
from nnbench.records.store import AGAIN, read_record, record_path, write_record

__all__ = ["folder"]  # a fixture

FIRST, SECOND, SHORT = blocks_of(12)
SEARCH = {"candidates": [{"lr": 0.001}, {"lr": 0.03}], "seeds": [1_000_000, 1_000_001]}
CELLS: dict[str, dict[str, Any]] = {
    "as written": {"dropout": 0.2, "augment": {"rotation_degrees": 10}},
    "tuned": {"dropout": 0.2, "search": SEARCH},
    "one at a time": {"model": "tiny_training:skip", "dropout": 0.2},
    "stopping early": {"patience": 1, "lr": 0.05, "train_for": "4 epochs"},
}


pytestmark = pytest.mark.usefixtures("on_one_thread")


def made(**values: Any) -> Cell:
    return cell_of(**{"train_size": 200, "hidden": [16], **values})


def run(
    cell: Cell, blocks: Sequence[tuple[int, ...]], results: Path, folder: Path
) -> dict[tuple[int, ...], Record]:
    job = Job(results=results, data=folder, device="cpu", reuse=True)
    return dict(zip(blocks, run_job(cell, blocks, job), strict=True))


def numbers(record: Record) -> list[object]:
    names = ("runs", "curves", "settings_used", "search", "untrained", "stopped_epochs", "steps")
    return [getattr(record, name) for name in names]


def test_seeds_make_blocks_of_five_and_a_shorter_last_one() -> None:
    assert blocks_of(0) == []
    assert blocks_of(5) == [FIRST] == [(0, 1, 2, 3, 4)]
    assert blocks_of(7) == [FIRST, (5, 6)]
    assert [block_name(block) for block in (FIRST, SECOND, SHORT)] == ["0-4", "5-9", "10-11"]
    assert seeds_and_blocks(12, ["5-9"]) == [SECOND]
    assert seeds_and_blocks(12, []) == [FIRST, SECOND, SHORT]
    with pytest.raises(NnbenchError, match="no such block") as error:
        seeds_and_blocks(12, ["10-14"])
    assert (error.value.got, error.value.allowed) == ("10-14", "0-4, 5-9, 10-11")


@pytest.mark.parametrize("name", CELLS)
def test_a_blocks_numbers_depend_on_no_other_block(name: str, folder: Path, tmp_path: Path) -> None:
    """Together in one job, each in a job of its own in either order, each without the others."""
    cell = made(**CELLS[name])
    blocks = [FIRST, SECOND, SHORT]
    together = run(cell, blocks, tmp_path / "together", folder)
    apart = {}
    for block in reversed(blocks):
        apart |= run(cell, [block], tmp_path / "apart", folder)
    alone = {}
    for block in blocks:
        alone |= run(cell, [block], tmp_path / f"alone {block_name(block)}", folder)
    for block in blocks:
        assert together[block].seeds == block
        assert numbers(together[block]) == numbers(apart[block]) == numbers(alone[block])


def test_more_seeds_leave_the_records_of_finished_blocks_as_they_are(
    folder: Path, tmp_path: Path
) -> None:
    cell = made()
    run(cell, blocks_of(10), tmp_path, folder)
    paths = [record_path(tmp_path, cell.id, block) for block in (FIRST, SECOND)]
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in paths]
    twenty = run(cell, blocks_of(20), tmp_path, folder)
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in paths] == before
    assert len(list(paths[0].parent.glob("record-*.json"))) == 4
    assert [len(record.runs) for record in twenty.values()] == [5] * 4


def test_the_mark_of_a_finished_cell_changes_with_its_records_alone(
    folder: Path, tmp_path: Path
) -> None:
    """Snakemake goes by the content of a small file: the same mark, the same records."""
    cell = made(train_for="1 step")
    run(cell, blocks_of(7), tmp_path, folder)
    mark = done_path(tmp_path, cell.id, 7)
    mark_done(tmp_path, cell.id, 7)
    content, stamp = mark.read_text(), mark.stat().st_mtime_ns
    mark_done(tmp_path, cell.id, 7)
    assert mark.stat().st_mtime_ns == stamp
    path = record_path(tmp_path, cell.id, (5, 6))
    write_record(path, read_record(path).model_copy(update={"notes": ("again",)}))
    mark_done(tmp_path, cell.id, 7)
    assert mark.read_text() != content
    mark_done(tmp_path, cell.id, 5)
    assert done_path(tmp_path, cell.id, 5).read_text() not in (content, mark.read_text())


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The seeds of each training."""
    seen: list[tuple[int, ...]] = []

    def spied(*arguments: Any, seeds: Sequence[int], **more: Any) -> Any:
        seen.append(tuple(seeds))
        return train(*arguments, seeds=seeds, **more)

    monkeypatch.setattr(training_fit, "train", spied)
    return seen


def test_the_search_of_a_cell_is_made_once(
    folder: Path,
    tmp_path: Path,
    trained: list[tuple[int, ...]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cell, search = made(search=SEARCH), [tuple(SEARCH["seeds"])] * 2
    records = run(cell, [FIRST, SECOND], tmp_path, folder)
    assert trained == [*search, FIRST, SECOND]
    assert records[FIRST].search == records[SECOND].search
    assert records[FIRST].search_seconds > records[SECOND].search_seconds == 0.0
    trained.clear()
    run(cell, [FIRST, SECOND, SHORT], tmp_path, folder)
    assert trained == [SHORT]
    trained.clear()
    monkeypatch.setenv(AGAIN, "1")  # what is asked for anew is searched anew, and once
    run(cell, [FIRST, SECOND], tmp_path, folder)
    assert trained == [*search, FIRST, SECOND]


def test_a_damaged_record_gives_no_search(
    folder: Path, tmp_path: Path, trained: list[tuple[int, ...]]
) -> None:
    cell = made(search=SEARCH)
    run(cell, [FIRST], tmp_path, folder)
    path = record_path(tmp_path, cell.id, FIRST)
    path.write_bytes(path.read_bytes()[:-9])
    trained.clear()
    run(cell, [SECOND], tmp_path, folder)
    assert trained == [tuple(SEARCH["seeds"])] * 2 + [SECOND]
