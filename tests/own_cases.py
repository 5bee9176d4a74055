"""A user's own data in each format, small and right; tests change what they are about."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from nnbench.datasets.base import Dataset, check_pools
from nnbench.datasets.own.description import dataset_at
from nnbench.errors import NnbenchError

COMMON: Mapping[str, Any] = {"name": "mine", "title": "Mine", "source": "me", "licence": "CC0"}
CSV: Mapping[str, Any] = {**COMMON, "format": "csv", "path": "t.csv", "target": "kind"}
NPZ: Mapping[str, Any] = {**COMMON, "format": "npz", "path": "a.npz"}
FOLDER: Mapping[str, Any] = {**COMMON, "format": "folder", "path": "images"}
FRUIT = ["pear", "apple", "fig"]


def described(folder: Path, spec: Mapping[str, Any], **changes: Any) -> Path:
    """The YAML file; None removes a key."""
    content = {key: value for key, value in {**spec, **changes}.items() if value is not None}
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def csv_text(rows: int = 30) -> str:
    lines = [f"{n},{n / 7:.3f},{FRUIT[n % 3]}" for n in range(rows)]
    return "\n".join(["width,height,kind", *lines]) + "\n"


def csv_data(folder: Path, text: str | None = None, **changes: Any) -> Path:
    (folder / "t.csv").write_text(csv_text() if text is None else text, encoding="utf-8")
    return described(folder, CSV, **changes)


def npz_data(folder: Path, arrays: Mapping[str, Any] | None = None, **changes: Any) -> Path:
    np.savez(folder / "a.npz", **({**npz_arrays(), **(arrays or {})}))
    return described(folder, NPZ, **changes)


def npz_arrays(count: int = 20) -> dict[str, Any]:
    inputs = np.arange(count * 6, dtype=np.float64).reshape(count, 6)
    return {"inputs": inputs, "labels": np.arange(count) % 2}


def draw_image(path: Path, *, size: tuple[int, int] = (6, 4), colour: Any = (9, 99, 199)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def folder_data(folder: Path, *, parts: tuple[str, ...] = ("",), **changes: Any) -> Path:
    """Five images each of cats and dogs, in each part."""
    for part in parts:
        for label, name in enumerate(("cat", "dog")):
            for n in range(5):
                place = folder / "images" / part / name / f"{n}.png"
                draw_image(place, colour=(100 * label, n, len(part)))
    return described(folder, FOLDER, **changes)


def pools_of(dataset: Dataset) -> Any:
    assert dataset.load is not None
    pools = dataset.load(None, False)
    check_pools(dataset, pools)
    return pools


def refused(words: str, path: Path) -> str:
    """The message of data that cannot be used; ``...`` stands for anything."""
    pattern = words.replace("...", r"(.|\n)*")
    with pytest.raises(NnbenchError, match=pattern) as caught:
        pools_of(dataset_at(path))
    return str(caught.value)
