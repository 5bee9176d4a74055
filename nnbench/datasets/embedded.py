"""Real data inside nnbench itself: nine sets of 992 to 53,573 samples, values as in their source.

``files/README.md`` says where each file is from, its licence and what was changed. A sample whose features
repeat an earlier one's is left out, so the counts are below the published ones.
"""

from functools import partial
from pathlib import Path
from string import ascii_uppercase

import numpy as np

from nnbench.datasets.base import Arrays, Dataset, Pools
from nnbench.datasets.sources.embedded import Embedded

_table = partial(Dataset, licence="CC BY 4.0 (UCI)", scaling="feature", one_set=True)

# 16 integers 0 ... 15 that describe the shape of a distorted capital letter; 1,332 of 20,000 are repetitions
LETTER = _table(
    name="letter",
    title="Letters",
    source="Slate: Letter Recognition, UCI 1991; by way of KEEL",
    input_shape=(16,),
    class_names=tuple(ascii_uppercase),
    train_size=11_947,
    validation_size=2_987,
    test_size=3_734,
    load=Embedded(
        name="letter", sha256="63a875f6027e30461a2a634158d99f3eccb1812edafa5ddfa53755a67ed0493b"
    ).load,
)

# Four spectral bands of 3 x 3 pixels; the class is the middle one's. Neighbouring samples share pixels and
# may be on both sides of the split, as in the source's own.
SATIMAGE = _table(
    name="satimage",
    title="Satellite image",
    source="Srinivasan: Statlog (Landsat Satellite), UCI 1993; by way of KEEL",
    input_shape=(36,),
    class_names=(
        *("red soil", "cotton crop", "grey soil", "damp grey soil"),
        *("soil with vegetation stubble", "very damp grey soil"),
    ),
    train_size=4_118,
    validation_size=1_030,
    test_size=1_287,
    load=Embedded(
        name="satimage", sha256="b984319b73f08885e4c54bd378e7fbaf85f4ce92d8a4b74a1e8c0edf44fa5fed"
    ).load,
)

# Eight points (x, y) along a digit drawn with a pen, in 0 ... 100. The file no longer says who drew which,
# so a writer's digits are on both sides of the split.
PENBASED = _table(
    name="penbased",
    title="Pen digits",
    source="Alpaydin, Alimoglu: Pen-Based Recognition of Handwritten Digits, UCI 1996; by way of KEEL",
    input_shape=(16,),
    class_names=tuple("0123456789"),
    train_size=7_035,
    validation_size=1_759,
    test_size=2_198,
    load=Embedded(
        name="penbased", sha256="08104ae6f65dca12de0ae5bacc1740658273cc09e508f5494b7f807ac0b06fa5"
    ).load,
)

# simulated showers of a Cherenkov telescope, by ten parameters of their image; 115 of 19,020 are repetitions
MAGIC = _table(
    name="magic",
    title="MAGIC telescope",
    source="Bock: MAGIC Gamma Telescope, UCI 2004; by way of KEEL",
    input_shape=(10,),
    class_names=("gamma", "hadron"),
    train_size=12_099,
    validation_size=3_025,
    test_size=3_781,
    load=Embedded(
        name="magic", sha256="15c2b14e0be6c1d84210abf53e82b6f7640957a71780e00c5e1510bce8aafbc9"
    ).load,
)

# frequencies of 48 words and 6 characters in percent, and lengths of runs of capitals; KEEL has 4,597 of
# UCI's 4,601 messages, of which 394 are repetitions
SPAMBASE = _table(
    name="spambase",
    title="Spambase",
    source="Hopkins, Reeber, Forman, Suermondt: Spambase, UCI 1999; by way of KEEL",
    input_shape=(57,),
    class_names=("no spam", "spam"),
    train_size=2_690,
    validation_size=672,
    test_size=841,
    load=Embedded(
        name="spambase", sha256="9a56087395f7c8589a05e12af7064999b98db183b8557b959581199c4c8fe41b"
    ).load,
)

# 3 x 3 pixels of outdoor photographs, by 19 statistics; the third, the number of pixels, is always 9. Of
# 2,310 samples 224 are repetitions.
SEGMENT = _table(
    name="segment",
    title="Image segments",
    source="Vision Group, University of Massachusetts: Image Segmentation, UCI 1990; by way of KEEL",
    input_shape=(19,),
    class_names=("brickface", "sky", "foliage", "cement", "window", "path", "grass"),
    train_size=1_335,
    validation_size=334,
    test_size=417,
    load=Embedded(
        name="segment", sha256="b9bbeb6c0bf8fc773c06b610d5eb5e427f76cd66456bfd3c7db129924dfb7f7c"
    ).load,
)

# Eight quantities in kg per m³ of concrete and its age in days. Of 1,030 samples 38 are further tests of the
# same mixture at the same age.
CONCRETE = _table(
    name="concrete",
    title="Concrete",
    source="Yeh: Concrete Compressive Strength, UCI 2007; by way of R's modeldata",
    input_shape=(8,),
    class_names=(),
    train_size=635,
    validation_size=159,
    test_size=198,
    load=Embedded(
        name="concrete",
        sha256="f5eb528e60acf15af88618b53590276ec63955a36fafaa57f9262e80af31ee8b",
        task="regression",
    ).load,
    task="regression",
    target_name="compressive strength",
    target_unit="MPa",
)

# Carat; cut (fair 1 ... ideal 5), colour (J 1 ... D 7) and clarity (I1 1 ... IF 8) from worst to best; depth
# and table in percent, and three lengths in mm. 23 of 53,940 diamonds have impossible lengths (0, or more than
# 30 mm) and are not in the file; 344 more repeat another one's features.
DIAMONDS = _table(
    name="diamonds",
    title="Diamonds",
    source="Wickham: ggplot2 (Springer 2016), diamonds",
    licence="MIT (ggplot2)",
    input_shape=(9,),
    class_names=(),
    train_size=34_286,
    validation_size=8_572,
    test_size=10_715,
    load=Embedded(
        name="diamonds",
        sha256="7b6f50d2f71928d8cb78c7c0c88afb1bc0bb2d86c5637c0e2e2be7d65b6f4a41",
        task="regression",
    ).load,
    task="regression",
    target_name="price",
    target_unit="USD",
)

# 8 x 8 images, the test set by 13 other writers than the pool's 30: scikit-learn's ``digits`` are this test
# set, so the two data sets are not independent.
OPTDIGITS_SOURCE = Embedded(
    name="optdigits",
    sha256="49489d998488c3a1834503094cb90bca78a5beb141be92c7dbc53573e283377e",
    given_test=1_797,
)


def _load_optdigits(data_folder: Path | None, may_download: bool) -> Pools:
    """Pool (3823, 1, 8, 8) and test set (1797, 1, 8, 8), float32 in [0, 1] as in ``digits``."""
    pools = OPTDIGITS_SOURCE.load(data_folder, may_download)
    return Pools(trainval=_as_images(pools.trainval), test=_as_images(pools.test))


def _as_images(arrays: Arrays) -> Arrays:
    inputs = arrays.inputs.reshape(-1, 1, 8, 8).astype(np.float32) / np.float32(16)
    return Arrays(inputs=inputs, labels=arrays.labels)


OPTDIGITS = Dataset(
    name="optdigits",
    title="Optical digits 8 x 8",
    source="Alpaydin, Kaynak: Optical Recognition of Handwritten Digits, UCI 1998; by way of KEEL",
    licence="CC BY 4.0 (UCI)",
    input_shape=(1, 8, 8),
    class_names=tuple("0123456789"),
    scaling="global",
    train_size=3_058,
    validation_size=765,
    test_size=1_797,
    load=_load_optdigits,
)
