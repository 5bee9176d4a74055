"""Configs, records and data are data: nothing in them is executed, and none of them leaves its place."""

from __future__ import annotations

import ast
import copy
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from edited_code import forget
from made_up_plan import CLAIM, claim, made_up_record, planned
from malformed import watched
from malformed_records import sealed
from own_cases import CSV, described

from nnbench.cells.cell import canonical, make_cell, read_cell
from nnbench.cells.fingerprint import PACKAGE
from nnbench.claims.config import parse_config, read_config
from nnbench.datasets.own.description import dataset_at
from nnbench.errors import NnbenchError
from nnbench.experiments.measured import Search
from nnbench.records.record import Record
from nnbench.records.store import RejectedRecordError, read_record, record_path
from nnbench.settings import Settings
from nnbench.yamlfile import read_yaml

# --- the package's own code

RISKY = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "pickle.load", "pickle.loads",
    "pickle.Unpickler", "marshal.loads", "shelve.open", "joblib.load", "pd.read_pickle", "np.load",
    "numpy.load", "yaml.unsafe_load", "yaml.full_load", "tarfile.open", "shutil.unpack_archive",
    "tempfile.mktemp",
}  # fmt: skip


def risks(source: str) -> Iterator[str]:
    """The calls in some code that could run what a file says."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name, given = ast.unparse(node.func), {k.arg: ast.unparse(k.value) for k in node.keywords}
        safe = {
            "torch.load": given.get("weights_only") == "True",
            "yaml.load": given.get("Loader") == "_Loader",
        }
        if name in RISKY or not safe.get(name, True) or given.get("shell", "False") != "False":
            yield f"{node.lineno}: {ast.unparse(node)[:80]}"
        if given.get("allow_pickle", "False") != "False":
            yield f"{node.lineno}: allow_pickle"


def test_no_code_of_the_package_runs_or_unpickles_what_a_file_says() -> None:
    found = {
        str(path.relative_to(PACKAGE)): said
        for path in sorted(PACKAGE.rglob("*.py"))
        if (said := list(risks(path.read_text(encoding="utf-8"))))
    }
    assert not found


@pytest.mark.parametrize(
    "code",
    ["eval(x)", "pickle.load(f)", "np.load(f)", "torch.load(f)", "torch.load(f, weights_only=False)",
     "yaml.load(f, Loader=yaml.Loader)", "subprocess.run(x, shell=True)",
     "np.lib.format.read_array(f, allow_pickle=True)"],
)  # fmt: skip
def test_such_code_would_be_found(code: str) -> None:
    assert list(risks(code))


# --- configs


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [(LAUGHS, "aliases written out"), ("a: &a {b: *a}\n", "recursive"), ("x: " + "y" * 2**23, "too large"),
     ("a: !!python/object/apply:os.system [touch executed]\n", "could not determine a constructor"),
     (f"a: 1{':1' * 10**6}\n", "line 1: a number of 2000001 characters")],
    ids=["aliases of aliases", "an alias of itself", "megabytes", "a tag that calls", "base 60"],
)  # fmt: skip
def test_a_yaml_file_cannot_blow_up_or_call_anything(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "paper.yaml"
    path.write_text(text, encoding="utf-8")
    with watched(tmp_path), pytest.raises(NnbenchError, match=words) as caught:
        read_yaml(path)
    assert "paper.yaml" in str(caught.value)


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device")
def test_a_document_that_never_ends_is_refused(tmp_path: Path) -> None:
    with watched(tmp_path), pytest.raises(NnbenchError, match=r"/dev/zero: too large"):
        read_yaml(Path("/dev/zero"))


@pytest.mark.parametrize("character", ["\0", "\x07", "\x1b", "\x85", "\u202e", "\u2066"])
def test_no_text_of_a_config_hides_a_character(character: str, tmp_path: Path) -> None:
    with pytest.raises(NnbenchError, match="control character"):
        planned(tmp_path, claim(title=f"a{character}b"))
    with pytest.raises(NnbenchError, match=r"printable name|control character"):
        planned(tmp_path, claim(levels={**CLAIM["levels"], f"a{character}b": {}}))


def test_a_backslash_before_a_u_is_no_control_character(tmp_path: Path) -> None:
    plan = planned(tmp_path, claim(title="C:\\u0007, a tab\tand\nlines"))
    assert next(iter(plan.claims()))[2].title == "C:\\u0007, a tab\tand\nlines"


@pytest.mark.parametrize("name", ["", "a" * 61, "class cat", "label 3", "a\nb"])
def test_the_name_of_a_shift_is_no_other_place(name: str) -> None:
    with pytest.raises(ValueError, match="names no shift"):
        Settings.model_validate({"shifts": {name: {}}})


@pytest.mark.parametrize("key", ["results", "reports", "data_folder"])
@pytest.mark.parametrize("path", ["", " ", "runs/{cell}", "a}"])
def test_a_folder_has_a_name_and_no_wildcard(key: str, path: str) -> None:
    with pytest.raises(NnbenchError, match=f"{key}: a path has a name, and no braces"):
        parse_config({"documents": ["a.yaml"], key: path})


def test_many_mistakes_make_a_short_error(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("".join(f"key{n}: 1\n" for n in range(500)))
    with pytest.raises(NnbenchError, match=r"501 problems(.|\n)*and 481 more") as caught:
        read_config(str(tmp_path / "c.yaml"))
    assert len(str(caught.value)) < 10_000


# --- cells and records


def test_a_cell_with_a_right_id_and_wrong_settings_is_refused() -> None:
    cell = make_cell("digits", Settings()).model_dump(mode="json")
    for settings in ([], {"lr": "high"}, {"model": "../x"}):
        changed = {**cell, "settings": settings}
        content = {key: value for key, value in changed.items() if key != "id"}
        own = hashlib.sha256(canonical(content).encode()).hexdigest()[:16]
        with pytest.raises(NnbenchError, match="cell"):
            read_cell(json.dumps({**content, "id": own}))


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        (("runs",), [], "runs: should be keys with values"),
        (("runs", "0"), 7, r"runs\.0: "),
        (("runs", "77"), {"status": "ok", "metrics": {}}, r"runs\.77: no seed of the block"),
        (("runs", "0", "status"), "fine", r"runs\.0\.status: "),
        (("runs", "0", "metrics", "test_loss"), "0.1", r"test_loss: should be a number"),
        (("runs", "0", "metrics", "test_loss"), float("inf"), r"test_loss: .*finite"),
        (("runs", "0", "metrics", "test_loss"), float("nan"), r"test_loss: .*finite"),
        (("runs", "0", "metrics", "test_loss"), -0.5, "test_loss cannot be -0.5"),
        (("runs", "0", "metrics", "test_loss"), -1e-7, "test_loss cannot be -1e-07"),
        (("runs", "0", "metrics", "test_loss"), 1.7e308, r"test_loss: .*1e\+100"),
        (("facts",), {"x": {"parameters": 10**400}}, r"a number of at most 1e\+100"),
        (("facts",), {"x": {"y": "\ud800"}}, "a text is no valid Unicode"),
        (("machine", "hostname"), "\udc00\ud800", "a text is no valid Unicode"),
        (("seconds", "train"), 1.7e308, r"seconds\.train: "),
        (("machine", "cores"), -1, r"machine\.cores: "),
        (("steps",), 10**400, "steps: "),
        (("runs", "0", "metrics", "test_accuracy@x"), 1.5, "test_accuracy@x cannot be 1.5"),
        (("cell", "settings", "lr"), 0.5, "its id is not the hash of its content"),
        (("cell", "dataset"), "mnist", "its id is not the hash of its content"),
        (("machine",), None, "machine: "),
        (("ended",), "2026-01-01", "ended: should be a time with its zone"),
        (("ended",), "yesterday", "ended: "),
        (("seconds", "train"), -1.0, r"seconds\.train: "),
        (("facts",), {"x": {"y": float("nan")}}, "finite"),
        (("curves", "train_loss"), [[0.1] * 4] * 2, "curves.train_loss: not a value for each seed"),
        (("curves", "train_loss"), [[0.1] * 5] * 3, "curves.train_loss: not a row for each"),
        (("search",), {"candidates": [{}], "seeds": [7], "scores": [1.0], "chosen": 0}, "search: not"),
        (("facts",), json.loads("[" * 500 + "]" * 500), "no JSON"),
    ],
)  # fmt: skip
def test_a_record_of_a_wrong_shape_is_refused_whatever_its_checksum(
    place: tuple[str, ...], value: Any, reason: str, tmp_path: Path
) -> None:
    cell = next(iter(planned(tmp_path, CLAIM, seeds=5).cells.values()))
    path = record_path(tmp_path, cell.id, range(5))
    path.parent.mkdir(parents=True)
    record = copy.deepcopy(made_up_record(cell, {"test_loss": [0.1] * 5}))
    path.write_bytes(sealed(record))
    assert read_record(path) == Record.model_validate_json(json.dumps(record))
    *outer, key = place
    inside: Any = record
    for name in outer:
        inside = inside[name]
    inside[key] = value
    path.write_bytes(sealed(record))
    with pytest.raises(RejectedRecordError, match=reason):
        read_record(path)


# --- the exception: a user's own module


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """``my_parts.py``, importable."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "my_parts.py"
    path.write_text("def net(): ...\nNUMBER = 1\n")
    forget()
    yield path
    forget()


def speed_cell() -> str:
    options = {"models": {"A": "my_parts:net", "B": "alexnet"}, "resolutions": {"A": 32}}
    settings = Settings(experiment="inference_speed", experiment_options=options)
    return make_cell("random_inputs", settings).id


def tuned_cell() -> str:
    candidates = ({"activation": "relu"}, {"activation": "my_parts:net"})
    search = Search(candidates=candidates, seeds=(7,))
    return make_cell("digits", Settings(), search=search).id


@pytest.mark.parametrize("make", [speed_cell, tuned_cell])
def test_an_edit_of_an_own_module_that_options_or_candidates_name_is_another_cell(
    make: Callable[[], str], own_module: Path
) -> None:
    before = make()
    assert make() == before
    own_module.write_text("def net(): ...\nNUMBER = 2\n")
    forget()
    assert make() != before


def test_a_text_that_only_looks_like_a_module_is_left_alone() -> None:
    settings = Settings(experiment_options={"mode": "fast:yes", "note": ["a:b", {"c": "d:e"}]})
    assert make_cell("digits", settings).id


def test_a_module_is_imported_only_where_a_name_may_be_one(tmp_path: Path) -> None:
    path = described(tmp_path, CSV, source="antigravity:fly", title="os:system")
    (tmp_path / "t.csv").write_text(
        "width,kind\n" + "".join(f"{n},{'ab'[n % 2]}\n" for n in range(20))
    )
    with watched(tmp_path):
        assert dataset_at(path).title == "os:system"
