"""Keras: ``model.fit`` on TensorFlow, over the arrays in the given order, timed by a callback."""

from __future__ import annotations

import time
from collections.abc import Mapping

import keras
import tensorflow as tf

from nnbench.experiments.frameworks.problem import ADAM_EPSILON, Outcome, Problem, layers_of
from nnbench.experiments.frameworks.tensorflow_loop import configure


class Clock(keras.callbacks.Callback):  # type: ignore[misc]
    """Times each epoch; it is not called inside an epoch, so it does not slow any step."""

    def __init__(self) -> None:
        super().__init__()
        self.started = 0.0
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002 - Keras' signature
        """Start."""
        self.started = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:  # noqa: ARG002 - Keras' signature
        """Stop; the epoch's loss is known, so the device has finished."""
        self.seconds.append(time.perf_counter() - self.started)


def train(problem: Problem) -> Outcome:
    """Train with a single call to ``fit``."""
    configure(problem)
    model, clock = _model(problem), Clock()
    history = model.fit(
        problem.inputs,
        problem.labels,
        batch_size=problem.batch_size,
        epochs=problem.epochs,
        shuffle=False,
        verbose=0,
        callbacks=[clock],
    )
    found = model.predict(problem.test_inputs, verbose=0).argmax(axis=1)
    return Outcome(
        epoch_seconds=tuple(clock.seconds),
        train_loss=tuple(map(float, history.history["loss"])),
        test_accuracy=float((found == problem.test_labels).mean()),
        versions={"keras": keras.__version__, "tensorflow": tf.__version__},
    )


def _model(problem: Problem) -> keras.Model:
    layers = layers_of(problem)
    hidden = [keras.layers.Dense(len(bias), activation="relu") for _, bias in layers[:-1]]
    last = keras.layers.Dense(len(problem.weights[-1]))
    model = keras.Sequential([keras.Input((problem.inputs.shape[1],)), *hidden, last])
    model.set_weights(problem.weights)
    model.compile(
        optimizer=keras.optimizers.Adam(problem.learning_rate, epsilon=ADAM_EPSILON),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model
