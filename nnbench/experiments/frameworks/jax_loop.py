"""JAX: a step under ``jax.jit`` with Optax' Adam, over slices of arrays on the device."""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import optax

from nnbench.experiments.frameworks.problem import ADAM_EPSILON, Outcome, Problem, logits_of, timed

Weights = list[jax.Array]


def train(problem: Problem) -> Outcome:
    """Train with a jitted step; the loop over batches is Python, as in JAX' own examples."""
    jax.config.update("jax_default_matmul_precision", "float32")  # no TF32 on GPUs, like the others
    weights = [jnp.asarray(weight) for weight in problem.weights]
    inputs, labels = jnp.asarray(problem.inputs), jnp.asarray(problem.labels)
    optimizer = optax.adam(problem.learning_rate, eps=ADAM_EPSILON)
    step, start = _step(optimizer), optimizer.init(weights)

    def epochs(state: optax.OptState) -> Iterator[float]:
        while True:
            total = jnp.zeros(())
            for rows in problem.batches():
                weights[:], state, total = step(weights, state, total, inputs[rows], labels[rows])
            jax.block_until_ready(weights)
            yield float(total)

    return timed(
        problem,
        epochs(start),
        lambda: np.asarray(logits_of(weights, jnp.asarray(problem.test_inputs), jax.nn.relu)),
        versions={"jax": jax.__version__, "optax": optax.__version__},
    )


def _step(
    optimizer: optax.GradientTransformation,
) -> Callable[..., tuple[Weights, optax.OptState, jax.Array]]:
    def loss_of(weights: Weights, inputs: jax.Array, labels: jax.Array) -> jax.Array:
        logits = logits_of(weights, inputs, jax.nn.relu)
        return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()

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
