"""What the Snakefile is told: inputs, parameters, priorities, and which records cannot be used."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from made_up_batches import batches, workflow_in
from made_up_plan import FILE, claim, made_up_record, store

from nnbench.cells.cell import Cell
from nnbench.claims.config import parse_config, read_config
from nnbench.dag import Workflow, measure_again
from nnbench.errors import NnbenchError
from nnbench.jobs.marks import done_path
from nnbench.records.store import (
    AGAIN,
    MADE_OF,
    dataset_folder,
    read_record,
    record_path,
    records_sha256,
    reject,
    write_record,
)


def cells(workflow: Workflow) -> list[Cell]:
    return list(workflow.plan.cells.values())


def finished(workflow: Workflow) -> list[Path]:
    """The record of every cell's first block, in the plan's order, all blocks being there."""

    def record(cell: Cell) -> dict[str, Any]:
        return made_up_record(cell, {"test_loss": [0.5] * workflow.plan.seeds[cell.id]})

    for cell in workflow.plan.cells.values():
        store(workflow.plan, cell, record(cell))
    return [record_path(workflow.results, cell, range(5)) for cell in workflow.plan.cells]


def done_files(workflow: Workflow) -> list[bool]:
    return [Path(path).exists() for path in workflow.cells_done()]


def damage(paths: list[Path]) -> None:
    """Cut the first record short, make the second an older one; the third stays whole."""
    content = paths[0].read_bytes()
    paths[0].write_bytes(content[: len(content) // 2])
    paths[1].write_bytes(
        paths[1].read_bytes().replace(b'{"schema_version":2', b'{"schema_version":0')
    )


def test_a_damaged_or_older_record_is_named_and_set_aside(tmp_path: Path) -> None:
    workflow = workflow_in(tmp_path)
    paths = finished(workflow)
    assert workflow.repair_records() == []
    assert done_files(workflow) == [True] * 3
    damage(paths)
    before = [path.read_bytes() for path in paths]
    messages = workflow.repair_records()
    assert len(messages) == 2
    assert str(paths[0]) in messages[0]
    assert "schema version 0" in messages[1]
    assert all("its seeds are run again" in message for message in messages)
    assert [path.exists() for path in paths] == [False, False, True]
    assert done_files(workflow) == [False, False, True]
    aside = [path.with_name("record-0-4.rejected.json") for path in paths[:2]]
    assert [path.read_bytes() for path in (*aside, paths[2])] == before  # nothing is lost
    assert workflow.repair_records() == []


def test_a_cell_is_done_as_soon_as_all_its_blocks_have_records_and_no_longer(
    tmp_path: Path,
) -> None:
    """Snakemake goes by a mark beside the records, which tells just what is there."""
    workflow = workflow_in(tmp_path, seeds=10)
    assert workflow.repair_records() == []
    assert done_files(workflow) == [False] * 3
    first, *_ = finished(workflow)
    assert workflow.repair_records() == []
    assert done_files(workflow) == [True] * 3
    fewer = workflow_in(tmp_path, seeds=5)
    assert fewer.repair_records() == []
    assert done_files(fewer) == [True] * 3  # the first of the finished blocks will be read
    more = workflow_in(tmp_path, seeds=15)
    assert more.repair_records() == []
    assert done_files(more) == [False] * 3
    first.unlink()
    assert workflow.repair_records() == []
    assert done_files(workflow) == [False, True, True]


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The records that a run's start reads and checks."""
    seen: list[Path] = []

    def checked(path: Path) -> str | None:
        seen.append(path)
        return reject(path)

    monkeypatch.setattr("nnbench.dag.reject", checked)
    return seen


def test_records_that_were_checked_and_not_touched_since_are_not_read_again(
    tmp_path: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow = workflow_in(tmp_path, seeds=5)
    paths = finished(workflow)
    for expected in (paths, []):
        workflow.repair_records()
        assert read == expected
        read.clear()
    os.utime(paths[1])
    workflow.repair_records()
    assert read == paths[1:2]
    monkeypatch.setattr("nnbench.jobs.marks.checking_code", lambda: "other code")
    workflow.repair_records()
    assert read == [paths[1], *paths]


def test_a_record_that_was_changed_is_found_even_if_its_size_and_time_are_those_of_before(
    tmp_path: Path,
) -> None:
    workflow = workflow_in(tmp_path)
    path = finished(workflow)[0]
    workflow.repair_records()
    content, was = path.read_bytes(), path.stat()
    path.write_bytes(content[:-10] + bytes([content[-10] ^ 1]) + content[-9:])
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))
    (message,) = workflow.repair_records()
    assert "checksum does not match" in message


def test_the_record_of_another_cell_is_set_aside(tmp_path: Path) -> None:
    workflow = workflow_in(tmp_path)
    first, second, _ = finished(workflow)
    first.write_bytes(second.read_bytes())
    (message,) = workflow.repair_records()
    assert "another cell" in message
    assert not first.exists()


def test_a_damaged_record_that_cannot_be_renamed_is_named(tmp_path: Path) -> None:
    workflow = workflow_in(tmp_path)
    path = finished(workflow)[0]
    path.write_text("{")
    path.with_name("record-0-4.rejected.json").mkdir()
    with pytest.raises(NnbenchError, match=r"damaged, and cannot be renamed(.|\n)*remove") as error:
        workflow.repair_records()
    assert str(path) in str(error.value)


def test_a_job_waits_for_its_dataset_and_every_record_is_asked_for(tmp_path: Path) -> None:
    workflow = workflow_in(tmp_path, claim(datasets={"digits": {}, "coin_flip": {}}))
    results = tmp_path / "results"
    cells = workflow.plan.cells
    assert workflow.cells_done() == [str(done_path(results, cell, 10)) for cell in cells]
    folders = {str(dataset_folder(results, name)): name for name in ("coin_flip", "digits")}
    assert workflow.dataset_manifests() == folders
    for name, own in batches(workflow).items():
        manifest = Path(workflow.batch(name).data)
        assert manifest.name == "manifest.json"
        assert {folders[str(manifest.parent)]} == {cells[cell].dataset for cell in own}
        assert workflow.batch(name).memory_mb > 0


def test_the_read_side_is_given_the_merged_config(tmp_path: Path) -> None:
    workflow = workflow_in(tmp_path, seeds=7, reference={"batch_size": 16})
    again = Workflow(read_config(workflow.config_json))
    assert again.config == workflow.config
    assert set(again.plan.cells) == set(workflow.plan.cells)


@pytest.mark.parametrize("name", ["results", "reports"])
def test_folders_that_cannot_be_written_are_named_before_anything_runs(
    name: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    workflow = workflow_in(tmp_path, **{name: str(tmp_path / "file" / name)})
    with pytest.raises(
        NnbenchError, match=r"cannot be written(.|\n)*`results` and `reports`"
    ) as error:
        workflow.check_writable()
    assert str(tmp_path / "file" / name) in str(error.value)


def test_a_read_only_folder_is_named_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow = workflow_in(tmp_path)
    monkeypatch.setattr("os.access", lambda path, _mode: Path(path) != tmp_path)  # root may write
    with pytest.raises(NnbenchError, match=r"cannot be written(.|\n)*read-only") as error:
        workflow.check_writable()
    assert str(tmp_path) in str(error.value)


def test_looking_whether_folders_can_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    workflow_in(tmp_path, results=str(tmp_path / "some/where/results")).check_writable()
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_bad_config_ends_before_there_is_a_workflow(tmp_path: Path) -> None:
    with pytest.raises(NnbenchError, match="seeds"):
        workflow_in(tmp_path, seeds=0)
    with pytest.raises(NnbenchError, match="did you mean 'documents'"):
        Workflow(parse_config({"document": []}))


def test_the_order_of_an_overridden_claims_datasets_reaches_the_read_side(tmp_path: Path) -> None:
    order = {"mnist1d": {}, "digits": {}}  # the first one decides
    workflow = workflow_in(tmp_path, overrides={"paper/c0": {"datasets": order}})
    assert list(json.loads(workflow.config_json)["overrides"]["paper/c0"]["datasets"]) == list(
        order
    )


@pytest.mark.parametrize(
    ("device", "visible", "slots"),
    [("auto", "0,1", 6), ("cuda:1", "0,1", 3), ("cpu", "0,1", 0), ("auto", "", 0)],
)
def test_no_more_local_jobs_compute_on_gpus_than_have_a_slot(
    device: str, visible: str, slots: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setenv("PATH", str(tmp_path))  # no nvidia-smi: the GPUs are those that are named
    workflow = workflow_in(tmp_path, device=device, jobs_per_gpu=3)
    assert (workflow.gpu_slots, workflow.gpus) == (slots, min(slots, 1))


def made(workflow: Workflow, name: str, made_of: str) -> Path:
    """An output that says what records it was made of."""
    path = {
        "tables": workflow.results / "aggregate" / MADE_OF,
        "report": workflow.reports / "results.json",
    }[name]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{"schema_version": 1, "records_sha256": "{made_of}"}}')
    return path


@pytest.mark.parametrize("name", ["tables", "report"])
def test_what_was_made_of_other_records_is_older_than_all_of_them(
    name: str, tmp_path: Path
) -> None:
    workflow = workflow_in(tmp_path)
    records = finished(workflow)
    present = records_sha256(workflow.results, workflow.plan.blocks())
    workflow.repair_records()
    path = made(workflow, name, present)
    stamp = path.stat().st_mtime_ns
    workflow.mark_stale()
    assert path.stat().st_mtime_ns == stamp
    assert workflow.changed_records() == []

    write_record(records[0], read_record(records[0]).model_copy(update={"notes": ("again",)}))
    workflow.mark_stale()
    assert path.stat().st_mtime == 1  # and not 0, which Snakemake takes for no time
    (changed,) = workflow.changed_records()
    first = Path(changed).read_text()
    workflow.mark_stale()
    assert Path(changed).read_text() != first  # Snakemake goes by its content
    records[1].unlink()
    workflow.repair_records()
    other = made(workflow, name, present)
    workflow.mark_stale()
    assert other.stat().st_mtime > 1  # it is made anyway, after the record that is missing


def test_force_is_told_to_every_job_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(AGAIN, "")  # so that it is taken back after the test
    measure_again(frozenset())
    assert not os.environ[AGAIN]
    measure_again({"cell"})
    assert os.environ[AGAIN] == "1"
