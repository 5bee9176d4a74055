"""What the errors say, read from the code: each tells users something to go by, in their own terms."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from nnbench.claims.config import Config
from nnbench.errors import NnbenchError
from nnbench.schema import first_problem, parse

PACKAGE = Path(__file__).parent.parent / "nnbench"
PARTS = ("what", "got", "allowed", "todo")
FOREIGN = re.compile(
    r"Input should|\b[Tt]uple\b|\bdict(ionary)?\b|[Pp]ydantic|\bNoneType\b|validation error|Field required"
)


def errors() -> Iterator[tuple[str, ast.Call]]:
    """Every ``NnbenchError(…)`` of the package, with its file and line."""
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "NnbenchError":
                yield f"{path.relative_to(PACKAGE)}:{node.lineno}", node


def texts(node: ast.AST) -> str:
    """All that is literally written inside an expression."""
    parts = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    return " ".join(part for part in parts if isinstance(part, str))


def test_no_error_speaks_of_the_libraries_inside() -> None:
    found = {place: texts(node) for place, node in errors()}
    assert len(found) > 100
    assert {place: text for place, text in found.items() if FOREIGN.search(text)} == {}


def test_no_part_of_an_error_is_an_empty_text() -> None:
    empty = [
        place
        for place, node in errors()
        for part in (*node.args, *(keyword.value for keyword in node.keywords))
        if isinstance(part, ast.Constant) and not str(part.value).strip()
    ]
    assert empty == []


def test_every_error_names_its_parts() -> None:
    for place, node in errors():
        assert len(node.args) == 1, place
        assert {keyword.arg for keyword in node.keywords} <= set(PARTS), place


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
