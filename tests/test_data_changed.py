"""Data that change between a plan and their preparation, or while they are read, are told and not stored."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from own_cases import csv_data, csv_text, draw_image, folder_data, npz_arrays, npz_data

from nnbench.cells import fingerprint
from nnbench.cells.fingerprint import source_of
from nnbench.cli.main import main
from nnbench.datasets.own.table import CsvData
from nnbench.datasets.prepared import store
from nnbench.datasets.prepared.source import SOURCE, Source, read_source
from nnbench.errors import NnbenchError
from nnbench.jobs.job import prepare_dataset
from nnbench.records.store import dataset_folder

OWN_MODULE = """
from functools import partial
from pathlib import Path
import numpy as np
from nnbench.datasets.base import Arrays, Dataset, Pools
nnbench_inputs = ["numbers.txt"]
def load(folder, download):
    x = np.loadtxt(Path(__file__).with_name("numbers.txt"), dtype=np.float32).reshape(-1, 1)
    arrays = Arrays(inputs=x, labels=np.arange(len(x)) % 2)
    return Pools(trainval=arrays, test=arrays)
DATASET = Dataset(name="numbers", title="N", source="s", licence="l", input_shape=(1,), class_names=("a", "b"),
    scaling="feature", train_size=6, validation_size=2, test_size=8, load=load)
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    fingerprint.forget()
    yield tmp_path
    fingerprint.forget()


def prepared(planned: Source) -> Path:
    folder = Path("results/data/x")
    prepare_dataset(
        planned.dataset, folder, data_folder=Path("data"), download=False, planned=planned
    )
    return folder


def refused(planned: Source) -> str:
    """The message; nothing stays behind."""
    with pytest.raises(NnbenchError) as caught:
        prepared(planned)
    assert {path.name for path in Path("results/data/x").iterdir()} <= {".lock"}
    assert caught.value.todo == "start snakemake again: it plans with what is there now"
    return caught.value.what


def planned(path: Path | str) -> Source:
    source = source_of(str(path))
    fingerprint.forget()  # preparing is another process
    return source


def other_table() -> None:
    Path("t.csv").write_text(csv_text().replace("3,0.429,pear", "4,0.429,pear"))


def test_a_table_that_changed_after_the_plan_is_not_prepared() -> None:
    before = planned(csv_data(Path()))
    other_table()
    assert refused(before) == (
        "dataset 'mine.yaml': the data (t.csv) changed after this run was planned"
    )
    Path("t.csv").write_text(csv_text())
    assert read_source(prepared(before)) == before


def test_so_are_arrays() -> None:
    before = planned(npz_data(Path()))
    np.savez("a.npz", **{**npz_arrays(), "inputs": npz_arrays()["inputs"] + 1})
    assert "the data (a.npz) changed after" in refused(before)


@pytest.mark.parametrize(
    "edit",
    [
        lambda: draw_image(Path("images/cat/9.png")),
        lambda: draw_image(Path("images/cat/1.png"), colour=(7, 7, 7)),
        lambda: Path("images/cat/1.png").unlink(),
        lambda: Path("images/cat").rename("images/cow"),
    ],
    ids=["one more", "another", "one less", "another class"],
)
def test_so_are_images(edit: Callable[[], object]) -> None:
    before = planned(folder_data(Path()))
    edit()
    assert "the data (images) changed after" in refused(before)


def test_so_is_a_description() -> None:
    before = planned(csv_data(Path()))
    csv_data(Path(), test_share=0.5)
    assert "dataset 'mine.yaml': its description changed after" in refused(before)


def test_data_that_are_gone_or_half_written_have_changed() -> None:
    before = planned(csv_data(Path()))
    Path("t.csv").write_text("width,height,kind\n1,")
    assert "the data (t.csv) changed after" in refused(before)
    Path("t.csv").unlink()
    assert "'mine.yaml': the data changed after" in refused(before)


def test_files_that_a_dataset_of_own_code_reads_are_compared_too() -> None:
    Path("own_numbers.py").write_text(OWN_MODULE)
    Path("numbers.txt").write_text("1 2 3 4 5 6 7 8")
    before = planned("own_numbers:DATASET")
    Path("numbers.txt").write_text("1 2 3 4 5 6 7 9")
    assert "a file that this names in nnbench_inputs, changed after" in refused(before)
    Path("numbers.txt").write_text("1 2 3 4 5 6 7 8")
    assert read_source(prepared(before)) == before


@pytest.mark.parametrize("hidden", [False, True], ids=["plainly", "of the same size and time"])
def test_data_that_change_while_they_are_read_are_not_stored(
    hidden: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, read = planned(csv_data(Path())), CsvData.samples
    state = Path("t.csv").stat()

    def reading(spec: CsvData, path: Path) -> object:
        found = read(spec, path)
        other_table()
        if hidden:
            os.utime("t.csv", ns=(state.st_atime_ns, state.st_mtime_ns))
        return found

    monkeypatch.setattr(CsvData, "samples", reading)
    assert "the data (t.csv) changed after" in refused(before)


def test_a_plan_and_a_preparation_in_one_process_are_compared_too() -> None:
    name = str(csv_data(Path()))
    source_of(name)  # as a plan does
    other_table()
    folder = dataset_folder(Path("results"), name)
    with pytest.raises(NnbenchError, match=r"the data .t\.csv. changed after this run was planned"):
        prepare_dataset(name, folder, data_folder=Path("data"), download=False)
    folder = dataset_folder(Path("results"), name)  # planned anew
    prepare_dataset(name, folder, data_folder=Path("data"), download=False)
    assert read_source(folder) == source_of(name)


@pytest.mark.parametrize("said", [True, False], ids=["which say so", "which do not say so"])
def test_prepared_files_of_other_data_are_made_anew(said: bool) -> None:
    path = csv_data(Path())
    before = planned(path)
    other_table()
    folder = prepared(planned(path))
    poisoned = store.read_manifest(folder).arrays
    if not said:
        (folder / SOURCE).unlink()
    Path("t.csv").write_text(csv_text())
    assert prepared(before) == folder
    assert read_source(folder) == before
    assert store.read_manifest(folder).arrays != poisoned
    assert store.is_whole(folder)


def test_valid_files_of_the_same_data_are_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    before = planned(csv_data(Path()))
    stamp = (prepared(before) / "manifest.json").stat().st_mtime_ns
    assert (prepared(before) / "manifest.json").stat().st_mtime_ns == stamp
    assert "already prepared" in capsys.readouterr().out


def test_a_folder_that_a_plan_named_is_not_filled_with_other_data(
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = str(dataset_folder(Path("results"), str(csv_data(Path()))))
    other_table()
    fingerprint.forget()
    assert main(["prepare", "mine.yaml", folder]) == 2
    said = "dataset 'mine.yaml': the data, or what reads them, changed after this run was planned"
    assert said in capsys.readouterr().err
    assert not Path(folder).exists()


def test_the_command_takes_what_the_plan_named(capsys: pytest.CaptureFixture[str]) -> None:
    before = planned(csv_data(Path())).model_dump_json()
    assert main(["prepare", "mine.yaml", "out", "--planned", before]) == 0
    other_table()
    assert main(["prepare", "mine.yaml", "other", "--planned", before]) == 2
    assert "the data (t.csv) changed after this run was planned" in capsys.readouterr().err
    assert main(["prepare", "mine.yaml", "other", "--planned", "{}"]) == 2
    assert "--planned: does not say what a dataset was made of" in capsys.readouterr().err
