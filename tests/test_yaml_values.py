"""Values that YAML 1.1 takes for something else than they look like are errors that say what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnbench.claims.config import parse_config, read_config
from nnbench.claims.selection import changes_of
from nnbench.datasets.own.description import read_description
from nnbench.errors import NnbenchError
from nnbench.yamlfile import parse_yaml, read_yaml

MISREAD = "YAML does not read this number as it is written"
CLAIMS = """\
document: numbers
title: Numbers as people write them
file: text.md
claims:
  c:
    title: x
    quote: "q"
    kind: order
    metric: seconds
    datasets: {wine: {}}
    settings: {train_for: 5 epochs}
    levels:
      thousand: {hidden: THOUSAND}
      leading zero: {hidden: [ZERO]}
      train size: {train_size: 60}
    claimed: {thousand: CLAIMED, leading zero: 165, train size: 600}
"""


def claims(
    folder: Path, *, thousand: str = "[1024]", zero: str = "10", claimed: str = "90"
) -> Path:
    text = CLAIMS.replace("THOUSAND", thousand).replace("ZERO", zero).replace("CLAIMED", claimed)
    (folder / "claims.yaml").write_text(text)
    return folder / "claims.yaml"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"thousand": "[1,024]"},
            (
                "line 13: a comma parts two numbers, and no thousands\n  got: 1,024\n"
                "  do: write 1024 for one number, or 1, 24 for two"
            ),
        ),
        (
            {"zero": "010"},
            f"line 14: {MISREAD}\n  got: 010\n  do: write 10; or, if it is a text, put it in quotes",
        ),
        (
            {"claimed": "1:30"},
            (
                f"line 16: {MISREAD}\n  got: 1:30\n  do: write one number, such as 90 for 1:30; or, "
                "if it is a text, put it in quotes"
            ),
        ),
    ],
)
def test_a_claims_file_with_such_a_number_is_refused_by_its_line(
    tmp_path: Path, change: dict[str, str], message: str
) -> None:
    path = claims(tmp_path, **change)
    with pytest.raises(NnbenchError) as error:
        read_yaml(path)
    assert str(error.value) == f"{path}: {message}"


def test_the_same_numbers_as_they_should_be_written_are_read(tmp_path: Path) -> None:
    found = read_yaml(claims(tmp_path))["claims"]["c"]
    assert found["levels"]["thousand"] == {"hidden": [1024]}
    assert found["claimed"]["thousand"] == 90


@pytest.mark.parametrize(
    ("text", "write"),
    [
        ("060", "write 60;"),
        ("-010", "write -10;"),
        ("00", "write 0;"),
        ("007.5", "write 7.5;"),
        ("1_000", "write 1000;"),
        ("1_0.5", "write 10.5;"),
        ("0x10", "write 16;"),
        ("-0b11", "write -3;"),
        ("10:00", "such as 90 for 1:30"),
        ("1:30.5", "such as 90 for 1:30"),
        ("[10,000]", "write 10000 for one number, or 10, 0 for two"),
        ("[1,100]", "write 1100 for one number, or 1, 100 for two"),
        ("[3, 1,024,000]", "write 1024 for one number"),
        ("yes", "write true or false; or, if the word itself is meant, in quotes: 'yes'"),
        ("Off", "in quotes: 'Off'"),
        ("[relu, no]", "in quotes: 'no'"),
        ("2024-01-31", "in quotes: '2024-01-31'"),
    ],
)
def test_what_yaml_reads_otherwise_is_refused_with_what_to_write(text: str, write: str) -> None:
    for place in (text, f"a: {text}", f"[{{b: {text}}}]"):
        with pytest.raises(NnbenchError) as error:
            parse_yaml(place, where="it")
        assert str(error.value).startswith("it: line 1: ")
        assert write in str(error.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-0", 0),
        ("0.50", 0.5),
        ("+5", 5),
        ("5.", 5.0),
        (".5", 0.5),
        ("1e-3", 0.001),
        ("[64,128]", [64, 128]),
        ("[1, 100]", [1, 100]),
        ("[1,24]", [1, 24]),
        ("TRUE", True),
        ("'010'", "010"),
        ("'no'", "no"),
        ("{no: 1, 010: 2, 1:30: 3}", {"no": 1, "010": 2, "1:30": 3}),
    ],
)
def test_what_is_plain_is_read_as_it_stands(text: str, value: object) -> None:
    assert parse_yaml(text, where="it") == value


def test_changes_on_the_command_line_and_config_files_are_read_the_same_way(tmp_path: Path) -> None:
    with pytest.raises(
        NnbenchError, match=r"--config seeds: line 1: YAML does not(.|\n)*write 10;"
    ):
        changes_of(["seeds=010"])
    (tmp_path / "c.yaml").write_text("documents: [a.yaml]\ndownload: yes\n")
    with pytest.raises(NnbenchError, match=r"c\.yaml: line 2: YAML reads this word as true or fal"):
        read_config(str(tmp_path / "c.yaml"))


def test_a_file_of_own_data_is_read_the_same_way(tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text("format: table\nname: d\nclasses: [yes, no]\n")
    with pytest.raises(NnbenchError, match=r"d\.yaml: line 3: YAML reads this word as true or fal"):
        read_description(tmp_path / "d.yaml")


@pytest.mark.parametrize("text", ["1,024", "1 000", "0,5", "08"])
def test_a_text_that_should_be_a_number_is_refused_with_how_to_write_one(text: str) -> None:
    with pytest.raises(NnbenchError, match=r"with digits and a point alone: 1024, 0\.5, 1e-3"):
        parse_config({"documents": ["a.yaml"], "seeds": parse_yaml(text, where="it")})
