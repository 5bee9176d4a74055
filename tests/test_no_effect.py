"""A claim compares what acts: settings that nothing reads are refused, and one run twice has no verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up_judge import entry, judged
from made_up_plan import CLAIM, claim, made_up_record, planned, store
from made_up_readings import STILL, plan_of

from nnbench.errors import NnbenchError
from nnbench.experiments.frameworks import measure as frameworks
from nnbench.experiments.parallel import measure as parallel
from nnbench.plan.effects import READS
from nnbench.plan.plan import Plan

SHORT = {"train_for": "2 epochs"}
WINE, DIGITS = {"wine": {}}, {"digits": {}}


def compared(
    a: dict[str, Any], b: dict[str, Any], *, datasets: dict[str, Any], **settings: Any
) -> dict[str, Any]:
    levels = {"usual": a, "other": b}
    return claim(
        kind="differs",
        margin=0.05,
        claimed=None,
        datasets=datasets,
        levels=levels,
        settings=SHORT | settings,
    )


def resnet(**level: Any) -> dict[str, Any]:
    return compared({}, level, datasets=DIGITS, model="resnet50", model_options={"resize": 64})


OPTIONS = {"model_options": {"skip": True}}
NO_EFFECT = {
    "an LSTM's activation": (compared({}, {"activation": "tanh"}, datasets=DIGITS, model="lstm", hidden=[8]), "activation has no effect: the gates and states of lstm have fixed activations"),
    "a GRU's activation": (compared({}, {"activation": "tanh"}, datasets=DIGITS, model="gru", hidden=[8]), "activation has no effect: the gates and states of gru"),
    "dropout without a layer": (compared({}, {"dropout": 0.5}, datasets=WINE, hidden=[]), "dropout has no effect: there is no hidden layer"),
    "activation without a layer": (compared({}, {"activation": "tanh"}, datasets=WINE, hidden=[]), "activation has no effect: there is no hidden layer"),
    "normalisation without a layer": (compared({}, {"model_options": {"norm": "batch"}}, datasets=WINE, hidden=[]), "model_options.norm has no effect"),
    "a skip around one layer": (compared({}, OPTIONS, datasets=WINE, hidden=[16]), "model_options.skip has no effect: no hidden layer is as wide"),
    "a skip around unequal layers": (compared({}, OPTIONS, datasets=WINE, hidden=[16, 8]), "model_options.skip has no effect"),
    "a CNN's dropout without a dense layer": (compared({}, {"dropout": 0.1}, datasets=DIGITS, model="cnn", hidden=[]), "dropout has no effect"),
    "the width of a ResNet": (resnet(hidden=[7]), "hidden has no effect: resnet50 has layers"),
    "the dropout of a ResNet": (resnet(dropout=0.5), "dropout has no effect"),
    "the start of a ResNet": (resnet(init="he"), "init has no effect"),
    "a batch larger than the data": (compared({}, {"batch_size": 200}, datasets=WINE, train_size=60), "batch_size has no effect: there are 60 training samples"),
    "a schedule of one step": (compared({}, {"schedule": "cosine"}, datasets=WINE, train_for="1 steps"), "schedule has no effect: there is one step"),
    "patience that cannot run out": (compared({}, {"patience": 9}, datasets=WINE), "patience has no effect: validation is read 2 times"),
    "where no wrong labels go": (compared({}, {"label_noise_to": "next"}, datasets=WINE), "label_noise_to has no effect: no label is wrong"),
    "the length before a fresh start": (compared({}, {"train_for": "3 epochs"}, datasets=DIGITS, drift={"to": {"noise": 0.1}, "anew": True}), "train_for has no effect: what starts anew after the drift"),
    "the best of one reading": (compared({}, {"checkpoint": "last"}, datasets=WINE, train_for="1 epochs"), "checkpoint has no effect: validation is read once"),
}  # fmt: skip


@pytest.mark.parametrize(("item", "words"), NO_EFFECT.values(), ids=NO_EFFECT)
def test_a_level_cannot_set_what_nothing_reads(
    item: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with pytest.raises(NnbenchError) as caught:
        planned(tmp_path, item)
    dataset = next(iter(item["datasets"]))
    assert f"paper/c0/{dataset}/as-written: level 'other': {words}" in str(caught.value)


def test_the_message_says_what_was_set_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NnbenchError) as caught:
        planned(tmp_path, NO_EFFECT["dropout without a layer"][0])
    assert str(caught.value).splitlines() == [
        "paper/c0/wine/as-written: level 'other': dropout has no effect: there is no hidden layer for it to act on",
        "  got: dropout: 0.5",
        "  do: remove it, or change what keeps it from acting",
    ]


SAME = {
    "a usual value against an unread one": compared({"activation": "relu"}, {}, datasets=DIGITS, model="lstm", hidden=[8]),
    "a default written out": compared({}, {"model_options": {"norm": "none"}}, datasets=WINE),
    "the usual loss by its name": compared({}, {"loss": "cross_entropy"}, datasets=WINE),
    "epochs as steps": compared({}, {"train_for": "4 steps", "evaluations": 2}, datasets=WINE, train_size=60),
    "two batches larger than the data": compared({"batch_size": 60}, {"batch_size": 60, "loss": "cross_entropy"}, datasets=WINE, train_size=60),
    "further probes": compared({}, {"probes": ["gradients"]}, datasets=WINE),
}  # fmt: skip


@pytest.mark.parametrize("item", SAME.values(), ids=SAME)
def test_two_spellings_of_one_training_are_the_same_experiment(
    item: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(NnbenchError, match="'usual' and 'other' are the same experiment"):
        planned(tmp_path, item)


ACTS = {
    "a skip around equal layers": compared({}, OPTIONS, datasets=WINE, hidden=[16, 16]),
    "a CNN's activation": compared({}, {"activation": "tanh"}, datasets=DIGITS, model="cnn", hidden=[]),
    "dropout behind an LSTM": compared({}, {"dropout": 0.5}, datasets=DIGITS, model="lstm", hidden=[8]),
    "a batch of all samples": compared({}, {"batch_size": 60}, datasets=WINE, train_size=60),
    "an own model's width": compared({}, {"hidden": [9]}, datasets=WINE, model="small_models:plain"),
}  # fmt: skip


@pytest.mark.parametrize("item", ACTS.values(), ids=ACTS)
def test_what_may_act_is_planned(item: dict[str, Any], tmp_path: Path) -> None:
    assert len(planned(tmp_path, item).cells) == 2


def test_a_setting_of_the_whole_claim_has_to_act_on_some_level(tmp_path: Path) -> None:
    levels: dict[str, Any] = {"lstm": {"model": "lstm"}, "gru": {"model": "gru"}}
    settings = {**SHORT, "hidden": [8], "activation": "tanh"}
    item = claim(kind="differs", margin=0.05, claimed=None, levels=levels, settings=settings)
    with pytest.raises(NnbenchError, match=r"^paper/c0: activation has no effect"):
        planned(tmp_path, item)
    mixed = {**item, "levels": {**levels, "mlp": {}}}
    assert len(planned(tmp_path, mixed).cells) == 3


def test_candidates_of_a_search_are_different_trainings(tmp_path: Path) -> None:
    tune = {"dropout": [0.0, 0.5]}
    levels = {"a": {"lr": 0.1}, "b": {"lr": 0.2}}
    item = claim(kind="differs", margin=0.05, claimed=None, levels=levels, tracks=["tuned"], decided_by="tuned", tune=tune)  # fmt: skip
    assert planned(tmp_path, item).cells
    with pytest.raises(NnbenchError, match="two candidates of `tune` are the same experiment"):
        planned(tmp_path, {**item, "settings": {"hidden": []}})


def test_the_plan_knows_what_the_timed_trainings_follow() -> None:
    assert READS["frameworks"] == frameworks.FOLLOWED
    assert READS["parallel"] == parallel.FOLLOWED


def test_models_that_normalise_over_a_batch_get_no_batch_of_one(tmp_path: Path) -> None:
    norm = {"model_options": {"norm": "batch"}}
    item = compared({}, norm, datasets=WINE, train_size=33)
    with pytest.raises(NnbenchError) as caught:
        planned(tmp_path, item)
    assert str(caught.value).splitlines() == [
        "paper/c0/wine/as-written: level 'other': model 'mlp' normalises over a batch, and one sample has no variance",
        "  got: 33 training samples in batches of 32: the last has one",
        "  do: choose another batch_size or train_size",
    ]
    for other in ({"train_size": 34}, {"train_for": "1 steps"}):  # the second one stops before it
        settings = {**item["settings"], **other}
        assert len(planned(tmp_path, {**item, "settings": settings}).cells) == 2


@pytest.mark.parametrize("model", ["resnet50", "mobilenet_v2"])
def test_a_batch_of_one_is_refused_where_a_networks_last_maps_are_single_values(
    model: str, tmp_path: Path
) -> None:
    def item(resize: int) -> dict[str, Any]:
        options = {"model_options": {"resize": resize}}
        return compared({}, {"lr": 0.1}, datasets=DIGITS, model=model, train_size=33, **options)

    with pytest.raises(NnbenchError, match=f"model {model!r} normalises over a batch"):
        planned(tmp_path, item(32))
    assert planned(tmp_path, item(33)).cells


# --- behind it: what the records show


def recorded(folder: Path, values: dict[str, list[float]], **more: Any) -> Plan:
    """A claim whose levels have these losses, and curves as ``more`` says by level."""
    plan = plan_of(folder, claim(kind="differs", margin=0.05, claimed=None))
    for (level, losses), cell in zip(values.items(), plan.cells.values(), strict=True):
        curves = {"curves": more[level]} if level in more else {}
        store(plan, cell, made_up_record(cell, {"test_loss": losses}, **curves))
    return plan


def curves(first: float) -> dict[str, Any]:
    rows = [[first] * 5, [0.4] * 5]
    return {
        "epochs": [1.0, 2.0],
        "train_loss": rows,
        "validation_loss": rows,
        "validation_accuracy": rows,
    }


FAR = [value + 1.0 for value in STILL]
ONE = "high and middle are one and the same run: their curves are equal to the last bit, so that what they differ in has no effect"


def test_two_levels_that_are_one_run_have_no_verdict(tmp_path: Path) -> None:
    same = dict.fromkeys(CLAIM["levels"], STILL)
    (found,) = entry(judged(recorded(tmp_path, same)), "c0")["results"]
    assert (found["verdict"], found["pairs"]) == ("inconclusive", [])
    assert ONE in found["verdict_reason"]
    assert ONE in found["notes"]


def test_a_difference_that_another_pair_shows_still_counts(tmp_path: Path) -> None:
    values = {"high": STILL, "middle": STILL, "low": FAR}
    (found,) = entry(judged(recorded(tmp_path, values, low=curves(0.9))), "c0")["results"]
    assert found["verdict"] == "reproduced"
    assert [(pair["a"], pair["b"]) for pair in found["pairs"]] == [("high", "low"), ("middle", "low")]  # fmt: skip
    assert found["notes"] == [ONE]


def test_levels_that_tie_in_the_judged_metric_alone_keep_their_verdict(tmp_path: Path) -> None:
    same = dict.fromkeys(CLAIM["levels"], STILL)
    apart = {"high": curves(0.5), "middle": curves(0.6), "low": curves(0.7)}
    (found,) = entry(judged(recorded(tmp_path, same, **apart)), "c0")["results"]
    assert (found["verdict"], len(found["pairs"])) == ("contradicted", 3)
    assert not found["notes"]
