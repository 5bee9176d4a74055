"""An MLP's losses, gradients and Adam written out in numpy."""

from __future__ import annotations

import numpy as np

from nnbench.experiments.frameworks.problem import Array, Problem


def by_hand(problem: Problem, *, epsilon_on_corrected: bool) -> tuple[list[float], float]:
    """Losses of each epoch and test accuracy, written out in float64: forward, backward, Adam."""
    weights = [weight.astype(np.float64) for weight in problem.weights]
    first, second = ([np.zeros_like(w) for w in weights] for _ in range(2))
    losses, step = [], 0
    for _ in range(problem.epochs):
        total = 0.0
        for start in range(0, len(problem.labels), problem.batch_size):
            rows = slice(start, start + problem.batch_size)
            loss, gradients = loss_and_gradients(
                weights, problem.inputs[rows].astype(np.float64), problem.labels[rows]
            )
            total += loss * len(problem.labels[rows])
            step += 1
            correction = np.sqrt(1 - 0.999**step)
            rate = problem.learning_rate * correction / (1 - 0.9**step)
            epsilon = 1e-7 * (correction if epsilon_on_corrected else 1.0)
            first = [0.9 * m + 0.1 * g for m, g in zip(first, gradients, strict=True)]
            second = [0.999 * v + 0.001 * g * g for v, g in zip(second, gradients, strict=True)]
            moments = zip(weights, first, second, strict=True)
            weights = [w - rate * m / (np.sqrt(v) + epsilon) for w, m, v in moments]
        losses.append(total / len(problem.labels))
    found = logits_of(weights, problem.test_inputs)[-1].argmax(axis=1)
    return losses, float((found == problem.test_labels).mean())


def logits_of(weights: list[Array], inputs: Array) -> list[Array]:
    """The inputs of every layer, and the logits."""
    values = [inputs]
    for layer in range(0, len(weights), 2):
        out = values[-1] @ weights[layer] + weights[layer + 1]
        values.append(out if layer == len(weights) - 2 else np.maximum(out, 0))
    return values


def loss_and_gradients(
    weights: list[Array], inputs: Array, labels: Array
) -> tuple[float, list[Array]]:
    values = logits_of(weights, inputs)
    exponentials = np.exp(values[-1] - values[-1].max(axis=1, keepdims=True))
    shares = exponentials / exponentials.sum(axis=1, keepdims=True)
    own = np.arange(len(labels)), labels
    loss, error = -np.log(shares[own]).mean(), shares.copy()
    error[own] -= 1
    error /= len(labels)
    gradients: list[Array] = []
    for layer in range(len(weights) - 2, -1, -2):
        inner = values[layer // 2]
        gradients = [inner.T @ error, error.sum(axis=0), *gradients]
        error = (error @ weights[layer].T) * (inner > 0)
    return float(loss), gradients
