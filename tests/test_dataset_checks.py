"""What a dataset cannot meet is refused when it is planned, in words that say what would fit."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from nnbench.datasets.base import Arrays, Dataset, Stream
from nnbench.datasets.checks import check_settings
from nnbench.datasets.coin_flip import DATASET as COIN_FLIP
from nnbench.datasets.digits import DATASET as DIGITS
from nnbench.datasets.mnist1d import DATASET as MNIST1D
from nnbench.errors import NnbenchError
from nnbench.settings import Settings


def draw(n: int, *, seed: int, stream: Stream) -> Arrays:
    return Arrays(inputs=np.zeros((n, 3), np.float32), labels=np.arange(n, dtype=np.float32))


NUMBERS = Dataset(
    name="numbers", title="", source="", licence="", input_shape=(3,), class_names=(),
    target_name="y", scaling="feature", train_size=80, validation_size=20, test_size=50,
    task="regression", draw=draw,
)  # fmt: skip


def settings_of(values: dict[str, Any]) -> Settings:
    return Settings.model_validate_json(json.dumps(values))


POOL = DIGITS.train_size + DIGITS.validation_size


@pytest.mark.parametrize(
    ("dataset", "settings", "words"),
    [
        (MNIST1D, {"augment": {"rotation_degrees": 5}}, "augmentation needs images.*mnist1d"),
        (MNIST1D, {"shifts": {"turned": {"noise": 0.1}}}, "shifts need images.*mnist1d"),
        (DIGITS, {"train_size": DIGITS.train_size + 1}, f"digits.*1 to {DIGITS.train_size} "),
        (DIGITS, {"train_size": POOL, "classes": [0, 1]}, f"1 to {POOL - 47} "),  # 237 / 5
        (DIGITS, {"classes": [1, 10]}, "classes: .*no such class.*got: 10.*0 to 9"),
        (DIGITS, {"rare_class": {"label": 10, "share": 0.5}}, "rare_class.*got: 10.*0 to 9"),
        (
            DIGITS,
            {"classes": [3, 7], "rare_class": {"label": 3, "share": 0.5}},
            "rare_class.*got: 3.*0 to 1",
        ),
        (
            DIGITS,
            {"train_size": 9, "rare_class": {"label": 1, "share": 0.5}},
            "sample of each class.*9.*10 or more",
        ),
        (DIGITS, {"validation_size": 238}, "validation_size.*got: 238.*1 to 237"),
        (DIGITS, {"validation_size": 48, "classes": [0, 1]}, "validation_size.*1 to 47"),
        (DIGITS, {"outliers": 0.1}, "outliers needs a regression dataset.*digits"),
        (DIGITS, {"target_factor": 10.0}, "target_factor needs a regression dataset.*digits"),
        (DIGITS, {"loss": "mae"}, "loss mae needs a regression dataset"),
        (DIGITS, {"loss": "huber"}, "loss huber needs a regression dataset"),
        (DIGITS, {"decoys": 1}, "decoys needs a table.*digits with inputs of shape"),
        (MNIST1D, {"missing": {"share": 0.5}}, "missing needs a table.*mnist1d"),
        (DIGITS, {"probes": ["importance"]}, "probe importance needs a table"),
        (NUMBERS, {"probes": ["importance"]}, "inputs that tell nothing.*numbers.*decoys: 1"),
        (NUMBERS, {"loss": "cross_entropy"}, "loss cross_entropy needs a dataset with classes"),
        (NUMBERS, {"loss": "hinge"}, "loss hinge needs a dataset with classes"),
        (NUMBERS, {"loss": "smoothed"}, "loss smoothed needs a dataset with classes"),
        (NUMBERS, {"classes": [0, 1]}, "classes needs a dataset with classes.*numbers"),
        (NUMBERS, {"label_noise": 0.1}, "label_noise needs"),
        (NUMBERS, {"shuffled_labels": True}, "shuffled_labels needs"),
        (NUMBERS, {"rare_class": {"label": 0, "share": 0.5}}, "rare_class needs"),
        (NUMBERS, {"balance": "weights"}, "balance needs a dataset with classes"),
        (NUMBERS, {"validation_without": 0}, "validation_without needs a dataset with classes"),
        (NUMBERS, {"label_noise_of": 0}, "label_noise_of needs a dataset with classes"),
        (DIGITS, {"validation_without": 10}, "validation_without is none.*got: 10.*0 to 9"),
        (DIGITS, {"label_noise_of": 2, "classes": [7, 8]}, "label_noise_of is none.*0 to 1"),
        (NUMBERS, {"pretrain": {"classes": [0, 1]}}, "pretrain needs"),
        (NUMBERS, {"second_task": {}}, "second_task needs a dataset with classes"),
        (NUMBERS, {"pseudo_labels": 0.5}, "pseudo_labels needs a dataset with classes"),
        (DIGITS, {"pseudo_labels": 0.5}, "pseudo_labels needs training samples without labels"),
        (NUMBERS, {"drift": {"to": {}}}, "a drift needs images.*numbers"),
        (DIGITS, {"drift": {"to": {}}, "train_size": 100}, "drift.train_size.*got: 100.*1 to 99"),
        (NUMBERS, {"streams": {"a": {"to": {}}}}, "streams needs a dataset with classes"),
        (
            DIGITS,
            {"streams": {"a": {"to": {}, "window": 361}}},
            "streams.a: a window takes more.*got: 361.*1 to 360",
        ),
        (NUMBERS, {"target": {"value": 0.5}}, "validation_accuracy.*metric: validation_loss"),
        (DIGITS, {"rbm": {}}, "rbm needs inputs.*got: inputs: standard.*inputs: minmax"),
        (DIGITS, {"pretrain": {"classes": [0, 1]}}, "judged training too.*0, 1.*in `classes`"),
        (
            DIGITS,
            {"classes": [0, 1, 2], "pretrain": {"classes": [2, 3]}},
            "judged training too.*got: 2\n",
        ),
        (
            DIGITS,
            {"classes": [0, 1], "pretrain": {"classes": [2, 12]}},
            "pretrain.classes: .*got: 12",
        ),
        (
            DIGITS,
            {"classes": [0, 1], "pretrain": {"classes": [2, 3], "train_size": POOL}},
            "pretrain: train_size does not fit",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_its_place(
    dataset: Dataset, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(NnbenchError, match=f"(?s)^here: {words}|^here: .*{words}"):
        check_settings(dataset, settings_of(settings), where="here")


@pytest.mark.parametrize(
    ("dataset", "settings"),
    [
        (DIGITS, {"train_size": DIGITS.train_size, "augment": {"rotation_degrees": 5}}),
        (DIGITS, {"classes": [9, 0], "rare_class": {"label": 1, "share": 0.1}}),
        (DIGITS, {"classes": [5, 6], "pretrain": {"classes": [0, 1]}, "label_noise": 0.2}),
        (DIGITS, {"rbm": {}, "inputs": "minmax", "shifts": {"dim": {"contrast": 0.5}}}),
        (DIGITS, {"loss": "mse", "target": {"value": 0.9}}),
        (COIN_FLIP, {"train_size": 10**6, "loss": "hinge", "shuffled_labels": True}),
        (NUMBERS, {"loss": "huber", "outliers": 0.1}),
        (NUMBERS, {"loss": "mse", "target": {"metric": "validation_loss", "value": 0.5}}),
    ],
)
def test_what_fits_is_let_through(dataset: Dataset, settings: dict[str, Any]) -> None:
    check_settings(dataset, settings_of(settings), where="here")
