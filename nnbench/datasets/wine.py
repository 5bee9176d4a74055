"""Wine: 178 Italian wines, 13 chemical measurements, three cultivars.

scikit-learn names neither the cultivars nor the units of most measurements. The set is small: a test
set of 53 wines measures an accuracy in steps of 1.9 points, and one classifier in the literature
separates the classes without error (RDA, Aeberhard et al. 1992, in scikit-learn's description).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nnbench.datasets.base import Arrays, Dataset, Pools
from nnbench.datasets.sources.bundled import Bundled, read_bundled
from nnbench.datasets.splits import stratified_share

SOURCE = Bundled(
    name="wine",
    loader="load_wine",
    sha256="9d0c70fe9bdf4628e3375210b31c0e95f2eacde5339c0acb4c2a1fbe6e7620f1",
)
SPLIT_SEED = 20_240_503
TEST_SHARE = 0.3


def load(_data_folder: Path | None, _may_download: bool) -> Pools:
    """The pool ``(125, 13)`` and the test set ``(53, 13)``, float32, 30 % of each class.

    Raises:
        NnbenchError: scikit-learn is missing, or its data are not the ones that were checked.
    """
    inputs, labels = read_bundled(SOURCE)
    arrays = Arrays(inputs=inputs.astype(np.float32), labels=labels.astype(np.int64))
    return stratified_share(arrays, test_share=TEST_SHARE, seed=SPLIT_SEED)


DATASET = Dataset(
    name="wine",
    title="Wine",
    source="Aeberhard, Forina: Wine, UCI 1991; as in scikit-learn's load_wine",
    licence="CC BY 4.0 (UCI), BSD-3-Clause (scikit-learn)",
    input_shape=(13,),
    class_names=("cultivar 1", "cultivar 2", "cultivar 3"),
    scaling="feature",
    train_size=100,
    validation_size=25,
    test_size=53,
    load=load,
)
