"""Definitions of datasets that make no sense are refused at once, in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from nnbench.datasets.base import Arrays, Dataset, check_arrays
from nnbench.datasets.coin_flip import DATASET as COIN_FLIP
from nnbench.datasets.digits import DATASET as DIGITS
from nnbench.datasets.friedman import DATASET as FRIEDMAN
from nnbench.datasets.tables import DIABETES
from nnbench.errors import NnbenchError


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"load": None}, "one of load and draw(.|\n)*neither"),
        ({"draw": COIN_FLIP.draw}, "one of load and draw(.|\n)*both"),
        ({"scaling": "pixel"}, "unknown scaling(.|\n)*global, feature"),
        ({"train_size": 0}, "size is not positive"),
        ({"class_names": ("a", "a")}, "bad class names"),
        ({"task": "ranking"}, "unknown task(.|\n)*ranking(.|\n)*classification, regression"),
        ({"task": "regression"}, "does not say what it predicts(.|\n)*no class names"),
        ({"task": "regression", "class_names": ()}, "does not say(.|\n)*target_name ''"),
        ({"target_name": "price"}, "classes have no target(.|\n)*'price'"),
        ({"irrelevant": (0,)}, "irrelevant inputs(.|\n)*some inputs of a generated table"),
        ({"target_unit": "EUR"}, "classes have no target(.|\n)*'EUR'"),
    ],
)
def test_a_dataset_that_makes_no_sense_is_refused(change: dict[str, Any], words: str) -> None:
    fields = {name: getattr(DIGITS, name) for name in Dataset.__dataclass_fields__}
    with pytest.raises(NnbenchError, match=words):
        Dataset(**{**fields, **change})


@pytest.mark.parametrize("inputs", [(10,), (-1,), tuple(range(10))])
def test_irrelevant_inputs_are_some_of_those_that_there_are(inputs: tuple[int, ...]) -> None:
    with pytest.raises(NnbenchError, match=r"irrelevant inputs(.|\n)*counted from 0"):
        replace(FRIEDMAN, irrelevant=inputs)


@pytest.mark.parametrize(
    ("inputs", "labels", "words"),
    [
        (np.zeros((3, 2)), np.zeros(3, np.int64), "wrong type(.|\n)*float64(.|\n)*uint8, float32"),
        (np.zeros((3, 2), np.float32), np.zeros(3, np.int32), "labels have the wrong type"),
        (np.zeros((3, 2), np.float32), np.zeros(3), "labels have the wrong type(.|\n)*float64"),
        (np.zeros((3, 2), np.float32), np.zeros(4, np.int64), "differ in length"),
        (np.zeros((3, 2), np.float32), np.zeros(4, np.float32), "differ in length"),
    ],
)
def test_arrays_of_another_type_or_length_are_refused(inputs: Any, labels: Any, words: str) -> None:
    with pytest.raises(NnbenchError, match=words):
        Arrays(inputs=inputs, labels=labels)


@pytest.mark.parametrize(
    ("value", "label", "words"),
    [(np.nan, 1, "not finite"), (0.5, 0, "class is empty"), (0.5, 2, "out of range")],
)
def test_samples_that_break_their_datasets_promise_are_refused(
    value: float, label: int, words: str
) -> None:
    inputs = np.full((2, 10), value, np.float32)
    arrays = Arrays(inputs=inputs, labels=np.array([0, label], np.int64))
    with pytest.raises(NnbenchError, match=words):
        check_arrays(COIN_FLIP, arrays, name="train")


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros(2, np.float32), "targets are all the same(.|\n)*got: 0.0"),
        (np.array([0, np.nan], np.float32), "targets are not finite"),
        (np.array([0, 1]), "wrong type for regression(.|\n)*int64(.|\n)*float32"),
    ],
)
def test_targets_that_are_no_targets_are_refused(labels: Any, words: str) -> None:
    arrays = Arrays(inputs=np.zeros((2, 10), np.float32), labels=labels)
    with pytest.raises(NnbenchError, match=words):
        check_arrays(DIABETES, arrays, name="test")


def test_classes_that_are_numbers_are_refused() -> None:
    arrays = Arrays(inputs=np.zeros((2, 10), np.float32), labels=np.array([0, 1], np.float32))
    with pytest.raises(NnbenchError, match=r"wrong type for classification(.|\n)*float32"):
        check_arrays(COIN_FLIP, arrays, name="train")


def test_a_model_returns_a_value_a_class_or_one_number() -> None:
    assert (DIGITS.outputs, COIN_FLIP.outputs, DIABETES.outputs) == (10, 2, 1)
