"""Keras on the backend of ``KERAS_BACKEND``: ``model.fit`` over arrays that are in order."""

from __future__ import annotations

import os
from collections.abc import Callable

import keras
import numpy as np

from benchmarks.engine.clock import Clock
from benchmarks.engine.works import CLASSES, EPSILON, LEARNING_RATE, Floats, Problem, Work

BACKEND = keras.backend.backend()


def versions() -> dict[str, str]:
    backend = __import__(BACKEND)
    return {"keras": keras.__version__, BACKEND: backend.__version__}


def prepare(problem: Problem, clock: Clock, *, replicates: int) -> Callable[[], list[float]]:
    assert replicates == 1
    assert os.environ["KERAS_BACKEND"] == BACKEND
    if BACKEND == "torch":
        keras.src.backend.torch.core.DEFAULT_DEVICE = "cpu"
    model, weights = network(problem.work), converted(problem)
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE, epsilon=EPSILON),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.optimizer.build(model.trainable_variables)
    fresh = [np.asarray(keras.ops.convert_to_numpy(v)) for v in model.optimizer.variables]
    inputs, labels = problem.ordered()
    inputs = _laid_out(inputs, problem.work)
    watch = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: clock.start(), on_epoch_end=lambda *_: clock.stop()
    )

    def once() -> list[float]:
        model.set_weights(weights)
        for variable, value in zip(model.optimizer.variables, fresh, strict=True):
            variable.assign(value)
        model.fit(
            inputs, labels, batch_size=problem.work.batch, shuffle=False, verbose=0, callbacks=[watch]
        )  # fmt: skip
        everything = _laid_out(problem.inputs, problem.work)
        return [model.evaluate(everything, problem.labels, batch_size=400, verbose=0)]

    return once


def network(work: Work) -> keras.Model:
    """The work's network in Keras' own layouts."""
    dense = [keras.layers.Dense(units, activation="relu") for units in work.hidden]
    last = keras.layers.Dense(CLASSES)
    if work.model == "mlp":
        return keras.Sequential([keras.Input(work.shape), *dense, last])
    if work.model == "gru":
        return keras.Sequential([keras.Input(work.shape[1:]), keras.layers.GRU(*work.hidden), last])
    blocks = [
        layer
        for width in (16, 32)
        for layer in (
            keras.layers.Conv2D(width, 3, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(),
        )
    ]
    shape = (*work.shape[1:], work.shape[0])
    return keras.Sequential([keras.Input(shape), *blocks, keras.layers.Flatten(), *dense, last])


def _laid_out(inputs: Floats, work: Work) -> Floats:
    """Images as (H, W, C), and as sequences of rows for the GRU."""
    if work.model == "mlp":
        return inputs
    return (
        inputs[:, 0] if work.model == "gru" else np.ascontiguousarray(inputs.transpose(0, 2, 3, 1))
    )


def converted(problem: Problem) -> list[Floats]:
    """The first replicate's weights in the order and layouts of Keras."""
    weights, model = problem.weights[0], problem.work.model
    if model == "gru":
        kernel, recurrent, bias, recurrent_bias = (_gates(weight) for weight in weights[:4])
        biases = np.stack([bias, recurrent_bias])
        return [kernel.T, recurrent.T, biases, weights[4].T, weights[5]]
    if model == "cnn":
        hidden = weights[4].reshape(len(weights[4]), 32, 7, 7).transpose(2, 3, 1, 0)
        kernels = [weights[i].transpose(2, 3, 1, 0) for i in (0, 2)]
        kernels += [hidden.reshape(-1, hidden.shape[-1]), weights[6].T]
        return [w for pair in zip(kernels, weights[1::2], strict=True) for w in pair]
    return [weight.T if weight.ndim == 2 else weight for weight in weights]


def _gates(weight: Floats) -> Floats:
    """From PyTorch's order (reset, update, new) to Keras' (update, reset, new)."""
    reset, update, new = np.split(weight, 3)
    return np.concatenate([update, reset, new])
