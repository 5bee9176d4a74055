"""Contexts in the plan: which ones a claim gets, what they set, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_up_contexts import FACTORS, activations, in_contexts, listed, space, write_space
from made_up_plan import claim, level

from nnbench.claims.contexts import drawn, read_space, unsettled
from nnbench.errors import NnbenchError
from nnbench.plan.plan import Plan

ROOT = Path(__file__).parent.parent
FIVE = listed("digits", "wine", "mnist1d", "breast_cancer", "diabetes")


def contexts_of(plan: Plan, claim_id: str = "paper/c0") -> list[str]:
    return list(dict.fromkeys(use.context for use in plan.uses_of(claim_id) if use.context))


def settings_in(plan: Plan, context: str, level: str) -> Any:
    (use,) = [u for u in plan.uses if u.context == context and u.level == level]
    return plan.cells[use.cells[0]].settings


def test_a_claim_has_contexts_by_one_line_and_none_without_it(tmp_path: Path) -> None:
    plan = in_contexts(tmp_path, FIVE, activations(), activations(contexts=None))
    assert contexts_of(plan) == ["c0", "c1", "c2", "c3", "c4"]
    assert contexts_of(plan, "paper/c1") == []


def test_a_context_sets_what_the_claim_does_not_name(tmp_path: Path) -> None:
    plan = in_contexts(tmp_path, FIVE, activations(settings={"train_for": "3 epochs"}))
    found = settings_in(plan, "c3", "tanh")
    assert (found.activation, found.hidden, found.optimizer, found.lr) == (
        "tanh",
        (8,),
        "adam",
        0.002,
    )
    assert found.train_for == "3 epochs"


def test_settings_that_the_sentence_does_not_name_are_freed(tmp_path: Path) -> None:
    kept = activations(settings={"hidden": [99]})
    freed = activations(settings={"hidden": [99]}, contexts={"free": ["hidden"]})
    plan = in_contexts(tmp_path, FIVE, kept, freed)
    both = [plan.cells[u.cells[0]].settings.hidden for u in plan.uses if u.context == "c0"]
    assert both == [(99,), (99,), (8,), (8,)]


def test_of_two_settings_a_claim_may_settle_one() -> None:
    values = {"optimiser": "sgd 0.1", "network": "32 units", "length": "300 steps"}
    sets = {
        "optimiser": {"optimizer": "sgd", "lr": "0.1"}, "network": {"hidden": "[32]"},
        "length": {"train_for": "300 steps", "evaluations": "15"},
    }  # fmt: skip
    assert unsettled(values, sets, set()) == values
    assert unsettled(values, sets, {"lr"}) == values | {"optimiser": "sgd"}
    assert unsettled(values, sets, {"optimizer", "evaluations"}) == {
        "network": "32 units", "length": "300 steps",
    }  # fmt: skip


def test_contexts_that_do_not_fit_are_left_out_by_the_data_alone(tmp_path: Path) -> None:
    classes = activations(contexts={"needs": {"task": "classification"}})
    many = activations(contexts={"needs": {"classes": 10}})
    images = activations(contexts={"needs": {"input": "image"}})
    large = activations(contexts={"needs": {"train_size": 1000}})
    plan = in_contexts(tmp_path, FIVE, classes, many, images, large)
    assert contexts_of(plan) == ["c0", "c1", "c2", "c3"]
    assert contexts_of(plan, "paper/c1") == ["c0", "c2"]
    assert contexts_of(plan, "paper/c2") == ["c0"]
    assert contexts_of(plan, "paper/c3") == ["c0", "c2"]


def test_all_claims_have_the_same_contexts_and_share_their_cells(tmp_path: Path) -> None:
    plan = in_contexts(tmp_path, FIVE, activations(), activations(title="Said again"))
    assert len(plan.cells) == 2 + 2 * len(FIVE)


def test_more_contexts_add_cells_and_change_none(tmp_path: Path) -> None:
    few = in_contexts(tmp_path, FIVE, activations(), contexts=3)
    more = in_contexts(tmp_path, FIVE, activations(), contexts=5)
    assert set(few.cells) < set(more.cells)
    assert len(more.cells) - len(few.cells) == 2 * 2


def test_large_networks_are_measured_in_two_thirds_of_the_contexts(tmp_path: Path) -> None:
    contexts = {f"c{i}": dict(FIVE["c0"], network=("8 units", "16 units")[i % 2], optimiser=("adam", "sgd")[i // 2 % 2]) for i in range(3)}  # fmt: skip
    cnn = activations(levels={"relu": {"model": "cnn"}, "tanh": {}})
    assert contexts_of(in_contexts(tmp_path, contexts, cnn)) == ["c0", "c1"]


def test_a_share_of_the_samples_is_one_of_those_that_a_context_has(tmp_path: Path) -> None:
    half = {"c0": {**FIVE["c2"], "samples": "half"}}
    levels = {"relu": {"train_share": 0.1}, "tanh": {}}
    plan = in_contexts(tmp_path, half, activations(contexts={"levels": levels}))
    assert settings_in(plan, "c0", "relu").train_size == 100  # of half of 2,000
    assert settings_in(plan, "c0", "tanh").train_size == 1000
    reference = [plan.cells[u.cells[0]].settings.activation for u in plan.uses if u.context is None]
    assert reference == ["relu", "tanh"]  # as the document has them


@pytest.mark.parametrize("share", [0, 1.5, "half", True])
def test_a_share_that_is_none_is_refused(tmp_path: Path, share: object) -> None:
    with pytest.raises(NnbenchError, match="train_share") as caught:
        in_contexts(tmp_path, FIVE, level(train_share=share))
    assert "a number above 0, at most 1" in str(caught.value)


def test_replicates_and_tracks_are_those_of_contexts(tmp_path: Path) -> None:
    plan = in_contexts(tmp_path, FIVE, activations(), seeds=10, context_seeds=6)
    assert {use.seeds for use in plan.uses if use.context} == {6}
    assert {use.seeds for use in plan.uses if not use.context} == {10}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"contexts": {"free": ["lr"]}}, "contexts: free names 'lr', which is none of the claim's settings"),
        ({"contexts": {"levels": {"relu": {}}}}, "contexts: levels should be those of the claim: tanh"),
        ({"contexts": {"needs": {"input": "sound"}}}, "input"),
        ({"contexts": {}, "metric": "seconds", "margin": 0.1}, "contexts judge trainings"),
    ],
)  # fmt: skip
def test_what_a_claim_says_wrongly_of_contexts_is_named(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(NnbenchError, match=words):
        in_contexts(tmp_path, FIVE, activations(**changes))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (space({"c0": {**FIVE["c0"], "dataset": "iris9"}}), "context 'c0': unknown dataset 'iris9'"),
        (space({"c0": {"dataset": "digits"}}), "context 'c0' lacks a value for network, optimiser, samples"),
        (space({"c0": {**FIVE["c0"], "depth": "2"}}), "context 'c0': unknown factor 'depth'"),
        (space({}, without=[{"samples": ["most"]}]), "without: unknown samples 'most'"),
        (space(FIVE, without=[{"dataset": ["wine"]}]), "context 'c1' has a combination that stands in"),
        (space({"c0": FIVE["c0"], "again": FIVE["c0"]}), "contexts 'c0' and 'again' are the same"),
        ({"seed": 1, "factors": {"network": FACTORS["network"]}}, "factors lack dataset"),
        ({"seed": 1, "factors": {"dataset": {"digit": {}}}}, "did you mean 'digits'"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_a_space_is_named(
    tmp_path: Path, content: dict[str, Any], words: str
) -> None:
    with pytest.raises(NnbenchError, match=words):
        read_space(Path(write_space(tmp_path, content)))


def test_more_contexts_than_there_are_cannot_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(NnbenchError, match="lists 5 contexts") as caught:
        in_contexts(tmp_path, FIVE, activations(), contexts=6)
    assert "`nnbench contexts` draws them" in str(caught.value)


def test_a_draw_begins_with_the_same_contexts_however_many_there_are(tmp_path: Path) -> None:
    without = [{"dataset": ["wine"], "samples": ["half"]}]
    found = read_space(Path(write_space(tmp_path, space({}, without=without))))
    few, many = drawn(found, 10), drawn(found, 30)
    assert list(many.items())[:10] == list(few.items())
    assert len({tuple(values.values()) for values in many.values()}) == 30
    assert ("wine", "half") not in {(v["dataset"], v["samples"]) for v in many.values()}


def test_the_contexts_of_this_project_are_the_draw_of_their_space() -> None:
    found = read_space(ROOT / "config/contexts.yaml")
    assert found.contexts == drawn(found, len(found.contexts))


def test_a_claim_without_contexts_needs_no_space(tmp_path: Path) -> None:
    plan = in_contexts(tmp_path, FIVE, claim(), contexts=0, context_space="nowhere.yaml")
    assert plan.contexts == ()


def test_a_share_of_the_samples_is_one_of_the_classes_in_use(tmp_path: Path) -> None:
    levels = {"relu": {"classes": [6, 9], "train_share": 0.5}, "tanh": {"classes": [6, 9]}}
    own = activations(levels=levels, datasets={"digits": {}})
    plan = in_contexts(tmp_path, FIVE, own, contexts=0)
    sizes = {use.level: plan.cells[use.cells[0]].settings.train_size for use in plan.uses}
    assert sizes == {"relu": 120, "tanh": None}  # half of a fifth of 1,200
