"""Coin flips: features that say nothing about the label, so no model can beat 50 %.

A control that detects leaks. The document's example draws 1,000 x 10 uniform features with random labels and
splits off 20 %; here the training pool has those 1,000, and the test set is fresh and large, which costs
nothing for generated data.
"""

from functools import partial

from nnbench.datasets.base import Dataset
from nnbench.datasets.streams import draw_chunks, fill_coin_flips

FEATURES = 10

DATASET = Dataset(
    name="coin_flip",
    title="Coin flips",
    source="generated: uniform features, labels independent of them",
    licence="none needed (generated)",
    input_shape=(FEATURES,),
    class_names=("heads", "tails"),
    scaling="feature",
    train_size=800,
    validation_size=200,
    test_size=20_000,
    draw=partial(draw_chunks, "coin_flip", (FEATURES,), fill_coin_flips),
)
