"""JAX: the whole round as one compiled ``lax.scan`` over steps under ``vmap`` over replicates, with Optax.

Convolutions take XLA on a CPU twenty times as long inside a scan or with a batch of kernels as in a jitted step of
one network (100 ms and 5 ms), so there the loop over steps is Python.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import optax
from jax import lax

from benchmarks.engine.clock import Clock
from benchmarks.engine.works import EPSILON, LEARNING_RATE, NotMadeForThisError, Problem

Weights = list[jax.Array]
OPTIMIZER = optax.adam(LEARNING_RATE, eps=EPSILON)


def versions() -> dict[str, str]:
    return {"jax": jax.__version__, "optax": optax.__version__}


def prepare(problem: Problem, clock: Clock, *, replicates: int) -> Callable[[], list[float]]:
    logits = {"mlp": dense, "cnn": convolutional, "gru": recurrent}[problem.work.model]
    stacked = [jnp.stack(own) for own in zip(*problem.weights[:replicates], strict=True)]
    inputs, labels = jnp.asarray(problem.inputs), jnp.asarray(problem.labels)
    order = jnp.asarray(problem.order[:replicates])
    if problem.work.model == "cnn":
        if replicates > 1:
            raise NotMadeForThisError("XLA's convolutions take twenty times as long under vmap")
        train = partial(stepped, logits, inputs, labels)
    else:
        train = jax.jit(jax.vmap(partial(trained, logits, inputs, labels)))
    losses = jax.jit(jax.vmap(lambda weights: loss_of(logits, weights, inputs, labels)))

    def once() -> list[float]:
        with clock:
            final = jax.block_until_ready(train(stacked, order))
        return losses(final).tolist()

    return once


def loss_of(logits: Callable, weights: Weights, inputs: jax.Array, labels: jax.Array) -> jax.Array:
    """Mean cross-entropy."""
    each = optax.softmax_cross_entropy_with_integer_labels(logits(weights, inputs), labels)
    return each.mean()


def trained(
    logits: Callable, inputs: jax.Array, labels: jax.Array, weights: Weights, order: jax.Array
) -> Weights:
    """The weights of one replicate after the steps of ``order`` (steps, batch)."""

    def step(carry: tuple, rows: jax.Array) -> tuple[tuple, None]:
        return one_step(logits, carry, inputs[rows], labels[rows]), None

    (weights, _), _ = lax.scan(step, (weights, OPTIMIZER.init(weights)), order)
    return weights


def stepped(
    logits: Callable, inputs: jax.Array, labels: jax.Array, weights: Weights, order: jax.Array
) -> Weights:
    """The same for a stack of one replicate, by a jitted step."""
    carry = ([weight[0] for weight in weights], OPTIMIZER.init([weight[0] for weight in weights]))
    for rows in order[0]:
        carry = one_step(logits, carry, inputs[rows], labels[rows])
    return [weight[None] for weight in carry[0]]


@partial(jax.jit, static_argnums=0)
def one_step(logits: Callable, carry: tuple, inputs: jax.Array, labels: jax.Array) -> tuple:
    """Weights and optimiser state after one batch."""
    weights, state = carry
    slope = jax.grad(partial(loss_of, logits))(weights, inputs, labels)
    updates, state = OPTIMIZER.update(slope, state, weights)
    return optax.apply_updates(weights, updates), state


def dense(weights: Weights, inputs: jax.Array) -> jax.Array:
    """Dense layers with relu between them, from any shape; weights as PyTorch's, (out, in)."""
    outputs = inputs.reshape(len(inputs), -1)
    for index, (weight, bias) in enumerate(zip(weights[::2], weights[1::2], strict=True)):
        outputs = (jax.nn.relu(outputs) if index else outputs) @ weight.T + bias
    return outputs


def convolutional(weights: Weights, inputs: jax.Array) -> jax.Array:
    """Two blocks of convolution, relu and pooling in the layout NHWC, which XLA prefers on a CPU."""
    features = inputs.transpose(0, 2, 3, 1)
    for weight, bias in (weights[:2], weights[2:4]):
        features = lax.conv_general_dilated(
            features, weight.transpose(2, 3, 1, 0), (1, 1), "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )  # fmt: skip
        batch, height, width, channels = features.shape
        pooled = (batch, height // 2, 2, width // 2, 2, channels)  # faster than reduce_window
        features = jax.nn.relu(features + bias).reshape(pooled).max((2, 4))
    return dense(weights[4:], features.transpose(0, 3, 1, 2))


def recurrent(weights: Weights, inputs: jax.Array) -> jax.Array:
    """A GRU over rows, whose input products are one; weights and gates (r, z, n) as PyTorch's."""
    kernel, recurrent_kernel, bias, recurrent_bias, *last = weights
    steps = inputs[:, 0].transpose(1, 0, 2) @ kernel.T + bias

    def step(state: jax.Array, own: jax.Array) -> tuple[jax.Array, None]:
        held = state @ recurrent_kernel.T + recurrent_bias
        (r, z, n), (hr, hz, hn) = jnp.split(own, 3, axis=1), jnp.split(held, 3, axis=1)
        new = jnp.tanh(n + jax.nn.sigmoid(r + hr) * hn)
        update = jax.nn.sigmoid(z + hz)
        return update * state + (1.0 - update) * new, None

    start = jnp.zeros((inputs.shape[0], recurrent_kernel.shape[1]))
    state, _ = lax.scan(step, start, steps)
    return dense(last, state)
