"""Jobs read prepared data alone, and find data and code that are no longer those of their cell."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from one_cell import cell_of, measured
from own_cases import COMMON, csv_data, csv_text, described, folder_data, npz_arrays, npz_data

from nnbench.cells import fingerprint
from nnbench.cells.cell import Cell, dataset_of
from nnbench.datasets.base import Dataset
from nnbench.datasets.prepared.source import SOURCE, dataset_in
from nnbench.errors import NnbenchError
from nnbench.jobs import job as jobs
from nnbench.jobs.job import Job, prepare_dataset, run_job
from nnbench.records.record import Record
from nnbench.records.store import dataset_folder, record_path

OWN_MODEL = """
from pathlib import Path
from torch import nn
nnbench_inputs = ["width.txt"]
def build(spec, generator):
    width = int(Path(__file__).with_name("width.txt").read_text())
    return nn.Sequential(nn.Flatten(), nn.Linear(2, width), nn.ReLU(), nn.Linear(width, spec.classes))
"""
TARGET = {**COMMON, "format": "csv", "path": "n.csv", "target": "y", "task": "regression"}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    fingerprint.forget()
    dataset_of.cache_clear()
    yield tmp_path
    fingerprint.forget()
    dataset_of.cache_clear()
    sys.modules.pop("own_net", None)


def data_of(cell: Cell) -> Path:
    folder = dataset_folder(Path("results"), cell.dataset)
    prepare_dataset(cell.dataset, folder, data_folder=Path("data"), download=False)
    return folder


def run(cell: Cell, data: Path, **changes: object) -> Record:
    """One block, by a process that knows nothing yet."""
    fingerprint.forget()
    dataset_of.cache_clear()
    return run_job(cell, [(0, 1)], Job(results=Path("results"), data=data, device="cpu"))[0]


def refused(cell: Cell, data: Path) -> NnbenchError:
    with pytest.raises(NnbenchError) as caught:
        run(cell, data)
    assert not record_path(Path("results"), cell.id, (0, 1)).exists()
    return caught.value


def numbers(folder: Path) -> Path:
    rows = "".join(f"{n},{n % 5},{n / 9:.3f}\n" for n in range(60))
    (folder / "n.csv").write_text(f"a,b,y\n{rows}")
    return described(folder, TARGET)


@pytest.mark.parametrize("own", [csv_data, npz_data, folder_data, numbers])
def test_a_job_needs_no_raw_file_and_no_description(own: object) -> None:
    assert callable(own)
    own(Path())
    cell = cell_of("mine.yaml", batch_size=4)
    data = data_of(cell)
    by_name = measured(cell, folder=data, seeds=(0, 1))
    for path in ("mine.yaml", "t.csv", "n.csv", "a.npz"):
        Path(path).unlink(missing_ok=True)
    if Path("images").exists():
        Path("images").rename("elsewhere")
    record = run(cell, data)
    assert record.cell == cell
    assert record.runs == by_name.runs
    assert record.curves == by_name.curves


def test_what_jobs_know_of_a_dataset_is_what_the_plan_knows() -> None:
    csv_data(Path(), test_share=0.4, validation_size=5, scaling="global")
    told, known = (
        dataset_of("mine.yaml"),
        dataset_in(data_of(cell_of("mine.yaml")) / "manifest.json"),
    )
    fields = [
        name for name in Dataset.__dataclass_fields__ if name not in ("load", "one_set")
    ]  # the plan alone asks for the latter
    assert [getattr(known, f) for f in fields] == [getattr(told, f) for f in fields]
    assert known.load
    assert len(known.load(None, False).test) == told.test_size


def test_a_job_whose_prepared_data_are_others_says_that_the_data_changed() -> None:
    csv_data(Path())
    cell = cell_of("mine.yaml")
    folder = data_of(cell)
    Path("t.csv").write_text(csv_text(33))
    fingerprint.forget()
    other = data_of(cell_of("mine.yaml"))
    for file in folder.glob("*.*"):
        file.unlink()
    for file in other.glob("*.*"):
        file.rename(folder / file.name)
    assert str(refused(cell, folder)) == (
        f"cell {cell.id}: the data changed after this run was planned\n"
        f"  got: others in {folder}\n"
        "  do: start snakemake again: it plans with what is there now"
    )


def test_the_data_of_another_dataset_are_never_trained_on() -> None:
    csv_data(Path())
    data = data_of(cell_of("mine.yaml"))
    digits = cell_of("digits")
    assert "changed after this run was planned" in refused(digits, data).what


def test_own_data_that_do_not_say_what_they_were_made_of_are_not_trusted() -> None:
    csv_data(Path())
    cell = cell_of("mine.yaml")
    data = data_of(cell)
    (data / SOURCE).write_text("{}")
    assert refused(cell, data).what == f"dataset file {data / SOURCE} is missing or damaged"
    (data / "manifest.json").unlink()
    assert "manifest.json is missing" in refused(cell, data).what


def own_model(width: str = "8") -> tuple[Cell, Path]:
    csv_data(Path())
    Path("own_net.py").write_text(OWN_MODEL)
    Path("width.txt").write_text(width)
    cell = cell_of("mine.yaml", model="own_net:build")
    return cell, data_of(cell)


EDITS: Mapping[str, tuple[str, str]] = {
    "code": ("own_net.py", OWN_MODEL.replace("ReLU", "Tanh")),
    "a file that it reads": ("width.txt", "9"),
}


@pytest.mark.parametrize(("file", "text"), EDITS.values(), ids=EDITS)
def test_own_code_that_changes_while_a_job_waits_is_named(file: str, text: str) -> None:
    cell, data = own_model()
    Path(file).write_text(text)
    assert refused(cell, data).what == (
        f"cell {cell.id}: the training code (nnbench's, or that of own_net:build with imports and "
        "nnbench_inputs) changed after this run was planned"
    )


def test_own_code_that_changes_while_a_job_waits_for_a_gpu_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cell, data = own_model()
    waited = jobs.leased

    def edited(*args: object, **options: object) -> object:
        Path("own_net.py").write_text(OWN_MODEL.replace("ReLU", "Tanh"))
        return waited(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(jobs, "leased", edited)
    assert "the training code" in refused(cell, data).what


def test_a_file_that_changes_while_own_code_may_be_reading_it_leaves_no_record(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cell, data = own_model()
    measure = jobs._measured

    def edited(*args: object) -> Record:
        record = measure(*args)  # type: ignore[arg-type]
        Path("width.txt").write_text("9")
        return record

    monkeypatch.setattr(jobs, "_measured", edited)
    error = refused(cell, data)
    assert error.what == (
        f"cell {cell.id}: a file in nnbench_inputs changed while the cell was measured"
    )
    assert error.got == "width.txt"


def test_a_comment_in_own_code_stops_no_job() -> None:
    cell, data = own_model()
    Path("own_net.py").write_text(f"# a comment\n{OWN_MODEL}")
    assert run(cell, data).cell == cell


def test_a_job_holds_little_more_than_the_arrays_of_its_data() -> None:
    import tracemalloc

    arrays = npz_arrays(60_000)
    npz_data(Path(), arrays)
    cell = cell_of("mine.yaml")
    data = data_of(cell)
    Path("a.npz").unlink()
    tracemalloc.start()
    known = dataset_in(data / "manifest.json")
    assert known.load
    known.load(None, False)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    values = np.prod(arrays["inputs"].shape) * 4 + 60_000 * 8
    assert peak < 4 * values
    assert json.loads((data / SOURCE).read_text())["dataset"] == "mine.yaml"
