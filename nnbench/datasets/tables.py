"""Tables that come with scikit-learn: wine, breast cancer, and as a regression diabetes."""

from functools import partial

from nnbench.datasets.base import Dataset
from nnbench.datasets.sources.bundled import Bundled

_table = partial(
    Dataset,
    licence="CC BY 4.0 (UCI), BSD-3-Clause (scikit-learn)",
    scaling="feature",
    one_set=True,
)

# 178 Italian wines, 13 chemical measurements; scikit-learn names neither the cultivars nor the units of most
# measurements. With a test set of 53 wines, accuracy has steps of 1.9 points, and one classifier in the
# literature separates the classes perfectly (RDA, Aeberhard et al. 1992, in scikit-learn's description).
WINE_SOURCE = Bundled(
    name="wine",
    sha256="9d0c70fe9bdf4628e3375210b31c0e95f2eacde5339c0acb4c2a1fbe6e7620f1",
    split_seed=20_240_503,
)
WINE = _table(
    name="wine",
    title="Wine",
    source="Aeberhard, Forina: Wine, UCI 1991; as in scikit-learn's load_wine",
    input_shape=(13,),
    class_names=("cultivar 1", "cultivar 2", "cultivar 3"),
    train_size=100,
    validation_size=25,
    test_size=53,
    load=WINE_SOURCE.load,
)

# 569 tumours, 30 measurements of their cell nuclei
BREAST_CANCER_SOURCE = Bundled(
    name="breast_cancer",
    sha256="9a17204f606440f82e7cd0126b9c769725280bee3ad5fd630f20261f2b99b413",
    split_seed=20_240_504,
)
BREAST_CANCER = _table(
    name="breast_cancer",
    title="Breast cancer",
    source=(
        "Wolberg, Mangasarian, Street, Street: Breast Cancer Wisconsin (Diagnostic), UCI 1995; "
        "as in scikit-learn's load_breast_cancer"
    ),
    input_shape=(30,),
    class_names=("malignant", "benign"),
    train_size=318,
    validation_size=80,
    test_size=171,
    load=BREAST_CANCER_SOURCE.load,
)

# 442 patients; the features keep their original scales: age in years, sex as 1 or 2, body mass index, blood
# pressure, six blood serum values. The target is a score from 25 to 346 without a unit.
DIABETES_SOURCE = Bundled(
    name="diabetes",
    sha256="8dc6f33f7c316974b7580b7e1e86f2e5effb7cd01e5d2a485ae370684c022ce2",
    split_seed=20_240_505,
    task="regression",
    options={"scaled": False},
)
DIABETES = _table(
    name="diabetes",
    title="Diabetes",
    source=(
        "Efron, Hastie, Johnstone, Tibshirani: Least Angle Regression, Annals of Statistics 2004; "
        "as in scikit-learn's load_diabetes(scaled=False)"
    ),
    licence="none stated by the authors; BSD-3-Clause (scikit-learn)",
    input_shape=(10,),
    class_names=(),
    train_size=247,
    validation_size=62,
    test_size=133,
    load=DIABETES_SOURCE.load,
    task="regression",
    target_name="disease progression after one year",
)
