"""What the errors say, all of them: each tells users something to go by, in their own terms."""

from __future__ import annotations

import ast
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from message_cases import KINDS, Case
from pydantic import ValidationError

from nnbench.claims.config import Config
from nnbench.errors import NnbenchError
from nnbench.schema import OTHER_NAMES, first_problem, meant, parse
from nnbench.settings import Settings

PACKAGE = Path(__file__).parent.parent / "nnbench"
GOLDEN = Path(__file__).parent / "golden" / "messages.md"
PARTS = ("what", "got", "allowed", "todo")
# words of the libraries inside
FOREIGN = re.compile(
    r"Input should|\b[Tt]uple\b|\bdict(ionary)?\b|[Pp]ydantic|\bNoneType\b|validation error|Field required"
    r"|Extra inputs|[Vv]alue error|at least \d+ items?\b|Traceback|<class '|\[Errno|<unicode string>|site-packages"
)
SAYS_WHAT = re.compile(
    r"should (be|have)|needs|write |choose |\buse\b"
)  # what is wrong says what is right


def raised() -> Iterator[tuple[str, ast.Call]]:
    """Every ``NnbenchError(…)`` of the package, with its file and line."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "NnbenchError":
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node


def handed_on() -> Iterator[tuple[str, ast.Call]]:
    """Every ``ValueError(…)`` of the package: a validator's words become those of an error."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "ValueError":
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node


def texts(node: ast.AST) -> str:
    """All that is literally written inside an expression."""
    parts = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return " ".join(part for part in parts if isinstance(part, str))


def test_no_error_speaks_of_the_libraries_inside() -> None:
    found = {place: texts(node) for place, node in (*raised(), *handed_on())}
    assert len(found) > 200
    assert {place: text for place, text in found.items() if FOREIGN.search(text)} == {}


def test_no_part_of_an_error_is_an_empty_text() -> None:
    empty = [
        place
        for place, node in raised()
        for part in (*node.args, *(keyword.value for keyword in node.keywords))
        if isinstance(part, ast.Constant) and not str(part.value).strip()
    ]
    assert empty == []


def test_every_error_names_its_parts() -> None:
    for place, node in raised():
        assert len(node.args) == 1, place
        assert {keyword.arg for keyword in node.keywords} <= set(PARTS), place


def test_every_error_says_what_to_do_or_what_to_write() -> None:
    silent = {
        place
        for place, node in raised()
        if not {"todo", "allowed"} & {keyword.arg for keyword in node.keywords}
        and not SAYS_WHAT.search(texts(node.args[0]))
    }
    assert silent == set()


CASES = {f"{kind}: {name}": case for kind, cases in KINDS.items() for name, case in cases.items()}


def message(case: Case, folder: Path) -> str:
    """The error that a wrong input ends in, ``…`` for the folder that it lies in."""
    with pytest.raises(NnbenchError) as caught:
        case(folder)
    return str(caught.value).replace(str(folder), "…")


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_input_ends_in_plain_words(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = message(CASES[name], tmp_path)
    assert not FOREIGN.search(said), said
    assert "\n  do: " in said or "\n  allowed: " in said or SAYS_WHAT.search(said), said
    lines = [line.partition(":")[0] for line in said.splitlines() if line.startswith("  ")]
    assert len(lines) == len(set(lines)), said


def test_all_messages_side_by_side_are_the_golden_ones(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a wanted change: UPDATE_GOLDEN=1 pytest tests/test_messages.py, then read the diff."""
    lines = ["# What nnbench says to wrong inputs", ""]
    for kind, cases in KINDS.items():
        lines += [f"## {kind}", ""]
        for name, case in cases.items():
            folder = tmp_path_factory.mktemp("case")
            monkeypatch.chdir(folder)
            lines += [f"**{name}**", "", "```", message(case, folder), "```", ""]
    shown = "\n".join(lines)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(shown, encoding="utf-8")
    assert shown == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "wrong",
    [
        {"documents": []},
        {"documents": "a.yaml"},
        {"documents": ["a.yaml"], "seeds": 0},
        {"documents": ["a.yaml"], "seeds": 10**6},
        {"documents": ["a.yaml"], "seeds": 1.5},
        {"documents": ["a.yaml"], "tier": "fast"},
        {"documents": ["a.yaml"], "instead": ["x"]},
        {"documents": ["a.yaml"], "download": "x"},
        {},
        {"documents": ["a.yaml"], "sedes": 5},
    ],
)
def test_what_the_checker_of_types_finds_is_said_in_plain_words(wrong: dict[str, object]) -> None:
    with pytest.raises(NnbenchError) as error:
        parse(Config, wrong, where="c.yaml")
    assert not FOREIGN.search(str(error.value)), str(error.value)
    with pytest.raises(ValidationError) as found:
        Config.model_validate_json(json.dumps(wrong))
    assert not FOREIGN.search(first_problem(found.value)), first_problem(found.value)


@pytest.mark.parametrize(
    ("other", "ours"),
    [
        ("learning_rate", "lr"), ("num_epochs", "train_for"), ("bs", "batch_size"), ("batch", "batch_size"),
        ("optim", "optimizer"), ("wd", "l2"), ("weight_decay", "l2"), ("nonlinearity", "activation"),
        ("units", "hidden"), ("hidden_size", "hidden"), ("Learning-Rate", "lr"), ("criterion", "loss"),
    ],
)  # fmt: skip
def test_names_of_other_tools_lead_to_ours(other: str, ours: str) -> None:
    with pytest.raises(NnbenchError, match=f"did you mean '{ours}'"):
        parse(Settings, {other: 1}, where="here")


def test_a_key_that_other_tools_have_is_meant_only_where_ours_stands() -> None:
    assert meant("seed", ["seeds", "lr"]) == "seeds"
    assert meant("seed", ["split_seed", "path"]) == "split_seed"
    assert meant("learning_rate", ["seeds"]) is None
    assert not set(OTHER_NAMES) & set(OTHER_NAMES.values()) - {"groups"}
