"""Monitors without labels: when a drift is noticed in a stream of test images, and what is lost by then."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from one_cell import SEEDS, cell_of, folder, measured, plain
from scipy.stats import ks_2samp
from torch import Tensor, nn

from nnbench.datasets.digits import DATASET
from nnbench.engine.data import Bank, HeldOut, Normaliser, TrainingData
from nnbench.engine.objectives import CROSS_ENTROPY
from nnbench.engine.seeding import generators
from nnbench.engine.streams import (
    Alarms,
    alarms,
    answers,
    critical_distance,
    distances,
    share_after,
    windows,
)
from nnbench.errors import NnbenchError
from nnbench.experiments.reads import check_reads
from nnbench.schema import parse
from nnbench.sections import Shift, Stream
from nnbench.settings import Settings

__all__ = ["folder"]  # a fixture

FLAT = {"contrast": 0.0}
TURNED = {"rotation_degrees": 90}


pytestmark = pytest.mark.usefixtures("on_one_thread")


def stream(**values: Any) -> Stream:
    return parse(Stream, {"to": FLAT, **values}, where="test")


class Contrast(nn.Module):
    """Log odds of the first of two classes: how far an image's values lie from their mean."""

    def forward(self, images: Tensor) -> Tensor:
        odds = images.flatten(2).amax(dim=2) - images.flatten(2).mean(dim=2)
        return torch.stack((odds, torch.zeros_like(odds)), dim=2)


def striped(count: int, *, label: int = 0) -> tuple[Bank, Tensor]:
    """Images whose values lie 0.1 to 0.2 from their mean, evenly, for two replicates."""
    far = torch.linspace(0.1, 0.2, count)
    images = 0.5 + far.view(-1, 1, 1, 1) * torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
    one = torch.ones(2, 1, 1, 1, 1)
    bank = Bank(
        inputs=images,
        labels=torch.full((count,), label),
        normaliser=Normaliser(shift=0 * one, factor=one),
    )
    return bank, torch.arange(count).expand(2, -1)


def watched(how: Stream, *, label: int = 0, ahead: float = 0.0) -> Alarms:
    """400 validation samples, and 100 test images, which are a window; the second replicate's may be ahead."""
    (bank, rows), (images, test) = striped(400), striped(100, label=label)
    further = 0.5 + (1 - ahead) * (images.inputs - 0.5)
    images = replace(
        images, inputs=torch.cat((images.inputs, further)), labels=images.labels.repeat(2)
    )
    data = TrainingData(bank=bank, train=rows, validation=rows, outputs=2)
    there = HeldOut(bank=images, test=test + torch.tensor([[0], [100]]))
    return alarms(Contrast(), data, there, how, CROSS_ENTROPY, seeds=(0, 1))  # type: ignore[arg-type]


@pytest.mark.parametrize("monitor", ["outputs", "confidence"])
def test_the_alarm_comes_in_the_window_that_arithmetic_says(monitor: str) -> None:
    """At a share s of the drift, distances from the mean shrink from U(0.1, 0.2) to (1 - s) U(0.1, 0.2).

    The distribution functions then differ by 2 s at most. 400 and 100 samples may differ by 0.218 at level 0.001
    and by 0.228 at half of it, for two outputs: s = 0.05 and 0.10 are too little, s = 0.15 is enough.
    """
    found = watched(stream(over=2000, monitor=monitor))
    assert found.images.tolist() == [300.0, 300.0]
    assert found.shares == pytest.approx((0.15, 0.15))
    assert watched(stream(monitor=monitor)).images.tolist() == [100.0, 100.0]


def test_each_replicate_keeps_its_first_alarm() -> None:
    """One tenth ahead, the first window has s = 1 - 0.9 x 0.95 = 0.145, beyond the 0.114 that are noticed."""
    found = watched(stream(over=2000), ahead=0.1)
    assert found.images.tolist() == [300.0, 100.0]
    assert found.shares == pytest.approx((0.15, 0.05))


def test_every_output_is_tested_at_its_part_of_the_level() -> None:
    """At level 0.1, one output may differ by 0.137 and each of two by 0.152; s = 0.0725 differs by 0.145."""
    how: dict[str, Any] = {"level": 0.1, "to": {"contrast": 1 - 0.0725}}
    alone, each = (watched(stream(monitor=m, **how)) for m in ("confidence", "outputs"))
    assert alone.images.tolist() == [100.0, 100.0]
    assert each.images.tolist() == [10_000.0, 10_000.0]


def test_a_replicates_alarm_does_not_depend_on_those_beside_it(folder: Path) -> None:
    slow = {"to": {"noise": 0.6}, "over": 4000, "window": 60}
    cell = cell_of(train_for="10 epochs", hidden=[16], streams={"slow": slow})
    found = measured(cell, folder=folder, seeds=SEEDS)
    together = {seed: run.metrics["images_to_alarm@slow"] for seed, run in found.runs.items()}
    assert len(set(together.values())) > 2
    for seed in SEEDS:
        run = measured(cell, folder=folder, seeds=(seed,)).runs[str(seed)]
        assert run.metrics["images_to_alarm@slow"] == together[str(seed)]


def test_a_stream_without_alarm_counts_with_its_end() -> None:
    found = watched(stream(over=2000, length=250))
    assert found.images.tolist() == [250.0, 250.0]
    assert found.shares == pytest.approx((0.125, 0.125))
    assert watched(stream(to={})).images.tolist() == [10_000.0, 10_000.0]


def test_no_label_is_read() -> None:
    right, wrong = (watched(stream(over=2000), label=label) for label in (0, 1))
    assert torch.equal(right.images, wrong.images)


@pytest.mark.parametrize("ties", [False, True])
def test_distances_are_those_of_scipy(ties: bool) -> None:
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(3, 2, 50)), draw.normal(0.5, 1.0, size=(3, 2, 20))
    if ties:
        a, b = a.round(), b.round()
    found = distances(*(torch.from_numpy(np.sort(x, axis=2)) for x in (a, b)))
    wanted = [
        [ks_2samp(a[s, f], b[s, f]).statistic.item() for f in range(2)] for s in range(len(a))
    ]
    assert found.tolist() == pytest.approx(np.array(wanted))


@pytest.mark.parametrize(("n", "m"), [(500, 100), (237, 100), (500, 300)])
@pytest.mark.parametrize("level", [0.1, 0.001, 0.0001])
def test_distances_beyond_the_critical_one_are_significant_by_scipys_exact_test(
    n: int, m: int, level: float
) -> None:
    """A window whose lowest k values lie below all others is at a distance of k / m: exact p values at both sides."""
    limit = critical_distance(n, m, level=level)
    above = math.floor(limit * m) + 1

    def p_value(k: int) -> float:
        x = np.arange(n) / n
        y = np.concatenate((np.full(k, -1.0), (np.arange(m - k) + 0.5) / m * (m - k) / m + k / m))
        found = ks_2samp(x, y, method="exact")
        assert found.statistic == pytest.approx(k / m, abs=1 / n)
        return float(found.pvalue)

    assert p_value(above) <= level
    assert p_value(above - 2) > level / 2


def test_false_alarms_are_as_rare_as_the_level_says() -> None:
    """Windows of one distribution, each with a reference of its own: 3 standard errors around at most the level."""
    draw, trials, level = torch.Generator().manual_seed(0), 4000, 0.05
    a, b = (torch.randn(trials, 1, n, generator=draw).sort(dim=2).values for n in (200, 100))
    rate = (distances(a, b) > critical_distance(200, 100, level=level)).double().mean().item()
    error = 3 * math.sqrt(level * (1 - level) / trials)
    assert 0.6 * level - error < rate < level + error


def test_no_image_comes_twice_in_a_window_and_a_pass_leaves_its_rest_out() -> None:
    rows = torch.arange(10).expand(2, -1)
    found = list(islice(windows(rows, 4, generators((0, 1), "stream")), 5))
    assert all(len(set(own.tolist())) == 4 for window in found for own in window)
    for passed in (found[0:2], found[2:4]):
        assert all(len(set(own.tolist())) == 8 for own in torch.cat(passed, dim=1))


def test_answers_are_log_odds_whose_order_is_that_of_probabilities() -> None:
    """Also of a network that is so sure that a probability is rounded to 1."""
    outputs = torch.randn(2, 7, 3, generator=torch.Generator().manual_seed(0))
    outputs[0, 0, 0] += 25.0
    assert (outputs.softmax(dim=2) == 1.0).any()
    chances = outputs.double().softmax(dim=2)
    wanted = (chances / (1 - chances)).log()
    each, surest = (answers(outputs, stream(monitor=m)) for m in ("outputs", "confidence"))
    torch.testing.assert_close(each.double(), wanted.mT.sort(dim=2).values, rtol=1e-4, atol=1e-5)
    assert surest.shape == (2, 1, 7)
    top = wanted.amax(dim=2).sort(dim=1).values
    torch.testing.assert_close(surest[:, 0].double(), top, rtol=1e-4, atol=1e-5)


def test_a_drift_grows_in_equal_parts_to_all_of_it() -> None:
    grows = stream(over=400, window=100)
    assert [share_after(n, grows) for n in (100, 200, 400, 900)] == [0.25, 0.5, 1.0, 1.0]
    assert share_after(100, stream()) == 1.0
    whole = Shift(rotation_degrees=40, shift_fraction=0.2, noise=0.4, contrast=0.25, signs=0.1)
    half = Shift(rotation_degrees=20, shift_fraction=0.1, noise=0.2, contrast=0.625, signs=0.05)
    assert whole.part(0.5) == half
    assert whole.part(1.0) == whole


def test_what_is_lost_by_the_alarm_is_the_score_at_the_share_that_had_come(folder: Path) -> None:
    """Of each replicate's own share; and one replicate does not depend on those beside it."""
    quarter = {f"share {n}": {"rotation_degrees": 90 * n / 4} for n in range(1, 5)}
    slow = {"to": TURNED, "over": 400, "level": 1e-6}
    cell = cell_of(
        train_for="20 epochs", hidden=[16], shifts=quarter, streams={"at once": {"to": TURNED}, "slow": slow}
    )  # fmt: skip
    found, alone = (measured(cell, folder=folder, seeds=s) for s in (SEEDS, SEEDS[1:2]))
    for run in found.runs.values():
        assert run.metrics["images_to_alarm@at once"] == 100
        assert run.metrics["test_loss@at once"] == run.metrics["test_loss@share 4"]
        windows_seen = run.metrics["images_to_alarm@slow"]
        assert windows_seen is not None
        share = f"share {min(4, round(windows_seen / 100))}"
        assert run.metrics["test_accuracy@slow"] == run.metrics[f"test_accuracy@{share}"]
    assert plain(found.runs["1"]) == plain(alone.runs["1"])
    assert found.untrained is not None
    assert found.untrained["test_accuracy@slow"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"to": {"attack": 0.1}}, "attack and augment cannot"),
        ({"to": {"augment": {"horizontal_flip": True}}}, "attack and augment cannot"),
        ({"length": 50}, "length is below window"),
    ],
)
def test_a_stream_that_cannot_drift_is_refused(values: dict[str, Any], words: str) -> None:
    with pytest.raises(NnbenchError, match=words):
        stream(**values)


@pytest.mark.parametrize(
    ("metric", "at", "words"),
    [
        ("images_to_alarm", None, "is that of one stream.*at: drift"),
        ("images_to_alarm", "turned", "as it is measured at 'turned'"),
        ("images_to_alarm", "class 3", "as it is measured at 'class 3'"),
        ("train_loss", "drift", "as it is measured at 'drift'"),
    ],
)
def test_what_a_stream_does_not_measure_is_refused(metric: str, at: str | None, words: str) -> None:
    tests = {"shifts": {"turned": TURNED}, "streams": {"drift": {"to": TURNED}}}
    settings = parse(Settings, tests, where="test")
    check_reads(settings, "images_to_alarm", DATASET, at="drift", where="test")
    with pytest.raises(NnbenchError, match=f"(?s){words}"):
        check_reads(settings, metric, DATASET, at=at, where="test")


def test_a_shift_and_a_stream_have_different_names() -> None:
    with pytest.raises(NnbenchError, match="'turned' names a shift and a stream"):
        parse(Settings, {"shifts": {"turned": {}}, "streams": {"turned": {"to": {}}}}, where="test")
