"""Inputs that people get wrong, one of each kind, and the message that each ends in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from made_up_plan import CLAIM, TUNED, claim, document, level
from message_cases_own import OWN, Case, csv

from nnbench.cells.cell import dataset_of, read_cell
from nnbench.claims.config import read_config
from nnbench.claims.selection import changes_of
from nnbench.datasets.prepared.source import parse_source
from nnbench.datasets.prepared.store import load_test, prepare, read_manifest
from nnbench.jobs.job import seeds_and_blocks
from nnbench.jobs.lease import slots
from nnbench.plan.plan import make_plan
from nnbench.records.results import read_results
from nnbench.records.store import read_record

CONFIG: Mapping[str, Any] = {
    "seeds": 5, "tuning_seeds": 2, "results": "results", "reports": "reports", "device": "cpu",
    "reference": {"hidden": [16]},
}  # fmt: skip


def plan_with(folder: Path, claims: Mapping[str, Any], **changes: Any) -> object:
    content = document(claims)
    (folder / "paper.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    config = {**CONFIG, "documents": [str(folder / "paper.yaml")], **changes}
    kept = {key: value for key, value in config.items() if value is not None}
    return config_text(folder, yaml.safe_dump(kept))


def config_text(folder: Path, text: str) -> object:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return make_plan(read_config(str(path)))


def config(**changes: Any) -> Case:
    return lambda folder: plan_with(folder, {"c": CLAIM}, **changes)


def setting(**settings: Any) -> Case:
    return lambda folder: plan_with(folder, {"c": level(**settings)})


def claims(**changes: Any) -> Case:
    return lambda folder: plan_with(folder, {"c": claim(**changes)})


def on(dataset: str, **settings: Any) -> Case:
    levels = {"low": settings, "high": {**settings, "lr": 0.3}}
    claimed = {"low": 0.1, "high": 0.2}
    return claims(datasets={dataset: {}}, levels=levels, claimed=claimed)


def text(content: str) -> Case:
    return lambda folder: config_text(folder, content)


def damaged_test(folder: Path) -> object:
    prepare(dataset_of("wine"), folder, data_folder=None, download=False)
    (folder / "test.npz").write_bytes(b"PK")
    return load_test(folder)


def manifest(content: str) -> Case:
    def load(folder: Path) -> object:
        (folder / "manifest.json").write_text(content)
        return read_manifest(folder)

    return load


KINDS: Mapping[str, Mapping[str, Case]] = {
    "Keys that other tools have": {
        "`learning_rate` in a level": setting(learning_rate=0.1),
        "`epochs` in a level": setting(epochs=5),
        "`num_epochs` in a level": setting(num_epochs=5),
        "`bs` in a level": setting(bs=8),
        "`optim` in a level": setting(optim="sgd"),
        "`wd` in a level": setting(wd=0.1),
        "`nonlinearity` in a level": setting(nonlinearity="tanh"),
        "`hidden_size` in a level": setting(hidden_size=8),
        "`criterion` in a level": setting(criterion="mse"),
        "`learning_rate` in a config": config(learning_rate=0.1),
        "`seed` in a config": config(seed=5),
        "`dataset` in a claim": claims(dataset="digits"),
        "`sep` in own data": csv(sep=";"),
        "`label` in own data": csv(label="kind"),
        "a key that is nothing like any": setting(zebra=1),
    },
    "Values of a wrong kind": {
        "a text for a number": setting(lr="fast"),
        "a number in quotes": setting(lr="0.1"),
        "a number with a comma": setting(lr="0,1"),
        "a number for a budget": setting(train_for=5),
        "a budget in other words": setting(train_for="five epochs"),
        "a number for a list": setting(hidden=16),
        "an empty width": setting(hidden=[0]),
        "a fraction for a count": setting(batch_size=1.5),
        "a text for yes or no": setting(shuffled_labels="maybe"),
        "a negative rate": setting(lr=-1),
        "a dropout of one": setting(dropout=1.0),
        "infinity": setting(lr=float("inf")),
        "a huge number": config(seeds=10**30),
        "no seeds": config(seeds=0),
        "an unknown choice": setting(init="kaiming"),
        "a list for a text": claims(title=["a"]),
        "a text for keys": claims(levels="a"),
        "an empty list of documents": config(documents=[]),
        "a missing list of documents": config(documents=None),
        "a text for a list": config(documents="a.yaml"),
        "a section without keys": config(reference=[1]),
        "an unknown device": config(device="gpu"),
        "several at once": config(seeds=0, tier="fast", sedes=4),
    },
    "Names": {
        "an optimizer with a typing error": setting(optimizer="adm"),
        "an unknown activation": setting(activation="swoosh"),
        "an unknown model": setting(model="transformer"),
        "an unknown metric": claims(metric="accuracy"),
        "an unknown data set": claims(datasets={"imagenet": {}}),
        "a data file that is not there": claims(datasets={"my/data.yaml": {}}),
        "a module that is not there": setting(model="no_such_module:build"),
        "an unknown kind of claim": claims(kind="better"),
        "a claim that is not there in `only`": config(only=["paper/zebra"]),
        "a claim that is not there in `overrides`": config(overrides={"paper/zebra": {}}),
        "a data set that is not there in `instead`": config(instead={"digits": ["zebra"]}),
        "a name with capitals": lambda folder: plan_with(folder, {"My Claim": CLAIM}),
        "a dataset that is none": claims(datasets={"math:pi": {}}),
        "an experiment that is none": setting(experiment="math:pi"),
    },
    "Settings that do not go together": {
        "momentum of adam": setting(momentum=0.9),
        "options of sgd": setting(optimizer="sgd", optimizer_options={"nesterov": True}),
        "an optimizer that needs a closure": setting(optimizer="torch.optim:LBFGS"),
        "stop without a target": setting(stop_at_target=True),
        "patience with the last weights": setting(patience=3, checkpoint="last"),
        "noise on shuffled labels": setting(shuffled_labels=True, label_noise=0.1),
        "one class": setting(classes=[1]),
        "a class that is not there": on("digits", classes=[1, 12]),
        "a rare class that is not there": on("digits", rare_class={"label": 12, "share": 0.5}),
        "a rare class of too few": on("digits", train_size=5, rare_class={"label": 1, "share": 0.5}),
        "too many samples": on("digits", train_size=10**6),
        "own splits of data with a test set": on("mnist", split="each seed"),
        "own splits of generated data": on("coin_flip", split="each seed"),
        "augmentation of a table": on("wine", augment={"rotation_degrees": 5.0}),
        "shifts of a table": on("wine", shifts={"n": {"noise": 0.1}}),
        "classes of a regression": on("diabetes", classes=[0, 1]),
        "outliers of classes": on("digits", outliers=0.1),
        "a loss of numbers": on("digits", loss="mae"),
        "a target of classes": on("diabetes", target={"metric": "validation_accuracy", "value": 0.9}),
        "rbm on standard inputs": setting(rbm={}, activation="sigmoid"),
        "pretraining on the same classes": on("digits", pretrain={"classes": [0, 1]}),
        "a setting without effect": setting(model="mlp", hidden=[], activation="tanh"),
        "an LSTM without units": setting(model="lstm", hidden=[]),
        "a CNN on too small images": setting(model="cnn", model_options={"blocks": 9}),
        "an option that is not there": setting(model="cnn", model_options={"zebra": 1}),
        "an option of a wrong kind": setting(model="cnn", model_options={"blocks": "two"}),
        "an option that is too small": setting(model="cnn", model_options={"blocks": 0}),
        "a table for a model of images": on("wine", model="vgg16"),
        "a signal for the zoo": on("mnist1d", model="resnet50"),
        "images that are too small": on("digits", model="alexnet"),
    },
    "Claims": {
        "no levels": claims(levels={}),
        "one level": claims(levels={"a": {}}, claimed={"a": 1.0}),
        "two levels that are the same": claims(levels={"a": {}, "b": {}}, claimed={"a": 1.0, "b": 2.0}),
        "a claimed level that is not there": claims(claimed={"zebra": 1.0, "low": 2.0}),
        "at that is a number": setting(at=3),
        "tuned without `tune`": claims(**TUNED | {"tune": None}),
        "a value of `tune` that is no list": claims(**TUNED | {"tune": {"lr": 0.1}}),
        "a value of `tune` twice": claims(**TUNED | {"tune": {"lr": [0.1, 0.1]}}),
        "candidates that are the same": claims(**TUNED | {"tune": {"l1": [0.0], "batch_size": [5000, 6000]}}),
        "a pick of nothing": setting(pick={"by": "validation_loss"}),
        "a pick of two kinds": setting(pick={"by": "validation_loss", "grid": {"lr": [0.1]}, "random": {"lr": {"low": 0.1, "high": 1.0}}}),
        "a range that goes down": setting(pick={"by": "validation_loss", "random": {"lr": {"low": 1.0, "high": 0.1}}}),
        "more draws than candidates": setting(pick={"by": "validation_loss", "draws": 50, "random": {"lr": {"low": 0.1, "high": 1.0}}}),
        "a metric that needs a target": claims(metric="epochs_to_target"),
        "a document that is not there": config(documents=["zebra.yaml"]),
        "a document twice": lambda folder: plan_with(folder, {"c": CLAIM}, documents=[str(folder / "paper.yaml")] * 2),
    },
    "YAML": {
        "a key twice": text("seeds: 5\nseeds: 6\n"),
        "tabs": text("reference:\n\tlr: 1\n"),
        "a list": text("- 1\n"),
        "nothing": text(""),
        "an octal number": text("seeds: 010\n"),
        "a number of base 60": text("seeds: 1:30\n"),
        "thousands": text("reference: {hidden: [1,024]}\n"),
        "an impossible date": text("seeds: 2024-13-45\n"),
        "an anchor in itself": text("reference: &a [*a]\n"),
        "a file that is not there": lambda folder: read_config(str(folder / "zebra.yaml")),
        "a name with NUL": lambda folder: read_config("zebra\0.yaml"),
        "a config that is no JSON": lambda folder: read_config("{seeds"),
        "a change without =": lambda folder: changes_of(["seeds"]),
    },
    **OWN,
    "Files of a run": {
        "no manifest": read_manifest,
        "a manifest that is none": manifest("{}"),
        "a damaged test set": damaged_test,
        "a source that is none": lambda folder: parse_source("{}", where="--planned"),
        "a record that is none": lambda folder: ((folder / "record-0-4.json").write_text("{}"), read_record(folder / "record-0-4.json")),
        "no results": lambda folder: read_results(folder / "results.json"),
        "results of another version": lambda folder: ((folder / "results.json").write_text(json.dumps({"schema_version": 99})), read_results(folder / "results.json")),
        "results that are none": lambda folder: ((folder / "results.json").write_text("zebra"), read_results(folder / "results.json")),
        "a cell that is none": lambda folder: read_cell("{}"),
        "a block that is not there": lambda folder: seeds_and_blocks(5, ["5-9"]),
        "too many jobs on a GPU": lambda folder: slots("auto", jobs_per_gpu=1000),
    },
}  # fmt: skip
