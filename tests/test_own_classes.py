"""Labels of own data name the class that is meant, and classes take all of their rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from own_cases import csv_data, npz_arrays, npz_data

from nnbench.claims.config import read_config
from nnbench.datasets.checks import check_settings, with_all_rows
from nnbench.datasets.own.description import dataset_at
from nnbench.datasets.own.spelling import one_name
from nnbench.errors import NnbenchError
from nnbench.plan.plan import Plan, make_plan
from nnbench.settings import Settings

CONFIG = Path(__file__).parent.parent / "config/config.yaml"


def grades(folder: Path, **changes: Any) -> Path:
    rows = [f"{n / 7:.3f},{1 + n % 12}" for n in range(120)]
    return csv_data(folder, "\n".join(["a,kind", *rows]) + "\n", **changes)


def unbalanced(folder: Path, **changes: Any) -> Path:
    """400, 300, 6 and 6 rows; 70 % of them are outside the test set."""
    names = "a" * 400 + "b" * 300 + "c" * 6 + "d" * 6
    rows = [f"{n / 7:.3f},{name}" for n, name in enumerate(names)]
    return csv_data(folder, "\n".join(["x,kind", *rows]) + "\n", **changes)


def plan_of(folder: Path, data: Path, levels: dict[str, Any]) -> Plan:
    claim = {
        "title": "t", "quote": "q", "kind": "differs", "margin": 0.05, "metric": "test_accuracy",
        "datasets": {str(data): {}}, "levels": levels,
    }  # fmt: skip
    document = {"document": "mine", "title": "t", "file": "f.md", "claims": {"c": claim}}
    (folder / "claims.yaml").write_text(yaml.safe_dump(document))
    (folder / "my.yaml").write_text(yaml.safe_dump({"documents": [str(folder / "claims.yaml")]}))
    return make_plan(read_config(str(CONFIG), str(folder / "my.yaml")))


def test_a_label_that_is_the_name_of_another_class_is_refused(tmp_path: Path) -> None:
    dataset = dataset_at(grades(tmp_path))
    with pytest.raises(NnbenchError) as caught:
        check_settings(dataset, Settings(classes=(1, 2)), where="here")
    assert str(caught.value) == (
        "here: classes: 1 may be the class with this label or the one with this name\n"
        "  got: label 1 is the class '2'; '1' has the label 0\n"
        "  allowed: labels, counted from 0, that are no name of another class\n"
        "  do: write at: class 2, or at: class 1; for other keys, give the classes names in words "
        "in the data file (of a table by rename: {'1': class 1, …})"
    )
    rare = Settings.model_validate({"rare_class": {"label": 3, "share": 0.5}})
    with pytest.raises(NnbenchError, match="rare_class: 3 may be the class"):
        check_settings(dataset, rare, where="here")


def test_classes_named_in_words_keep_the_order_of_their_numbers(tmp_path: Path) -> None:
    rename = {str(n): f"grade {n}" for n in range(1, 13)}
    dataset = dataset_at(grades(tmp_path, rename=rename))
    assert dataset.class_names == tuple(rename.values())
    check_settings(dataset, Settings(classes=(1, 2, 9)), where="here")


def test_labels_that_are_their_own_names_are_clear(tmp_path: Path) -> None:
    check_settings(dataset_at(npz_data(tmp_path)), Settings(classes=(0, 1)), where="here")
    labels = npz_arrays()["labels"] + 1
    dataset = dataset_at(npz_data(tmp_path, {"labels": labels}, relabel=True))
    with pytest.raises(NnbenchError, match="1 may be the class with this label"):
        check_settings(dataset, Settings(classes=(0, 1)), where="here")


def test_a_level_that_reads_a_label_says_which_class_that_is(tmp_path: Path) -> None:
    data = unbalanced(tmp_path)
    plan = plan_of(tmp_path, data, {"often": {"at": "label 0"}, "rare": {"at": "label 3"}})
    assert f"{one_name(str(data))}: mine/c, level 'rare': reads the class d" in plan.notes()


def test_a_level_that_reads_an_ambiguous_label_is_refused(tmp_path: Path) -> None:
    data = grades(tmp_path)
    with pytest.raises(NnbenchError, match="level 'two': at: 2 may be the class"):
        plan_of(tmp_path, data, {"two": {"at": "label 2"}, "x": {"at": "label 0"}})


def test_classes_of_unbalanced_data_take_all_of_their_rows(tmp_path: Path) -> None:
    data = unbalanced(tmp_path)
    plan = plan_of(tmp_path, data, {"often": {"classes": [0, 1]}, "all": {}})
    # 490 rows of both outside the test set; half of the 100 for validation
    (note,) = [note for note in plan.notes() if "'often'" in note]
    assert note == (
        f"{one_name(str(data))}: mine/c, level 'often': has the classes 'a', 'b'; trains on 440 samples"
    )


def test_classes_that_are_all_kept_for_validation_are_refused_by_the_plan(tmp_path: Path) -> None:
    with pytest.raises(NnbenchError) as caught:
        plan_of(tmp_path, unbalanced(tmp_path), {"rare": {"classes": [2, 3]}, "all": {}})
    assert "level 'rare': too few samples of classes 2, 3\n" in str(caught.value)
    assert "got: 8 outside the test set, of which 50 are kept for validation\n" in str(caught.value)
    assert "do: set validation_size in the data file to 12 or less" in str(caught.value)
    data = unbalanced(tmp_path, validation_size=12)
    settings = with_all_rows(dataset_at(data), Settings(classes=(2, 3)), where="here")
    assert settings.train_size == 2


def test_a_size_that_classes_do_not_have_is_refused(tmp_path: Path) -> None:
    dataset = dataset_at(unbalanced(tmp_path))
    with pytest.raises(NnbenchError, match="at least 441 for training"):
        with_all_rows(dataset, Settings(classes=(0, 1), train_size=441), where="here")
    settings = Settings(classes=(0, 1), train_size=440)
    assert with_all_rows(dataset, settings, where="here") == settings
