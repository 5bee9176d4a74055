"""Breast cancer: 569 tumours, 30 measurements of their cells' nuclei, malignant or benign."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nnbench.datasets.base import Arrays, Dataset, Pools
from nnbench.datasets.sources.bundled import Bundled, read_bundled
from nnbench.datasets.splits import stratified_share

SOURCE = Bundled(
    name="breast_cancer",
    loader="load_breast_cancer",
    sha256="9a17204f606440f82e7cd0126b9c769725280bee3ad5fd630f20261f2b99b413",
)
SPLIT_SEED = 20_240_504
TEST_SHARE = 0.3


def load(_data_folder: Path | None, _may_download: bool) -> Pools:
    """The pool ``(398, 30)`` and the test set ``(171, 30)``, float32, 30 % of each class.

    Raises:
        NnbenchError: scikit-learn is missing, or its data are not the ones that were checked.
    """
    inputs, labels = read_bundled(SOURCE)
    arrays = Arrays(inputs=inputs.astype(np.float32), labels=labels.astype(np.int64))
    return stratified_share(arrays, test_share=TEST_SHARE, seed=SPLIT_SEED)


DATASET = Dataset(
    name="breast_cancer",
    title="Breast cancer",
    source=(
        "Wolberg, Mangasarian, Street, Street: Breast Cancer Wisconsin (Diagnostic), UCI 1995; "
        "as in scikit-learn's load_breast_cancer"
    ),
    licence="CC BY 4.0 (UCI), BSD-3-Clause (scikit-learn)",
    input_shape=(30,),
    class_names=("malignant", "benign"),
    scaling="feature",
    train_size=318,
    validation_size=80,
    test_size=171,
    load=load,
)
