"""Whatever stands in a config file is either a plan or an error that a user can act on."""

from __future__ import annotations

import itertools
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_up_plan import CLAIM, FILE, TUNED, document, plan_in, write_text

from nnbench.cells.cost import estimated_seconds, memory_mb
from nnbench.claims.config import parse_config, read_config
from nnbench.errors import NnbenchError
from nnbench.plan.plan import make_plan
from nnbench.yamlfile import read_yaml

MANY = settings(
    max_examples=400,
    deadline=None,
    derandomize=True,  # the same examples everywhere
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def read(folder: Path, text: str) -> Any:
    write_text(folder, text)
    return read_yaml(folder / FILE)


@pytest.mark.parametrize(
    ("text", "words"),
    {
        "a: 1\nb: 2\na: 3\n": "duplicate key 'a' (first on line 1)",
        "x: {y: {a: 1, a: 2}}\n": "duplicate key 'a'",
        "0.2: 1\n0.2: 2\n": "duplicate key '0.2'",
        "a: [1\n": "line 2",
        "a: b: c\n": "line 1",
        "a:\n\t- b\n": "line 2",
        "a: *nowhere\n": "undefined alias",
        "a: &x [*x]\n": "recursive",
        "? [a]\n: 1\n": "a key must be plain text",
        "--- 1\n--- 2\n": "single document",
        "a: !!python/object/apply:os.getcwd []\n": "could not determine a constructor",
        "a: 2024-13-45\n": "quotes",
        "a: 0b_\n": "quotes",
        "a: !!int x\n": "quotes",
        "a: !!bool x\n": "quotes",
        "a: !!timestamp x\n": "quotes",
        "a: !!map 5\n": "quotes",
        "a: " + "9" * 5000: "a number of 5000 characters",
        "a: " + "[" * 20_000: "cannot be read|deep",
        "a:\n  " + "- " * 20_000: "deep",
        "a: \0": "cannot be read",
    }.items(),
    ids=itertools.count(),
)
def test_bad_yaml_is_named_with_its_file(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(NnbenchError) as error:
        read(tmp_path, text)
    assert str(tmp_path / FILE) in str(error.value)
    assert any(word in str(error.value) for word in words.split("|")), str(error.value)


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"title: \xff\xfe\n")
    with pytest.raises(NnbenchError, match=r"byte 8 is none of UTF-8[\s\S]*save it in UTF-8"):
        read_yaml(tmp_path / FILE)


@pytest.mark.parametrize("text", ["", "[1]\n", "text\n", "3\n", "# only a comment\n"])
def test_a_config_file_without_keys_is_named(text: str, tmp_path: Path) -> None:
    write_text(tmp_path, text)
    with pytest.raises(NnbenchError, match=r"paper\.yaml"):
        read_config(str(tmp_path / FILE))
    with pytest.raises(NnbenchError, match=r"paper\.yaml"):
        plan_in(tmp_path)


@pytest.mark.parametrize("text", ["{", '{"seeds": }', "{seeds: 3}"])
def test_a_config_that_begins_like_json_and_is_none_is_named(text: str) -> None:
    with pytest.raises(NnbenchError, match="not JSON"):
        read_config(text)


def test_a_config_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NnbenchError, match=r"gone\.yaml: no such config file(.|\n)*--config"):
        read_config(str(tmp_path / "gone.yaml"))


def test_dates_are_no_plain_data(tmp_path: Path) -> None:
    write_text(tmp_path, yaml.safe_dump(document({})) + "note: 2024-01-01\n")
    with pytest.raises(NnbenchError, match=r"paper\.yaml(.|\n)*date"):
        plan_in(tmp_path)


def test_keys_stay_text_and_values_become_numbers(tmp_path: Path) -> None:
    text = "{0.2: 0.2, 0.20: 1e-3, 1e-3: 2E3, 010: -1.5e+2, yes: .5e1, null: 10000, ~: 130}"
    found = read(tmp_path, text)
    assert list(found) == ["0.2", "0.20", "1e-3", "010", "yes", "null", "~"]
    assert list(found.values())[:5] == [0.2, 0.001, 2000.0, -150.0, 5.0]
    assert all(isinstance(value, float) for value in list(found.values())[:5])


@pytest.mark.parametrize("text", ["e-3", "1e", "a1e-3", "1e-3x", "1e-3 beats 1e-2", "1.2.3"])
def test_what_merely_resembles_a_number_stays_text(text: str, tmp_path: Path) -> None:
    assert read(tmp_path, f"a: {text}\n") == {"a": text}


def test_a_level_may_be_called_anything_printable(tmp_path: Path) -> None:
    names = ["0.2", "1e-3", "yes", "null", "a/b", "ReLU", "σ", "10,000", "<b>", "a: b", "#", "nan"]
    levels = {name: {"l2": 0.1 + i} for i, name in enumerate(names)}
    changed = {**CLAIM, "kind": "differs", "margin": 0.05, "levels": levels, "claimed": {}}
    write_text(tmp_path, yaml.safe_dump(document({"c0": changed}), allow_unicode=True))
    assert {use.level for use in plan_in(tmp_path).uses} == set(names)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(
        ["tuned", "full", "high", "sgd", "relu", "mnist1d", "digits", "1e-3", "20 steps", "85 %",
         "no_such_module:it", "json:loads", "json:gone", "test_accuracy", "best", "epochs_to_target",
         "paper/c0", "*", "cuda:7", [], {}, [[]], {"lr": [1]}, [0.1, "x"], {"": {}}, ["tuned"]]
    ),
    st.lists(st.integers(-2, 200), max_size=3),
    st.dictionaries(st.text(max_size=4), st.integers(-2, 3), max_size=2),
).map(deepcopy)  # fmt: skip
KEYS = st.one_of(
    st.text(max_size=6), st.sampled_from(["lr", "tune", "high", "lrr", "kind", "seeds", "hidden"])
)
VALID: dict[str, Any] = {
    "config": {
        "seeds": 5,
        "tuning_seeds": 3,
        "threads": 1,
        "device": "auto",
        "tier": "default",
        "only": ["*"],
        "reference": {"hidden": [128]},
        "dataset_settings": {"digits": {"batch_size": 32}},
    },
    "document": document(
        {
            "c0": {**CLAIM, "controls": {"k": {"l1": 0.1}}, "links": ["paper/c1"], "margin": 0.05},
            "c1": {**CLAIM, **TUNED, "claimed": {"relu": "85 %", "tanh": "80 %"}}
            | {"metric": "test_accuracy", "kind": "best", "better": ["relu"], "than": ["tanh"]},
            "c2": {"title": "t", "quote": "q", "kind": "qualitative"},
        }
    ),
}


def places(data: Any) -> list[tuple[Any, Any]]:
    """Every (container, key) of nested data."""
    keys = (
        list(data) if isinstance(data, dict) else range(len(data) if isinstance(data, list) else 0)
    )
    return [place for key in keys for place in [(data, key), *places(data[key])]]


def mutate(draw: st.DrawFn, data: Any) -> None:
    """Replace, scale, remove, rename or add something at a random place."""
    container, key = draw(st.sampled_from(places(data)))
    action = draw(st.sampled_from(["replace", "scale", "remove", "rename", "add"]))
    if action == "scale" and isinstance(container[key], int | float):
        container[key] *= draw(st.sampled_from([2, 3, 10, 1000]))
    elif action == "replace" or isinstance(container, list):
        container[key] = draw(VALUES)
    elif action == "add":
        container[draw(KEYS)] = draw(VALUES)
    else:
        value = container.pop(key)
        if action == "rename":
            container[key + "s" if draw(st.booleans()) else draw(KEYS)] = value


@st.composite
def mutated(draw: st.DrawFn) -> dict[str, Any]:
    data = deepcopy(VALID)
    for _ in range(draw(st.integers(1, 2))):
        if places(data):
            mutate(draw, data)
    return data


OUTCOMES = {"a plan": 0, "an error": 0}


@MANY
@given(data=mutated())
def test_a_config_changed_at_random_is_a_plan_or_a_clear_error(
    data: dict[str, Any], tmp_path: Path
) -> None:
    write_text(tmp_path, yaml.safe_dump(data.get("document"), sort_keys=False))
    config = data.get("config")
    if isinstance(config, dict):
        config = {"documents": [str(tmp_path / FILE)], **config}
    try:
        plan = make_plan(parse_config(config))
        assert all(
            memory_mb(cell) > 0 and estimated_seconds(cell, seeds=plan.seeds[id_]) > 0
            for id_, cell in plan.cells.items()
        )
        message, outcome = "none needed", "a plan"
    except NnbenchError as error:
        message, outcome = str(error), "an error"
    assert message.strip()
    OUTCOMES[outcome] += 1


def test_the_random_changes_gave_plans_and_errors() -> None:
    if not sum(OUTCOMES.values()):
        pytest.skip("the random changes were not run")
    assert min(OUTCOMES.values()) >= 20, OUTCOMES


PIECES = st.lists(
    st.sampled_from(
        ["a", "b: ", ": ", "\n", "  ", "- ", "[", "]", "{", "}", ", ", "&x ", "*x", "!!int ", "!!set ",
         "!!float ", "!!null ", "? ", "| ", "> ", "'", '"', "# ", "%", "1e-3", "0x_", "0b_", "0o9", "~",
         "<<: ", "---", "...", "1:70", "2024-99-01", "!!binary ", "!!omap ", "\t", "\u2028", "é"]
    ),
    max_size=25,
).map("".join)  # fmt: skip


@MANY
@given(text=PIECES | st.text(max_size=40))
def test_any_text_is_yaml_or_a_clear_error(text: str, tmp_path: Path) -> None:
    message = FILE
    try:
        read(tmp_path, text.encode("utf-8", "replace").decode())
    except NnbenchError as error:
        message = str(error)
    assert FILE in message


@pytest.mark.parametrize(
    "huge",
    [
        {"train_for": "9" * 400 + " epochs"},
        {"train_for": "9" * 5000 + " steps"},
        {"hidden": [10**300]},
        {"batch_size": 10**10},
        {"train_size": 10**300},
    ],
    ids=["epochs", "steps", "hidden", "batch_size", "train_size"],
)
def test_numbers_beyond_any_machine_are_refused(huge: dict[str, Any], tmp_path: Path) -> None:
    changed = {**CLAIM, "datasets": {"mnist1d": {}}, "settings": huge}
    write_text(tmp_path, yaml.safe_dump(document({"c0": changed})))
    with pytest.raises(NnbenchError, match="paper/c0/mnist1d"):
        plan_in(tmp_path)
