"""A mistake in a config or a claim is named before anything runs: what, where, what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from made_up_plan import FILE, TUNED, cells_by_level, claim, level, plan_in, planned, write_document

from nnbench.claims.config import read_config
from nnbench.errors import NnbenchError
from nnbench.registry import DATASETS
from nnbench.settings import Settings

SAME = {"high": {"lr": 0.1}, "middle": {"lr": 0.1}, "low": {"lr": 0.001}}
VARIANT = {
    "title": "Another reading",
    "levels": {"high": {}, "middle": {"lr": 1}, "low": {"l2": 1}},
}


def tuned(**changes: Any) -> dict[str, Any]:
    return claim(**{**TUNED, **changes})


# what is wrong -> the claim, and what its error says: place, value, what is allowed, what to do
BAD_CLAIMS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "unknown key": (claim(titel="x"), [FILE, "claims.c0.titel", "'titel'", "'title'"]),
    "key missing": (claim(quote=None), [FILE, "claims.c0.quote", "missing", "add it"]),
    "not a mapping": (claim(levels=3), [FILE, "claims.c0.levels", "got: 3"]),
    "a list for a text": (claim(title=["a"]), ["claims.c0.title", "['a']"]),
    "a text for a list": (claim(links="paper/c0"), ["claims.c0.links", "list", "'paper/c0'"]),
    "kind": (claim(kind="ordr"), ["claims.c0.kind", "'ordr'", "'differs'", "mean 'order'"]),
    "metric": (
        claim(metric="test_los"),
        ["metric", "'test_los'", "mean 'test_loss'", "parameters"],
    ),
    "tier": (claim(tier="ful"), ["claims.c0.tier", "'ful'", "'default'", "mean 'full'"]),
    "track": (claim(tracks=["tunned"]), ["claims.c0.tracks.0", "'tunned'", "mean 'tuned'"]),
    "negative margin": (claim(margin=-0.1), ["claims.c0.margin", "more than 0", "-0.1"]),
    "no levels": (claim(levels={}, claimed={}), ["claims.c0", "zero levels", "at least one"]),
    "one level": (claim(levels={"a": {}}, claimed={"a": 1}), ["compares levels", "at least two"]),
    "equal levels": (claim(levels=SAME), ["'high' and 'middle'", "same experiment", "differ in"]),
    "long level name": (claim(levels={"x" * 61: {}, "b": {}}), ["1 to 60 characters"]),
    "line break in a name": (claim(levels={"a\nb": {}, "b": {}}), [r"'a\nb'", "printable"]),
    "level is a control": (claim(controls={"high": {}}), ["['high']", "both levels and controls"]),
    "level in a wrong shape": (claim(levels={"a": 1, "b": {}}), ["claims.c0.levels.a", "got: 1"]),
    "claimed: another name": (
        claim(claimed={"high": 0.1, "midle": 0.2, "low": 0.3}),
        ["claims.c0", "'midle'", "no level", "mean 'middle'", "high, middle, low"],
    ),
    "claimed: one lacks": (claim(claimed={"high": 0.1}), ["lacks", "['middle', 'low']", "order"]),
    "claimed: a word": (claim(claimed={"high": "low"}), ["claims.c0.claimed.high", "'low'"]),
    "claimed: no such loss": (
        claim(claimed={"high": 0, "middle": 1, "low": 2}),
        ["'high' must be positive", "got 0"],
    ),
    "claimed: percent as a number": (
        claim(metric="test_accuracy", claimed={"high": 85, "middle": 0.5, "low": 0.4}),
        ["'high' is an accuracy", '0.85 or "85 %"', "got 85"],
    ),
    "definition of no definition": (claim(kind="definition"), ["definition", "parameters"]),
    "best without levels": (claim(kind="best"), ["kind best needs better: [...] and than: [...]"]),
    "best of an unknown level": (
        claim(kind="best", better=["hihg"], than=["low"]),
        ["better names 'hihg'", "no level", "mean 'high'", "high, middle, low"],
    ),
    "better than itself": (claim(kind="best", better=["low"], than=["low"]), ["'low' stands in"]),
    "better: twice": (claim(kind="best", better=["low"] * 2, than=["high"]), ["'low' twice"]),
    "track: twice": (claim(tracks=["as-written"] * 2), ["tracks names 'as-written' twice"]),
    "decided elsewhere": (claim(decided_by="tuned"), ["decided_by is 'tuned'", "['as-written']"]),
    "no dataset": (claim(datasets={}), ["no dataset"]),
    "unknown dataset": (
        claim(datasets={"digts": {}}),
        [FILE, "claims.c0.datasets", "'digts'", "did you mean 'digits'?", "mnist1d"],
    ),
    "dataset of nowhere": (claim(datasets={"no.such:set": {}}), ["'no.such:set'", "importable"]),
    "dataset of another type": (claim(datasets={"math:pi": {}}), ["'math:pi'", "Dataset", "float"]),
    "link to nothing": (
        claim(links=["paper/c1"]),
        ["paper/c0", "links", "'paper/c1'", "mean 'paper/c0'"],
    ),
    "variant: other levels than those with numbers": (
        claim(variants={"v": {"title": "t", "levels": {"hgih": {}}}}),
        ["variant 'v'", "claimed has 'high'", "no level", "did you mean 'hgih'?"],
    ),
    "variant: unknown key": (
        claim(variants={"v": {**VARIANT, "titel": "t"}}),
        ["claims.c0.variants.v.titel", "'titel'", "mean 'title'"],
    ),
    "variant: name": (claim(variants={"V 1": VARIANT}), ["variant 'V 1'", "lower-case letters"]),
    "no tuning grid": (tuned(tune={}), ["level 'relu'", "needs `tune`", "[values, ...]"]),
    "empty tuning grid": (tuned(tune={"lr": []}), ["level 'relu'", "needs `tune`", "{'lr': []}"]),
    "tuning of nothing": (
        tuned(tune={"lrr": [1]}),
        ["tune {'lrr': 1}", "unknown key", "mean 'lr'"],
    ),
    "tuning out of range": (tuned(tune={"lr": [0.1, -1]}), ["tune {'lr': -1}", "more than 0"]),
    "tuning value: twice": (tuned(tune={"lr": [0.1, 0.1]}), ["value twice", "lr: [0.1, 0.1]"]),
    "unequal tuning": (
        tuned(levels={"relu": {}, "tanh": {"activation": "tanh", "tune": {"lr": [1.0]}}}),
        ["paper/c0/digits/tuned", "unequal tuning budgets", "{'relu': 3, 'tanh': 1}", "same size"],
    ),
    "augmented signals": (
        level(augment={"horizontal_flip": True}) | {"datasets": {"mnist1d": {}}},
        ["mnist1d", "level 'high'", "augmentation needs images", "(40,)"],
    ),
    "more samples than there are": (
        level(train_size=1201),
        ["level 'high'", "train_size does not fit", "1201", "1 to 1200", "237"],
    ),
    "no target": (claim(metric="epochs_to_target"), ["level 'high'", "needs a target", "target:"]),
    "a control with a typo": (claim(controls={"k": {"lrr": 1}}), ["level 'k'", "mean 'lr'"]),
}

# what is wrong -> the settings of a level, and what the error says
BAD_SETTINGS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "unknown key": ({"lrr": 1}, ["lrr: unknown key", "batch_size", "did you mean 'lr'?"]),
    "unknown key, deeper": (
        {"augment": {"rotation_degree": 1}},
        ["augment.rotation_degree", "horizontal_flip", "mean 'rotation_degrees'"],
    ),
    "unknown key in target": ({"target": {"value": 1, "metrc": "x"}}, ["target.metrc", "'metric'"]),
    "dropout 1.5": ({"dropout": 1.5}, ["dropout", "less than 1", "1.5"]),
    "dropout -0.1": ({"dropout": -0.1}, ["dropout", "should be 0 or more", "-0.1"]),
    "rate 0": ({"lr": 0}, ["lr", "more than 0"]),
    "rate true": ({"lr": True}, ["lr", "number", "True"]),
    "rate as a text": ({"lr": "0.1"}, ["lr", "number", "'0.1'", "without quotes"]),
    "infinite rate": ({"lr": float("inf")}, ["lr", "number"]),
    "no width": ({"hidden": [0]}, ["hidden.0", "should be 1 or more"]),
    "half a unit": ({"hidden": [1.5]}, ["hidden.0", "whole number", "1.5"]),
    "a width, not a list": ({"hidden": 64}, ["hidden", "should be a list", "64"]),
    "budget without unit": ({"train_for": "20"}, ["train_for", '"20 epochs"', "'20'"]),
    "budget as a number": ({"train_for": 20}, ["train_for", "text", "20"]),
    "no epoch": ({"train_for": "0 epochs"}, ["train_for", '"20 epochs"', "'0 epochs'"]),
    "activation": ({"activation": "rellu"}, ["activation", "'rellu'", "gelu", "mean 'relu'"]),
    "letter case": ({"activation": "ReLU"}, ["'ReLU'", "did you mean 'relu'?"]),
    "optimizer": ({"optimizer": "adm"}, ["optimizer", "'adm'", "rmsprop", "mean 'adam'"]),
    "model": ({"model": "mpl"}, ["model", "'mpl'", "mean 'mlp'"]),
    "init": ({"init": "zero"}, ["init", "'zero'", "'glorot'", "mean 'zeros'"]),
    "momentum of adam": ({"momentum": 0.9}, ["momentum", "sgd and rmsprop"]),
    "a stop without target": ({"stop_at_target": True}, ["stop_at_target needs a target"]),
    "own model of nowhere": ({"model": "no_such_module:build"}, ["level 'high'", "no_such_module"]),
    "own part of a script": ({"activation": "__main__:x"}, ["level 'high'", "__main__:x"]),
}

BAD_CONFIGS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "unknown key": ({"seed": 3}, ["config: seed", "unknown key", "mean 'seeds'", "tuning_seeds"]),
    "negative seeds": (
        {"seeds": -1},
        ["config: seeds", "should be a whole number from 1 to 1000, or auto", "-1"],
    ),
    "no seeds": (
        {"seeds": 0},
        ["config: seeds", "should be a whole number from 1 to 1000, or auto"],
    ),
    "seeds as a text": ({"seeds": "10"}, ["config: seeds", "whole number", "'10'"]),
    "half a seed": ({"seeds": 10.5}, ["config: seeds", "whole number", "10.5"]),
    "seeds true": ({"seeds": True}, ["config: seeds", "whole number", "True"]),
    "no tuning seeds": ({"tuning_seeds": 0}, ["config: tuning_seeds", "should be 1 or more"]),
    "no threads": ({"threads": 0}, ["config: threads", "should be 1 or more"]),
    "device": ({"device": "gpu"}, ["config: device", "auto, cpu, cuda, cuda:N or mps", "'gpu'"]),
    "tier": ({"tier": "fulll"}, ["config: tier", "'quick', 'default' or 'full'", "mean 'full'"]),
    "only: a number": ({"only": 5}, ["config: only", "list", "5"]),
    "only: no such claim": ({"only": ["papr/c0"]}, ["only", "'papr/c0'", "mean 'paper/c0'"]),
    "no document": ({"documents": []}, ["config: documents", "at least this many entries: 1"]),
    "a document twice": ({"documents": ["{f}", "{f}"]}, ["'paper'", "two files", "leave one out"]),
    "missing document": ({"documents": ["gone.yaml"]}, ["gone.yaml", "no such", "documents:"]),
    "a folder as document": ({"documents": ["."]}, ["cannot be read", "directory"]),
    "reference: unknown key": ({"reference": {"lrr": 1}}, ["config: reference", "mean 'lr'"]),
    "reference: range": ({"reference": {"dropout": 2}}, ["config: reference", "dropout", "than 1"]),
    "dataset_settings: name": (
        {"dataset_settings": {"digit": {}}},
        ["config: dataset_settings", "'digit'", "mean 'digits'"],
    ),
    "dataset_settings: unknown key": (
        {"dataset_settings": {"mnist": {"lrr": 1}}},
        ["config: dataset_settings.mnist", "mean 'lr'"],
    ),
}


def says(error: pytest.ExceptionInfo[NnbenchError], words: list[str]) -> None:
    missing = [word for word in words if word not in str(error.value)]
    assert not missing, str(error.value)
    assert len(str(error.value)) < 1000, "a wall of text is no help"


@pytest.mark.parametrize(("bad", "words"), BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_a_bad_claim_is_named(bad: dict[str, Any], words: list[str], tmp_path: Path) -> None:
    with pytest.raises(NnbenchError) as error:
        planned(tmp_path, bad)
    says(error, words)


@pytest.mark.parametrize(("bad", "words"), BAD_SETTINGS.values(), ids=BAD_SETTINGS)
def test_a_bad_setting_is_named(bad: dict[str, Any], words: list[str], tmp_path: Path) -> None:
    with pytest.raises(NnbenchError) as error:
        planned(tmp_path, level(**bad))
    says(error, ["paper/c0/digits/as-written: level 'high'", *words])


@pytest.mark.parametrize(("bad", "words"), BAD_CONFIGS.values(), ids=BAD_CONFIGS)
def test_a_bad_config_is_named(bad: dict[str, Any], words: list[str], tmp_path: Path) -> None:
    if "documents" in bad:
        bad = {"documents": [name.format(f=tmp_path / FILE) for name in bad["documents"]]}
    with pytest.raises(NnbenchError) as error:
        planned(tmp_path, claim(), **bad)
    says(error, words)


def test_the_claim_that_all_of_these_are_changed_from_is_right(tmp_path: Path) -> None:
    assert len(planned(tmp_path, claim()).cells) == 3
    assert len(planned(tmp_path, tuned()).cells) == 4
    assert len(planned(tmp_path, claim(variants={"v-1": VARIANT})).cells) == 5


def test_all_problems_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(NnbenchError, match="3 problems") as error:
        planned(tmp_path, claim(kind="ordr", margin=-1, titel="x"))
    says(error, ["claims.c0.kind", "claims.c0.margin", "claims.c0.titel", "did you mean 'title'?"])


@pytest.mark.parametrize("name", ["Paper", "my paper", "päper", ""])
def test_names_of_documents_and_claims_are_plain(name: str, tmp_path: Path) -> None:
    write_document(tmp_path, {name: claim()})
    with pytest.raises(NnbenchError, match="lower-case letters, digits, - and _"):
        plan_in(tmp_path)


def test_a_claim_left_out_is_checked_all_the_same(tmp_path: Path) -> None:
    with pytest.raises(NnbenchError, match="'lrr'"):
        planned(tmp_path, level(lrr=1), claim(), only=["paper/c1"])


def test_two_files_of_one_document_are_refused(tmp_path: Path) -> None:
    write_document(tmp_path, {"c0": claim()})
    write_document(tmp_path, {"c0": claim()}, file="copy.yaml")
    with pytest.raises(NnbenchError, match="'paper' stands in two files"):
        plan_in(tmp_path, documents=[str(tmp_path / FILE), str(tmp_path / "copy.yaml")])


def test_percentages_are_fractions(tmp_path: Path) -> None:
    claimed = {"high": "85 %", "middle": "72.5%", "low": 0.5}
    plan = planned(tmp_path, claim(metric="test_accuracy", claimed=claimed))
    assert plan.documents[0].claims["c0"].claimed == {"high": 0.85, "middle": 0.725, "low": 0.5}


def test_own_parts_are_named_by_module_and_object(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "own_part.py").write_text("raise RuntimeError('planning imports no own part')\n")
    monkeypatch.syspath_prepend(tmp_path)
    own = {"model": "own_part:Model", "activation": "own_part:act", "optimizer": "own_part:opt"}
    plan = planned(tmp_path, level(**own, model_options={"depth": 3, "name": "x", "wide": True}))
    settings = cells_by_level(plan)["high"].settings
    assert (settings.model, settings.model_options["depth"]) == ("own_part:Model", 3)


def test_an_own_dataset_is_planned_like_a_registered_one(tmp_path: Path) -> None:
    own = DATASETS["digits"]
    assert {
        cell.dataset for cell in planned(tmp_path, claim(datasets={own: {}})).cells.values()
    } == {own}


def test_layers_lie_over_one_another_the_level_on_top(tmp_path: Path) -> None:
    def setting(name: str, **layers: Any) -> Any:
        changed = claim(
            settings=layers.get("claim", {}),
            datasets={"digits": layers.get("dataset", {})},
            levels={"high": layers.get("level", {}), "low": {"l1": 1}},
            claimed={"high": 1, "low": 2},
        )
        config = {
            "reference": layers.get("reference", {}),
            "dataset_settings": {"digits": layers.get("dataset_settings", {})},
        }
        return getattr(cells_by_level(planned(tmp_path, changed, **config))["high"].settings, name)

    order = ["reference", "dataset_settings", "claim", "dataset", "level"]
    assert setting("batch_size") == Settings().batch_size
    for last in range(len(order)):
        layers = {name: {"batch_size": i + 1} for i, name in enumerate(order[: last + 1])}
        assert setting("batch_size", **layers) == last + 1


def test_fewer_than_five_seeds_are_no_error(tmp_path: Path) -> None:
    assert set(planned(tmp_path, claim(), seeds=1).seeds.values()) == {1}


def test_a_config_is_a_file_or_json(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump({"documents": ["a.yaml"], "seeds": 7}))
    assert read_config(str(path)) == read_config('{"documents": ["a.yaml"], "seeds": 7}')
