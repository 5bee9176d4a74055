"""The plain training run: all seeds of a block trained together, tested once."""

from nnbench.experiments.base import Experiment
from nnbench.schema import Strict


class TrainingOptions(Strict):
    """There are none: everything about a training is a setting."""


TRAINING = Experiment(
    name="training",
    title="training",
    measure="nnbench.experiments.training.measure:measure",
    options=TrainingOptions,
    metrics=(),  # those of the settings
)
