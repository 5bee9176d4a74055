"""Diabetes: 442 patients, ten measurements, and how far the disease progressed within a year.

Regression. The features keep their original scales (``scaled=False``): age in years, sex as 1 or 2, body mass
index, blood pressure, six blood serum values. The target is a score from 25 to 346 without a unit.
"""

from nnbench.datasets.base import Dataset
from nnbench.datasets.sources.bundled import Bundled

SOURCE = Bundled(
    name="diabetes",
    sha256="8dc6f33f7c316974b7580b7e1e86f2e5effb7cd01e5d2a485ae370684c022ce2",
    split_seed=20_240_505,
    task="regression",
    options={"scaled": False},
)

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
    load=SOURCE.load,
    task="regression",
    target_name="disease progression after one year",
)
