"""What own data tell about themselves stands in the plan, beside the prepared data, and in the report."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
from made_up_results import Page, made_up_results, write
from own_cases import FRUIT, csv_data, draw_image, folder_data, npz_arrays, npz_data
from test_own_classes import plan_of

from nnbench.cells.cell import dataset_of
from nnbench.datasets.own.look import all_notes_of, notes_of, summary_of
from nnbench.datasets.prepared.told import TOLD, Told, read_told
from nnbench.errors import NnbenchError
from nnbench.jobs.job import prepare_dataset
from nnbench.report.appendix import dataset_facts
from nnbench.verdicts.provenance import facts_in

NOTES = (
    "column 'id' counts the rows",
    "column 'unit' is constant",
    "column 'code' alone tells what is to be predicted",
    "column 'again' has the same values as 'size'",
    "the classes 'A' and 'a' differ in how they are written alone",
    "float32 cannot hold the differences of 1 columns as they are",
)
ORDER = "the samples are sorted by class: a number that counts them tells the class"


def telling_table(folder: Path) -> Path:
    """A table that has everything to tell but duplicates: sorted rows, twins, codes, a far offset."""
    rng = np.random.default_rng(0)
    sizes = [f"{size:.4f}" for size in rng.normal(size=60)]
    far = [f"{1e9 + step:.6f}" for step in rng.normal(size=60)]
    rows = [
        f"{n},7,{n // 20},{sizes[n]},{sizes[n]},{far[n]},{('a', 'A', 'b')[n // 20]}"
        for n in range(60)
    ]
    return csv_data(folder, "\n".join(["id,unit,code,size,again,far,kind", *rows]) + "\n")


def prepared(path: Path, folder: Path) -> Path:
    dataset_of.cache_clear()
    prepare_dataset(str(path), folder, data_folder=folder, download=False)
    return folder


def test_plan_preparation_and_report_say_the_same(tmp_path: Path) -> None:
    path = telling_table(tmp_path)
    folder = prepared(path, tmp_path / "prepared")
    plan = plan_of(tmp_path, path, {"x": {}, "y": {"lr": 0.5}}).notes()
    report = list(dataset_facts(facts_in(folder)))
    for note in NOTES:
        assert [text for text in plan if note in text], note
        assert [text for text in read_told(folder).notes if note in text], note
        assert [text for name, text in report if name == "Note" and note in text], note
    assert [text for text in plan if f"60 samples: A 20, a 20, b 20; {ORDER}" in text]
    assert ("Order", ORDER) in report


def test_both_reports_show_what_data_told(tmp_path: Path) -> None:
    results = copy.deepcopy(made_up_results())
    told = {"order": ORDER, "notes": ["column 'id' counts the rows", "<b>twins</b>"]}
    results["provenance"]["datasets"][0] |= told
    write(results, tmp_path)
    text = Page((tmp_path / "index.html").read_text(encoding="utf-8")).text
    markdown = (tmp_path / "README.md").read_text(encoding="utf-8")
    for said in (ORDER, "column 'id' counts the rows"):
        assert said in text
        assert said in markdown
    assert "<b>twins" not in (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<b>twins" not in markdown


def test_equal_images_are_told_once_they_are_read(tmp_path: Path) -> None:
    path = folder_data(tmp_path)
    draw_image(tmp_path / "images" / "dog" / "5.png", colour=(0, 0, 0))  # the first of the cats
    assert notes_of(path) == ()
    (note,) = read_told(prepared(path, tmp_path / "prepared")).notes
    assert note.startswith("2 of 11 samples have the inputs of another one")
    assert note.endswith("2 share them with another label")


def test_data_of_numbers_say_their_range_and_no_order(tmp_path: Path) -> None:
    arrays = {"labels": np.linspace(-1.0, 3.0, 20)}
    path = npz_data(tmp_path, arrays, task="regression", target_name="height", target_unit="m")
    assert summary_of(path) == "20 samples, height, -1 to 3 in m"
    assert read_told(prepared(path, tmp_path / "prepared")).order == ""


def test_data_prepared_before_they_told_anything_and_damaged_files_tell_nothing(
    tmp_path: Path,
) -> None:
    assert read_told(tmp_path) == Told()
    (tmp_path / TOLD).write_text('{"notes": 5}')
    assert read_told(tmp_path) == Told()


@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_a_plan_refuses_inputs_that_do_not_vary(kind: str, tmp_path: Path) -> None:
    if kind == "csv":
        rows = [f"1,2,{FRUIT[n % 3]}" for n in range(30)]
        path = csv_data(tmp_path, "\n".join(["x,y,kind", *rows]) + "\n")
    else:
        path = npz_data(tmp_path, {"inputs": np.ones_like(npz_arrays()["inputs"])})
    with pytest.raises(NnbenchError, match=r"(t\.csv|a\.npz): the inputs do not vary"):
        notes_of(path)


def test_a_plan_names_ten_columns_and_check_all_of_them(tmp_path: Path) -> None:
    inputs = np.random.default_rng(1).normal(size=(20, 30))
    inputs[:, :15] = 4.0
    path = npz_data(tmp_path, {"inputs": inputs})
    assert len(notes_of(path)) == 11
    assert notes_of(path)[-1] == "5 more such columns: `nnbench check` names them all"
    assert len(all_notes_of(path)) == 15
