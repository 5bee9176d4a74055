"""JAX: a step under ``jax.jit`` with Optax' Adam, over slices of arrays on the device."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
import optax

from nnbench.experiments.frameworks.problem import ADAM_EPSILON, Outcome, Problem

Weights = Sequence[jax.Array]


def train(problem: Problem) -> Outcome:
    """Train with a jitted step; the loop over batches is Python, as in JAX' own examples."""
    jax.config.update("jax_default_matmul_precision", "float32")  # no TF32 on GPUs, like the others
    weights: Weights = [jnp.asarray(weight) for weight in problem.weights]
    inputs, labels = jnp.asarray(problem.inputs), jnp.asarray(problem.labels)
    optimizer = optax.adam(problem.learning_rate, eps=ADAM_EPSILON)
    step, state = _step(optimizer), optimizer.init(weights)
    seconds, losses = [], []
    for _ in range(problem.epochs):
        started = time.perf_counter()
        total = jnp.zeros(())
        for start in range(0, len(labels), problem.batch_size):
            rows = slice(start, start + problem.batch_size)
            weights, state, total = step(weights, state, total, inputs[rows], labels[rows])
        losses.append(float(total) / len(labels))
        jax.block_until_ready(weights)
        seconds.append(time.perf_counter() - started)
    return Outcome(
        epoch_seconds=tuple(seconds),
        train_loss=tuple(losses),
        test_accuracy=_accuracy(weights, problem),
        versions={"jax": jax.__version__, "optax": optax.__version__},
    )


def _step(
    optimizer: optax.GradientTransformation,
) -> Callable[..., tuple[Weights, optax.OptState, jax.Array]]:
    def loss_of(weights: Weights, inputs: jax.Array, labels: jax.Array) -> jax.Array:
        each = optax.softmax_cross_entropy_with_integer_labels(_logits(weights, inputs), labels)
        return each.mean()

    def step(
        weights: Weights,
        state: optax.OptState,
        total: jax.Array,
        inputs: jax.Array,
        labels: jax.Array,
    ) -> tuple[Weights, optax.OptState, jax.Array]:
        loss, gradients = jax.value_and_grad(loss_of)(weights, inputs, labels)
        updates, state = optimizer.update(gradients, state, weights)
        return optax.apply_updates(weights, updates), state, total + loss * len(labels)

    return jax.jit(step)  # type: ignore[no-any-return]  # it keeps the signature


def _logits(weights: Weights, inputs: jax.Array) -> jax.Array:
    hidden = inputs
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        hidden = jax.nn.relu(hidden @ kernel + bias)
    return hidden @ weights[-2] + weights[-1]


def _accuracy(weights: Weights, problem: Problem) -> float:
    found = _logits(weights, jnp.asarray(problem.test_inputs)).argmax(axis=1)
    return float((np.asarray(found) == problem.test_labels).mean())
