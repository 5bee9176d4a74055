"""Datasets whose samples are numbers that say their true label, and a reader of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from nnbench.datasets.base import Arrays, Dataset, Pools, Stream
from nnbench.datasets.prepared import store
from nnbench.engine.data import HeldOut, TrainingData, held_out, training_data
from nnbench.settings import Settings

CPU = torch.device("cpu")
SEEDS = (0, 1, 2)
OF_EACH = (60, 50, 40, 30)  # pool samples of each class
POOL, TEST = sum(OF_EACH), 40


def numbered(count: int, start: int = 0) -> npt.NDArray[np.float32]:
    return np.arange(start, start + count, dtype=np.float32)[:, None]


def true_class(number: Tensor) -> Tensor:
    """What the class of a sample is, from the number in its only feature."""
    mixed = np.random.default_rng(0).permutation(np.repeat(np.arange(4), OF_EACH))
    table = torch.from_numpy(np.concatenate([mixed, np.arange(TEST) % 4]))
    return table[number.long().squeeze(-1)]


def true_number(number: Tensor) -> Tensor:
    return number.double().squeeze(-1) ** 2 / 10 + 7


def with_labels(inputs: npt.NDArray[np.float32], task: str) -> Arrays:
    own = torch.from_numpy(inputs)
    labels = true_class(own) if task == "classification" else true_number(own).float()
    return Arrays(inputs=inputs, labels=labels.numpy())


def fixed(task: Any = "classification") -> Dataset:
    pools = Pools(
        trainval=with_labels(numbered(POOL), task), test=with_labels(numbered(TEST, POOL), task)
    )
    classes = task == "classification"
    return Dataset(
        name="tiny", title="", source="", licence="", input_shape=(1,), scaling="feature",
        class_names=("a", "b", "c", "d") if classes else (), target_name="" if classes else "y",
        task=task, train_size=120, validation_size=60, test_size=TEST,
        load=lambda _folder, _download: pools,
    )  # fmt: skip


def generated(task: Any = "classification") -> Dataset:
    codes: dict[Stream, int] = {"train": 0, "validation": 1, "test": 2}

    def draw(n: int, *, seed: int, stream: Stream) -> Arrays:
        rng = np.random.default_rng([seed, codes[stream]])
        return with_labels(rng.integers(0, POOL, (n, 1)).astype(np.float32), task)

    return replace(fixed(task), load=None, draw=draw)


KINDS = {"fixed": fixed, "generated": generated}


def raw(settings: dict[str, Any]) -> Settings:
    """Settings as a config would give them, with inputs left as they are."""
    return Settings.model_validate_json(json.dumps({"inputs": "raw", **settings}))


class Reader:
    """Reads a dataset that it prepares on first use; inputs stay the samples' numbers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def train(
        self, dataset: Dataset, seeds: tuple[int, ...] = SEEDS, **settings: Any
    ) -> TrainingData:
        if not (self.folder / "manifest.json").is_file():
            store.prepare(dataset, self.folder, data_folder=None, download=False)
        values = raw(settings)
        return training_data(dataset, values, folder=self.folder, seeds=seeds, device=CPU)

    def test(self, dataset: Dataset, data: TrainingData, **settings: Any) -> HeldOut:
        return held_out(
            dataset, data.bank.normaliser, raw(settings), folder=self.folder,
            seeds=SEEDS, device=CPU, targets=data.targets, fills=data.fills,
        )  # fmt: skip


def parts(data: TrainingData) -> list[tuple[Tensor, Tensor]]:
    """Numbers and labels of training and validation, as training gathers them."""
    return [data.bank.gather(rows) for rows in (data.train, data.validation)]


def same(one: TrainingData, other: TrainingData) -> bool:
    """Whether the samples are the same, whatever their labels."""
    pairs = zip(parts(one), parts(other), strict=True)
    return all(torch.equal(a, b) for (a, _), (b, _) in pairs)
