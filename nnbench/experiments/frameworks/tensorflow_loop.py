"""TensorFlow: the hand-written loop of its guide, a step under ``tf.function`` over batches.

``tf.data`` keeps its defaults. The end of an epoch often waits for its autotuner's thread (TensorFlow 2.21),
which wakes after 10, 20, 40, … ms: up to as long again as the epoch itself took. Users wait for that too;
slices of tensors avoid ``tf.data``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

import tensorflow as tf

from nnbench.errors import NnbenchError
from nnbench.experiments.frameworks.problem import ADAM_EPSILON, Outcome, Problem

Batches = Iterable[tuple[tf.Tensor, tf.Tensor]]
Weights = Sequence[tf.Variable]


def train(problem: Problem) -> Outcome:
    """Train over ``tf.data``."""
    configure(problem)
    data = tf.data.Dataset.from_tensor_slices((problem.inputs, problem.labels))
    batches = data.batch(problem.batch_size).prefetch(tf.data.AUTOTUNE)
    return _trained(problem, lambda: batches)


def train_on_slices(problem: Problem) -> Outcome:
    """Train over slices of tensors on the device."""
    configure(problem)
    inputs, labels = tf.constant(problem.inputs), tf.constant(problem.labels)

    def batches() -> Batches:
        for start in range(0, len(problem.labels), problem.batch_size):
            end = start + problem.batch_size
            yield inputs[start:end], labels[start:end]

    return _trained(problem, batches)


def _trained(problem: Problem, batches: Callable[[], Batches]) -> Outcome:
    weights = [tf.Variable(weight) for weight in problem.weights]
    # TensorFlow's own optimisers are those of Keras
    step = _step(weights, tf.keras.optimizers.Adam(problem.learning_rate, epsilon=ADAM_EPSILON))
    total = tf.Variable(0.0)
    seconds, losses = [], []
    for _ in range(problem.epochs):
        started = time.perf_counter()
        total.assign(0.0)
        for inputs, labels in batches():
            step(inputs, labels, total)
        losses.append(float(total.numpy()) / len(problem.labels))  # waits for the device
        seconds.append(time.perf_counter() - started)
    return Outcome(
        epoch_seconds=tuple(seconds),
        train_loss=tuple(losses),
        test_accuracy=_accuracy(weights, problem),
        versions={"tensorflow": tf.__version__, "keras": tf.keras.__version__},
    )


def configure(problem: Problem) -> None:
    """Set threads and device before TensorFlow computes; NnbenchError if it sees no GPU but needs one."""
    tf.config.experimental.enable_tensor_float_32_execution(enabled=False)  # like the others
    tf.config.threading.set_intra_op_parallelism_threads(problem.threads)
    tf.config.threading.set_inter_op_parallelism_threads(problem.threads)
    if problem.device != "cpu" and not tf.config.list_physical_devices("GPU"):
        raise NnbenchError(
            "this build of TensorFlow cannot use a GPU here",
            todo="pip install 'tensorflow[and-cuda]', or set `device: cpu`",
        )


def _step(
    weights: Weights, optimizer: tf.keras.optimizers.Optimizer
) -> Callable[[tf.Tensor, tf.Tensor, tf.Variable], None]:
    @tf.function  # type: ignore[untyped-decorator]  # TensorFlow has no types
    def step(inputs: tf.Tensor, labels: tf.Tensor, total: tf.Variable) -> None:
        with tf.GradientTape() as tape:
            logits = _logits(weights, inputs)
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(each)
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        total.assign_add(tf.reduce_sum(each))

    return step  # type: ignore[no-any-return]


def _logits(weights: Weights, inputs: tf.Tensor) -> tf.Tensor:
    hidden = inputs
    for kernel, bias in zip(weights[:-2:2], weights[1:-2:2], strict=True):
        hidden = tf.nn.relu(hidden @ kernel + bias)
    return hidden @ weights[-2] + weights[-1]


def _accuracy(weights: Weights, problem: Problem) -> float:
    found = _logits(weights, tf.constant(problem.test_inputs)).numpy().argmax(axis=1)
    return float((found == problem.test_labels).mean())
