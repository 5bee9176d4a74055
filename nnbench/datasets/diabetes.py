"""Diabetes: 442 patients, ten measurements, and how far the disease went within a year.

Regression. The features keep the scales of their source (``scaled=False``): age in years, sex as 1
or 2, body mass index, blood pressure, six values of blood serum. The target is a score from 25 to
346 without a unit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nnbench.datasets.base import Arrays, Dataset, Pools
from nnbench.datasets.sources.bundled import Bundled, read_bundled
from nnbench.datasets.splits import stratified_share

SOURCE = Bundled(
    name="diabetes",
    loader="load_diabetes",
    sha256="8dc6f33f7c316974b7580b7e1e86f2e5effb7cd01e5d2a485ae370684c022ce2",
    options={"scaled": False},
)
SPLIT_SEED = 20_240_505
TEST_SHARE = 0.3


def load(_data_folder: Path | None, _may_download: bool) -> Pools:
    """The pool ``(309, 10)`` and the test set ``(133, 10)``, float32, targets ``(N,)`` float32.

    Of every ten patients that are neighbours in the order of the target, three are in the test set.

    Raises:
        NnbenchError: scikit-learn is missing, or its data are not the ones that were checked.
    """
    inputs, targets = read_bundled(SOURCE)
    arrays = Arrays(inputs=inputs.astype(np.float32), labels=targets.astype(np.float32))
    return stratified_share(arrays, test_share=TEST_SHARE, seed=SPLIT_SEED)


DATASET = Dataset(
    name="diabetes",
    title="Diabetes",
    source=(
        "Efron, Hastie, Johnstone, Tibshirani: Least Angle Regression, Annals of Statistics 2004; "
        "as in scikit-learn's load_diabetes(scaled=False)"
    ),
    licence="none stated by the authors; BSD-3-Clause (scikit-learn)",
    input_shape=(10,),
    class_names=(),
    scaling="feature",
    train_size=247,
    validation_size=62,
    test_size=133,
    load=load,
    task="regression",
    target_name="disease progression after one year",
)
