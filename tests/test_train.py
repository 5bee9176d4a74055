"""The training loop: replicates as if alone, batches, and scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, log_loss
from tiny_training import CLASSES, built, final, settings_of, tiny_data, trained_on
from torch import Tensor, nn

from nnbench.engine import scores as scoring
from nnbench.engine.data import Bank, Order, TrainingData
from nnbench.engine.scores import evaluate
from nnbench.engine.seeding import generator, generators
from nnbench.engine.stacking import StackedLinear
from nnbench.engine.train import Trained, train
from nnbench.models.base import ModelSpec
from nnbench.models.mlp import build
from nnbench.settings import Settings

SEEDS = (4, 0, 9)
IMAGE = (1, 5, 6)
AUGMENT = {"rotation_degrees": 20.0, "shift_fraction": 0.1, "horizontal_flip": True}


pytestmark = pytest.mark.usefixtures("on_one_thread")


def rows_of(data: TrainingData, row: int) -> TrainingData:
    """The data of one replicate."""
    pick = slice(row, row + 1)
    shift, factor = data.bank.normaliser.shift[pick], data.bank.normaliser.factor[pick]
    bank = replace(data.bank, normaliser=replace(data.bank.normaliser, shift=shift, factor=factor))
    return replace(data, bank=bank, train=data.train[pick], validation=data.validation[pick])


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop"])
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"dropout": 0.4},
        {"augment": AUGMENT},
        {"dropout": 0.4, "augment": AUGMENT, "l1": 1e-3, "l2": 1e-3, "schedule": "cosine"},
        {"dropout": 0.4, "model": "tiny_training:skip", "checkpoint": "last"},
    ],
    ids=["plain", "dropout", "augmented", "everything", "not stacked"],
)
def test_replicates_trained_together_end_as_those_trained_alone(optimizer, values) -> None:
    settings, data = settings_of(optimizer=optimizer, **values), tiny_data(SEEDS, shape=IMAGE)
    together = trained_on(data, settings, SEEDS)
    for row, seed in enumerate(SEEDS):
        alone = trained_on(rows_of(data, row), settings, (seed,))
        torch.testing.assert_close(final(together, row), final(alone, 0), rtol=1e-4, atol=1e-5)
        ours = [values[row] for values in together.curves.validation_loss]
        theirs = [value for (value,) in alone.curves.validation_loss]
        assert ours == pytest.approx(theirs, rel=1e-3)


def everything(trained: Trained) -> list[object]:
    weights = [w.numpy().tobytes() for row in range(len(SEEDS)) for w in final(trained, row)]
    return [trained.curves, trained.diverged, trained.steps, weights]


def test_the_same_run_twice_is_the_same_to_the_last_bit() -> None:
    settings = settings_of(dropout=0.4, augment=AUGMENT)
    first, second = (trained_on(tiny_data(SEEDS, shape=IMAGE), settings, SEEDS) for _ in range(2))
    assert everything(first) == everything(second)


def test_training_leaves_the_global_random_state_alone_and_does_not_depend_on_it() -> None:
    settings = settings_of(dropout=0.4, augment=AUGMENT, model="tiny_training:skip")
    outcomes = []
    for seed in (1, 2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            before = torch.get_rng_state()
            outcomes.append(trained_on(tiny_data(SEEDS, shape=IMAGE), settings, SEEDS))
            assert torch.equal(torch.get_rng_state(), before)
    assert everything(outcomes[0]) == everything(outcomes[1])


@pytest.mark.parametrize(
    "values",
    [{"schedule": "cosine"}, {"l1": 0.01, "l2": 0.02}, {"optimizer": "sgd", "momentum": 0.9}],
    ids=str,
)
def test_training_is_a_plain_loop_of_pytorch(values: dict[str, object]) -> None:
    settings, data = settings_of(checkpoint="last", **values), tiny_data((4,))
    spec = ModelSpec(
        input_shape=(4,), classes=CLASSES, hidden=(8,), activation=nn.ReLU, dropout=0.0, init="glorot"
    )  # fmt: skip
    model = build(spec, generator(4, "init"))
    sgd = settings.optimizer == "sgd"
    optimizer = (
        torch.optim.SGD(model.parameters(), momentum=settings.momentum)
        if sgd
        else torch.optim.Adam(model.parameters(), eps=1e-7)
    )
    for step, (index,) in enumerate(
        Order(data.train, 16, draws=generators((4,), "order")).batches(total=12)
    ):
        logits = model(data.bank.inputs[index])
        loss = nn.functional.cross_entropy(logits, data.bank.labels[index])
        for weight in (p for p in model.parameters() if p.ndim == 2):
            loss = loss + settings.l1 * weight.abs().sum() + settings.l2 * weight.square().sum()
        optimizer.zero_grad()
        loss.backward()
        falling = 0.5 * (1 + math.cos(math.pi * step / 12))
        rate = settings.lr * (falling if settings.schedule == "cosine" else 1)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
    wanted = [p.detach() for p in model.parameters()]
    got = final(trained_on(data, settings, (4,)), 0)
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model", ["mlp", "tiny_training:skip"])
def test_reading_validation_more_often_changes_nothing(model: str) -> None:
    values = {"model": model, "dropout": 0.4, "checkpoint": "last"}
    often, once = (
        trained_on(tiny_data(SEEDS), settings_of(**values, evaluations=n), SEEDS) for n in (12, 1)
    )
    assert (len(often.curves.epochs), len(once.curves.epochs)) == (12, 1)
    assert everything(often)[2:] == everything(once)[2:]


def test_the_order_and_choice_of_the_other_replicates_do_not_matter() -> None:
    settings = settings_of(dropout=0.4)
    for other in [(9, 4, 0), (0, 9), (0, 1, 2, 3)]:
        first = trained_on(tiny_data(SEEDS), settings, SEEDS)
        second = trained_on(tiny_data(other), settings, other)
        for seed in set(SEEDS) & set(other):
            torch.testing.assert_close(
                final(first, SEEDS.index(seed)), final(second, other.index(seed)),
                rtol=1e-3, atol=1e-4,
            )  # fmt: skip


def passes(rows: Tensor, batch_size: int, count: int, seeds: Sequence[int]) -> list[Tensor]:
    per_pass = -(-rows.shape[1] // batch_size)
    drawn = list(
        Order(rows, batch_size, draws=generators(seeds, "order")).batches(total=count * per_pass)
    )
    sizes = [b.shape[1] for b in drawn]
    rest = rows.shape[1] - batch_size * (per_pass - 1)
    assert sizes == [*[batch_size] * (per_pass - 1), rest] * count
    return [torch.cat(drawn[i * per_pass : (i + 1) * per_pass], dim=1) for i in range(count)]


@pytest.mark.parametrize("batch_size", [1, 16, 25, 50])
def test_a_pass_visits_every_sample_once_in_an_order_of_its_own(batch_size: int) -> None:
    rows = tiny_data(SEEDS).train
    first, second = passes(rows, batch_size, 2, SEEDS)
    for visited in (first, second):
        assert torch.equal(visited.sort(dim=1).values, rows.sort(dim=1).values)
    assert not torch.equal(first, second)
    same = torch.arange(50).expand(3, 50)  # with the same samples, replicates differ in order
    orders = passes(same, batch_size, 1, SEEDS)[0]
    assert len({tuple(order.tolist()) for order in orders}) == len(SEEDS)


def test_a_budget_in_steps_ends_within_a_pass() -> None:
    rows = tiny_data(SEEDS).train
    drawn = list(Order(rows, 16, draws=generators(SEEDS, "order")).batches(total=6))
    assert [b.shape[1] for b in drawn] == [16, 16, 16, 2, 16, 16]


def test_curves_are_read_after_each_epoch_and_weigh_every_sample_alike() -> None:
    data = tiny_data(SEEDS)
    still = trained_on(data, settings_of(lr=1e-30, optimizer="sgd", batch_size=48), SEEDS)
    assert still.curves.epochs == [1.0, 2.0, 3.0]
    assert (still.steps, still.cap_epochs) == (6, 3.0)
    wanted = evaluate(still.model, data.bank, data.train).loss.tolist()
    for values in still.curves.train_loss:  # batches of 48 and of 2
        assert values == pytest.approx(wanted, rel=1e-5)


@pytest.mark.parametrize("model", ["cnn", "gru"])
def test_no_score_depends_on_how_many_samples_pass_at_once(monkeypatch, model: str) -> None:
    data = tiny_data(SEEDS, shape=(1, 8, 8))
    monkeypatch.setattr(scoring, "compiled_network", lambda *_: None)
    network = built(settings_of(model=model), SEEDS, data)
    expected, sizes = evaluate(network, data.bank, data.train).loss.tolist(), list[int]()
    network.register_forward_pre_hook(lambda _, inputs: sizes.append(inputs[0].shape[1]))
    monkeypatch.setattr(scoring, "PASS", 20)
    assert evaluate(network, data.bank, data.train).loss.tolist() == pytest.approx(expected)
    assert sizes == [20, 20, 10]


@pytest.mark.parametrize("batch", [1, 7, 25, 1000])
def test_scores_are_those_of_a_plain_loop_and_of_scikit_learn(monkeypatch, batch: int) -> None:
    monkeypatch.setattr(scoring, "EVALUATION_BATCH", batch)
    data, settings = tiny_data(SEEDS, noise=3.0), settings_of(dropout=0.5)
    model = built(settings, SEEDS, data)
    scores = evaluate(model, data.bank, data.validation)
    for row, rows in enumerate(data.validation):
        inputs, labels = data.bank.inputs[rows], data.bank.labels[rows]
        loss = right = 0.0
        with torch.no_grad():
            logits = model(inputs.expand(3, *inputs.shape))[row]
        for out, label in zip(logits, labels, strict=True):
            loss += nn.functional.cross_entropy(out, label).item() / len(rows)
            right += (out.argmax() == label).item() / len(rows)
        assert scores.loss[row].item() == pytest.approx(loss, rel=1e-5)
        assert scores.accuracy[row].item() == pytest.approx(right, abs=1e-12)
        p = logits.double().softmax(dim=1).numpy()
        assert scores.loss[row].item() == pytest.approx(log_loss(labels, p), rel=1e-5)
        assert scores.accuracy[row].item() == pytest.approx(accuracy_score(labels, p.argmax(1)))


def test_a_bank_is_normalised_the_same_in_training_and_in_scores() -> None:
    data = tiny_data(SEEDS)
    shift, factor = torch.full((3, 1, 4), 2.0), torch.full((3, 1, 4), 0.5)
    normaliser = replace(data.bank.normaliser, shift=shift, factor=factor)
    scaled = Bank(
        inputs=data.bank.inputs / 0.5 + 2.0, labels=data.bank.labels, normaliser=normaliser
    )
    plain = trained_on(data, settings_of(), SEEDS)
    other = trained_on(replace(data, bank=scaled), settings_of(), SEEDS)
    np.testing.assert_allclose(
        plain.curves.validation_loss, other.curves.validation_loss, rtol=1e-4
    )


def test_mixed_precision_is_off_unless_asked_for_and_keeps_weights_and_losses_in_float32() -> None:
    seen: list[tuple[torch.dtype, torch.dtype]] = []

    def trained_and_seen(**more: object) -> Trained:
        settings = settings_of(**more)
        data = tiny_data(SEEDS)
        model = built(settings, SEEDS, data)
        first = next(m for m in model.body.modules() if isinstance(m, StackedLinear))
        first.register_forward_hook(lambda m, _, out: seen.append((m.weight.dtype, out.dtype)))
        return train(data, model, settings, seeds=SEEDS)

    plain, mixed = trained_and_seen(), trained_and_seen(mixed_precision=True)
    assert Settings().mixed_precision is False
    assert {kinds for kinds in seen if kinds[1] == torch.bfloat16} == {
        (torch.float32, torch.bfloat16)  # in steps
    }
    assert seen[-1] == (torch.float32, torch.float32)  # where validation is read
    for full, half in zip(plain.curves.validation_loss, mixed.curves.validation_loss, strict=True):
        assert half == pytest.approx(full, rel=0.02)
        assert half != full
