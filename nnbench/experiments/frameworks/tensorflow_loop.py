"""TensorFlow: the hand-written loop of its guide, a step under ``tf.function`` over batches; and Keras' fit.

``tf.data`` keeps its defaults. The end of an epoch often waits for its autotuner's thread (TensorFlow 2.21),
which wakes after 10, 20, 40, … ms: up to as long again as the epoch itself took. Users wait for that too;
slices of tensors avoid ``tf.data``.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import tensorflow as tf

from nnbench.errors import NnbenchError
from nnbench.experiments.frameworks.problem import ADAM_EPSILON, Outcome, Problem, logits_of, timed

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
    return _trained(problem, lambda: ((inputs[rows], labels[rows]) for rows in problem.batches()))


def _trained(problem: Problem, batches: Callable[[], Batches]) -> Outcome:
    weights = [tf.Variable(weight) for weight in problem.weights]
    # TensorFlow's own optimisers are those of Keras
    step = _step(weights, tf.keras.optimizers.Adam(problem.learning_rate, epsilon=ADAM_EPSILON))
    total = tf.Variable(0.0)

    def epochs() -> Iterator[float]:
        while True:
            total.assign(0.0)
            for inputs, labels in batches():
                step(inputs, labels, total)
            yield float(total.numpy())  # waits for the device

    return timed(
        problem,
        epochs(),
        lambda: logits_of(weights, tf.constant(problem.test_inputs), tf.nn.relu).numpy(),
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
            logits = logits_of(weights, inputs, tf.nn.relu)
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(each)
        optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        total.assign_add(tf.reduce_sum(each))

    return step  # type: ignore[no-any-return]


def fit(problem: Problem) -> Outcome:
    """Train with a single call to Keras' ``model.fit``, over the arrays in the given order."""
    configure(problem)
    keras, (*hidden, last) = tf.keras, (len(bias) for bias in problem.weights[1::2])
    layers = [keras.layers.Dense(width, activation="relu") for width in hidden]
    features = keras.Input((problem.inputs.shape[1],))
    model = keras.Sequential([features, *layers, keras.layers.Dense(last)])
    model.set_weights(problem.weights)
    model.compile(
        optimizer=keras.optimizers.Adam(problem.learning_rate, epsilon=ADAM_EPSILON),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    starts: list[float] = []
    ends: list[float] = []
    # not called inside an epoch, so it slows no step; at the end, the epoch's loss is known
    clock = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: starts.append(time.perf_counter()),
        on_epoch_end=lambda *_: ends.append(time.perf_counter()),
    )
    history = model.fit(
        problem.inputs,
        problem.labels,
        batch_size=problem.batch_size,
        epochs=problem.epochs,
        shuffle=False,
        verbose=0,
        callbacks=[clock],
    )
    return Outcome(
        epoch_seconds=tuple(end - start for start, end in zip(starts, ends, strict=True)),
        train_loss=tuple(map(float, history.history["loss"])),
        test_accuracy=problem.accuracy(model.predict(problem.test_inputs, verbose=0)),
        versions={"keras": keras.__version__, "tensorflow": tf.__version__},
    )
