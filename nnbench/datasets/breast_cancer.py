"""Breast cancer: 569 tumours, 30 measurements of their cell nuclei, malignant or benign."""

from nnbench.datasets.base import Dataset
from nnbench.datasets.sources.bundled import Bundled

SOURCE = Bundled(
    name="breast_cancer",
    sha256="9a17204f606440f82e7cd0126b9c769725280bee3ad5fd630f20261f2b99b413",
    split_seed=20_240_504,
)

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
    load=SOURCE.load,
)
