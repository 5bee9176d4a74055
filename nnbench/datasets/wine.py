"""Wine: 178 Italian wines, 13 chemical measurements, three cultivars.

scikit-learn names neither the cultivars nor the units of most measurements. The set is small: with a test set
of 53 wines, accuracy has steps of 1.9 points, and one classifier in the literature separates the classes
perfectly (RDA, Aeberhard et al. 1992, in scikit-learn's description).
"""

from nnbench.datasets.base import Dataset
from nnbench.datasets.sources.bundled import Bundled

SOURCE = Bundled(
    name="wine",
    sha256="9d0c70fe9bdf4628e3375210b31c0e95f2eacde5339c0acb4c2a1fbe6e7620f1",
    split_seed=20_240_503,
)

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
    load=SOURCE.load,
)
