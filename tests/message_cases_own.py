"""Wrong data of a user's own, one of each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from own_cases import (
    COMMON,
    CSV,
    FOLDER,
    NPZ,
    csv_text,
    described,
    draw_image,
    folder_data,
    npz_arrays,
    npz_data,
)

from nnbench.datasets.own.description import dataset_at
from nnbench.datasets.own.look import notes_of

Case = Callable[[Path], object]


def csv(content: str | None = None, **changes: Any) -> Case:
    def load(folder: Path) -> object:
        (folder / "t.csv").write_text(csv_text() if content is None else content, encoding="utf-8")
        return own(described(folder, CSV, **changes))

    return load


def npz(arrays: Mapping[str, Any] | None = None, **changes: Any) -> Case:
    return lambda folder: own(npz_data(folder, arrays, **changes))


def images(change: Callable[[Path], object], **keys: Any) -> Case:
    def load(folder: Path) -> object:
        path = folder_data(folder, **keys)
        change(folder / "images")
        return own(path)

    return load


def own(path: Path) -> object:
    dataset = dataset_at(path)
    notes_of(path)
    assert dataset.load is not None
    return dataset.load(None, False)


def yaml_of_own(content: Mapping[str, Any]) -> Case:
    return lambda folder: dataset_at(described(folder, content))


def rows(*lines: str, header: str = "width,height,kind") -> str:
    return "\n".join([header, *lines]) + "\n"


ROWS = [f"{n / 7:.3f},{n * n % 11},{'ab'[n % 2]}" for n in range(20)]
OWN: Mapping[str, Mapping[str, Case]] = {
    "Own data: the description": {
        "no format": yaml_of_own(COMMON),
        "an unknown format": yaml_of_own({**CSV, "format": "xlsx"}),
        "a name with a space": csv(name="my data"),
        "a name of nnbench's own": csv(name="digits"),
        "no data": csv(path="zebra.csv"),
        "a folder for a file": yaml_of_own({**CSV, "path": "."}),
        "no folder": yaml_of_own({**FOLDER, "path": "zebra"}),
        "sizes that do not fit": csv(train_size=100),
        "a share of one": csv(test_share=1.0),
        "a test set twice": npz({"test_inputs": npz_arrays()["inputs"], "test_labels": npz_arrays()["labels"]}, test_share=0.2),
    },
    "Own data: tables": {
        "an empty file": csv(""),
        "a header alone": csv("a,b,kind\n"),
        "another separator": csv(rows(*ROWS).replace(",", ";")),
        "no header": csv("\n".join(ROWS)),
        "a name twice": csv(rows(*ROWS, header="a,a,kind")),
        "a column without a name": csv(rows(*ROWS, header=",a,kind")),
        "a target that is not there": csv(rows(*ROWS), target="sort"),
        "a feature that is not there": csv(rows(*ROWS), features=["widht"]),
        "a target among the features": csv(rows(*ROWS), features=["width", "kind"]),
        "a group among the features": csv(rows(*ROWS), features=["width"], group="width"),
        "a feature twice": csv(rows(*ROWS), features=["width", "width"]),
        "the target alone": csv("kind\na\nb\n"),
        "an empty cell": csv(rows(*ROWS, ",1,a")),
        "a missing class": csv(rows(*ROWS, "1,1,NA")),
        "a text for a number": csv(rows(*ROWS, "tall,1,a")),
        "a decimal comma": csv(rows(*[row.replace(",", ";").replace(".", ",") for row in ROWS], header="width;height;kind"), separator=";"),
        "a short row": csv(rows(*ROWS, "1,a")),
        "one class": csv(rows(*[row[:-1] + "a" for row in ROWS])),
        "a class of one": csv(rows(*ROWS, "1,1,c")),
        "numbers as classes": csv(rows(*[f"{n},{n * n},{n / 3}" for n in range(20)])),
        "classes that look alike": csv(rows(*ROWS, *["1,1,a\u200b"] * 5)),
        "a class to rename that is not there": csv(rows(*ROWS), rename={"z": "y"}),
        "too few numbers": csv(rows("1,2,3", "2,3,4"), task="regression"),
        "inputs that do not vary": csv(rows(*[f"1,2,{'ab'[n % 2]}" for n in range(20)])),
        "a target that is too fine": csv(rows(*[f"{n},{n * n},{1e9 + n / 1e6:.6f}" for n in range(20)]), task="regression"),
        "columns too fine for one scale": csv(rows(*[f"{n},{1e9 + n / 1e4:.6f},{'ab'[n % 2]}" for n in range(20)]), scaling="global"),
        "groups that leave out a class": csv(rows(*[f"{row[:-2]},{row[-1]},{row[-1]}" for row in ROWS], header="w,h,g,kind"), group="g"),
    },
    "Own data: arrays": {
        "no npz": lambda folder: ((folder / "a.npz").write_bytes(b"zebra"), own(described(folder, NPZ))),
        "other arrays": npz({"x": np.zeros(3)}),
        "texts": npz({"inputs": np.array([["a"]] * 20)}),
        "NaN": npz({"inputs": np.full((20, 6), np.nan)}),
        "labels in rows": npz({"labels": np.eye(20)}),
        "labels of another length": npz({"labels": np.zeros(5, int)}),
        "labels with a gap": npz({"labels": np.arange(20) % 2 * 2}),
        "labels that are fractions": npz({"labels": np.linspace(0, 1, 20)}),
        "too few names": npz(class_names=["a"]),
        "channels last": npz({"inputs": np.zeros((20, 8, 8, 3))}),
        "channels of no images": npz(channels="last"),
    },
    "Own data: images": {
        "no image": images(lambda folder: (folder / "cat" / "0.png").write_bytes(b"zebra")),
        "a folder in a class": images(lambda folder: (folder / "cat" / "deep").mkdir()),
        "an image of another size": images(lambda folder: draw_image(folder / "cat" / "9.png", size=(9, 9))),
        "no class folders": images(lambda _: None, path="images/cat"),
        "a class beside train and test": images(lambda folder: draw_image(folder / "cow" / "1.png"), parts=("train", "test")),
        "a class in train alone": images(lambda folder: draw_image(folder / "train" / "cow" / "1.png"), parts=("train", "test")),
        "a background that is no colour": images(lambda _: None, background="blueish"),
    },
}  # fmt: skip
