"""Speed of image models: of tiny ones, by a made-up clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from tiny_images import CLOCK, SIDE

from nnbench.errors import NnbenchError
from nnbench.experiments.measured import Measured
from nnbench.experiments.run import Request
from nnbench.experiments.speed.declared import (
    INFERENCE,
    TRAINING,
    InferenceSpeed,
    TrainingSpeed,
)
from nnbench.experiments.speed.measure import measure_inference, measure_training
from nnbench.registry import EXPERIMENTS, load
from nnbench.schema import parse
from nnbench.settings import Settings

CPU = torch.device("cpu")
SEEDS = (3, 0)


@pytest.fixture(autouse=True)
def _clock_at_zero_afterwards() -> Iterator[None]:
    yield
    CLOCK.now = 0.0
    CLOCK.calls.clear()
    CLOCK.models.clear()
    CLOCK.most_at_once = 0


def options_of(kind: type[Any], *levels: str, **values: Any) -> Any:
    given = {
        "models": {level: f"tiny_images:{level}" for level in levels},
        "resolutions": dict.fromkeys(levels, SIDE),
        "seconds_each": 0.001,
        **values,
    }
    return parse(kind, given, where="options")


def request_of(options: Any) -> Request:
    return Request(
        options=options,
        settings=Settings(),
        dataset="mnist5k",
        folder=Path(),
        seeds=SEEDS,
        search=None,
        device=CPU,
        cores=3,
    )


def inference(*levels: str, **values: Any) -> Measured:
    values = {"batch_sizes": [1, 2, 4], **values}
    return measure_inference(request_of(options_of(InferenceSpeed, *levels, **values)), clock=CLOCK)


def training(*levels: str, **values: Any) -> Measured:
    return measure_training(request_of(options_of(TrainingSpeed, *levels, **values)), clock=CLOCK)


def metric(measured: Measured, name: str) -> list[float]:
    """A metric in all blocks."""
    return [run.metrics[name] for run in measured.runs.values()]


def test_images_per_second_are_those_of_the_clock() -> None:
    measured = inference("Tiny", "Slow")
    assert list(measured.runs) == ["3", "0"]
    assert metric(measured, "images_per_second@Tiny") == [1 / 1.5] * 2
    assert metric(measured, "images_per_second@Slow") == [1 / 3] * 2
    assert metric(measured, "images_per_second@Slow, best batch") == [4 / 9] * 2


def test_the_best_batch_is_the_fastest_of_a_trial_before_the_blocks() -> None:
    facts = inference("Tiny", "Crowded").facts
    assert facts["Tiny, best batch"]["batch_size"] == 4
    assert facts["Crowded, best batch"]["batch_size"] == 2
    speeds = facts["Crowded, best batch"]["trial_images_per_second"]
    assert speeds == {"1": 1 / 1.5, "2": 2 / 2, "4": 4 / 103}


def test_only_the_levels_that_are_named_are_measured_in_batches_and_planned_so() -> None:
    options = options_of(InferenceSpeed, "Tiny", "Slow", batched=["Slow"])
    entries = ("Tiny", "Slow", "Slow, best batch")
    assert INFERENCE.entries(options) == entries
    assert set(inference("Tiny", "Slow", batched=["Slow"]).facts) == set(entries)
    with pytest.raises(NnbenchError, match="did you mean 'Slow'"):
        options_of(InferenceSpeed, "Tiny", "Slow", batched=["Slo"])


def test_a_batch_that_does_not_fit_is_no_best_batch() -> None:
    measured = inference("Large")
    best = measured.facts["Large, best batch"]
    assert best["batch_size"] == 2
    assert best["trial_images_per_second"]["4"].startswith("out of memory: CUDA")
    assert measured.missing == {}


def test_classifying_is_done_in_evaluation_mode_and_training_in_training_mode() -> None:
    inference("Tiny")
    assert {mode for _, _, mode in CLOCK.calls} == {False}
    CLOCK.calls.clear()
    training("Tiny")
    assert {mode for _, _, mode in CLOCK.calls} == {True}


@pytest.mark.parametrize("measure", [inference, training])
def test_a_model_without_enough_memory_is_missing_and_the_others_are_measured(measure: Any) -> None:
    measured = measure("TooLarge", "Tiny")
    assert {entry.partition(",")[0] for entry in measured.missing} == {"TooLarge"}
    assert measured.missing["TooLarge"].startswith("out of memory: CUDA out of memory.")
    assert len(metric(measured, "images_per_second@Tiny")) == 2
    assert not any("TooLarge" in name for run in measured.runs.values() for name in run.metrics)


@pytest.mark.parametrize("measure", [inference, training])
def test_the_time_of_a_computation_that_is_no_number_is_missing(measure: Any) -> None:
    measured = measure("Overflowing", "Tiny")
    assert "not finite" in measured.missing["Overflowing"]
    assert "images_per_second@Tiny" in measured.runs["0"].metrics


def test_hours_are_the_images_of_the_workload_over_the_speed() -> None:
    """Batches of 8 in 5 s are 1.6 images a second; 7,200 images twice take 9,000 s, 2.5 hours."""
    measured = training("Tiny", images=7_200, epochs=2)
    assert metric(measured, "images_per_second@Tiny") == [1.6] * 2
    assert metric(measured, "hours@Tiny") == pytest.approx([2.5] * 2)
    assert "7,200 images x 2 epochs" in " ".join(measured.notes)


def test_the_default_workload_is_ninety_epochs_of_imagenet() -> None:
    """1,281,167 * 90 images at 1,000 a second: 115,305.03 s."""
    options = options_of(TrainingSpeed, "Tiny")
    assert options.hours(1_000.0) == pytest.approx(115_305.03 / 3_600)


def test_every_entry_has_what_its_metrics_and_facts_promise() -> None:
    for experiment, measured in ((INFERENCE, inference("Tiny")), (TRAINING, training("Tiny"))):
        entries = experiment.entries(options_of(experiment.options, "Tiny"))
        names = {f"{name}@{entry}" for name in experiment.metrics for entry in entries}
        assert all(set(run.metrics) == names for run in measured.runs.values())
        assert set(measured.facts) == set(entries)
    assert measured.facts["Tiny"] == {
        "model": "tiny_images:Tiny",
        "torchvision": torchvision.__version__,
        "parameters": 48 * 5 + 5,
        "flops": 2 * 48 * 5,
        "resolution": SIDE,
        "batch_size": 8,
        "steps": [3, 3],
        "threads": 3,
        "auxiliary_classifiers": 0,
    }


def test_steps_are_made_until_the_seconds_of_a_block_are_over() -> None:
    assert training("Tiny", seconds_each=24.0).facts["Tiny"]["steps"] == [5, 5]


def test_blocks_measure_their_entries_in_orders_of_their_own() -> None:
    training("Tiny", "Slow", min_steps=1, warmup_steps=0)
    names = [name for name, _, _ in CLOCK.calls]
    assert sorted(names[:2]) == sorted(names[2:]) == ["Slow", "Tiny"]


def test_seconds_are_booked_by_what_they_were_spent_on() -> None:
    seconds = inference("Tiny", min_steps=1, warmup_steps=0).seconds
    # each pass of the trial: three steps of 1.5, 2 and 3 s; a block: one image, and a batch of four
    assert seconds == {"build": 0.0, "trial": 2 * 3 * (1.5 + 2.0 + 3.0), "measure": 2 * (1.5 + 3.0)}


@pytest.mark.parametrize("measure", [inference, training])
def test_one_model_is_in_memory_at_a_time(measure: Any) -> None:
    measure("Tiny", "TooLarge", "Overflowing", "Slow")
    assert CLOCK.most_at_once == 1
    assert len({name for name, _, _ in CLOCK.calls}) == 4


def test_the_global_random_state_and_the_threads_stay_as_they_were() -> None:
    before, threads = torch.random.get_rng_state(), torch.get_num_threads()
    training("Tiny")
    inference("Tiny")
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.get_num_threads() == threads


def test_a_model_of_torchvision_is_measured_as_it_is() -> None:
    values = {"models": {"Small": "squeezenet1_0"}, "resolutions": {"Small": 32}, "batch_size": 2}
    options = parse(TrainingSpeed, {**values, "seconds_each": 0.001}, where="options")
    measured = measure_training(request_of(options))
    assert measured.missing == {}
    assert metric(measured, "parameters@Small") == [1_248_424.0] * 2
    assert min(metric(measured, "images_per_second@Small")) > 0


WRONG: Mapping[str, tuple[dict[str, Any], str]] = {
    "unknown": ({"models": {"A": "resnet5O"}}, "did you mean 'resnet50'"),
    "own without resolution": ({"models": {"A": "my_part:model"}}, "none given in `resolutions`"),
    "resolution of no level": (
        {"models": {"A": "vgg16"}, "resolutions": {"B": 64}},
        "unknown name",
    ),
    "no level": ({"models": {}}, "at least this many entries: 1"),
    "level with @": ({"models": {"A@B": "vgg16"}}, 'no "@"'),
    "level named as an entry": ({"models": {"A, best batch": "vgg16"}}, "cannot name an entry"),
}


@pytest.mark.parametrize(("given", "message"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("experiment", [INFERENCE, TRAINING], ids=lambda e: e.name)
def test_options_that_cannot_be_measured_are_refused(
    experiment: Any, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(NnbenchError, match=message):
        parse(experiment.options, given, where="claim")


def test_one_image_a_step_cannot_train_batch_normalisation() -> None:
    with pytest.raises(NnbenchError, match="should be 2 or more"):
        options_of(TrainingSpeed, "Tiny", batch_size=1)


@pytest.mark.parametrize("experiment", [INFERENCE, TRAINING], ids=lambda e: e.name)
def test_the_registry_finds_the_declaration_and_the_declaration_its_function(
    experiment: Any,
) -> None:
    assert load("experiment", experiment.name, EXPERIMENTS) is experiment
    assert callable(load("measure", experiment.measure, {}))
    assert experiment.alone


def test_the_default_training_fits_into_six_gigabytes_and_both_into_minutes() -> None:
    models = {"ResNet-50": "resnet50", "VGG16": "vgg16", "InceptionV3": "inception_v3"}
    for experiment in (INFERENCE, TRAINING):
        options = parse(experiment.options, {"models": models}, where="options")
        assert experiment.memory_mb(options) < 6_000
        assert 60 < experiment.seconds(options, 5) < 240
        larger = {"models": models, "min_steps": 30}
        more = parse(experiment.options, larger, where="options")
        assert experiment.seconds(more, 5) > experiment.seconds(options, 5)
