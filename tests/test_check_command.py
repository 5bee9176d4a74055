"""``nnbench check`` prints what own data tell about themselves; real tables show what it finds."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from own_cases import csv_data, described

from nnbench.cli.main import main
from nnbench.datasets.own.look import notes_of
from nnbench.errors import NnbenchError

REAL = {"name": "t", "title": "t", "source": "s", "licence": "l", "format": "csv"}


def test_the_command_prints_facts_and_notes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [f"{n},{n * n % 17},{'ab'[n // 20]}" for n in range(40)]
    path = csv_data(tmp_path, "\n".join(["id,x,kind", *rows]) + "\n")
    assert main(["check", str(path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        str(path),
        "samples  40",
        "split    22 train, 6 validation, 12 test",
        "inputs   2: id, x",
        "classes  2, by label:",
        "  0      a, 20 samples (50.0%)",
        "  1      b, 20 samples (50.0%)",
        "order    the samples are sorted by class: a number that counts them tells the class",
        "note: column 'id' counts the rows: it is no feature, unless the order of the rows is what is measured",
        "picture: results/check/mine.svg",
    ]
    assert "<svg" in (tmp_path / "results/check/mine.svg").read_text()


def test_data_that_cannot_be_used_end_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = csv_data(tmp_path, "a;b\n1;2\n")
    assert main(["check", str(path)]) == 2
    assert "seem to be separated by" in capsys.readouterr().err


def real(folder: Path, package: str, inner: str, **keys: Any) -> tuple[str, ...]:
    """The notes of a table that an installed package has, or what refuses it."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        pytest.skip(f"no {package}")
    table = Path(spec.origin).parent / inner
    if not table.is_file():
        pytest.skip(f"no {table}")
    try:
        return notes_of(described(folder, REAL, path=str(table), **keys))
    except NnbenchError as error:
        return (str(error),)


@pytest.mark.parametrize(
    ("inner", "keys", "words"),
    [
        ("longley/longley.csv", {"target": "TOTEMP"}, "column 'Obs' counts the rows"),
        ("nile/nile.csv", {"target": "volume"}, "column 'year' counts the rows"),
        ("fair/fair_pt.csv", {"target": "nmarried"}, "column 'constant' is constant"),
        ("modechoice/modechoice.csv", {"target": "choice"}, 'separated by ";"'),
        ("anes96/anes96.csv", {"target": "vote"}, r'separated by "\t"'),
        ("co2/co2.csv", {"target": "co2"}, "are empty, missing or no usable number"),
        ("grunfeld/grunfeld.csv", {"target": "year"}, "'General Motors'"),
    ],
)
def test_real_tables_give_no_number_of_a_row_or_text_away_as_knowledge(
    inner: str, keys: dict[str, Any], words: str, tmp_path: Path
) -> None:
    notes = real(tmp_path, "statsmodels", f"datasets/{inner}", task="regression", **keys)
    assert [note for note in notes if words in note]


@pytest.mark.parametrize(
    ("name", "target"), [("breast_cancer.csv", "benign"), ("iris.csv", "virginica")]
)
def test_real_tables_without_names_are_refused(name: str, target: str, tmp_path: Path) -> None:
    (message,) = real(tmp_path, "sklearn", f"datasets/data/{name}", target=target)
    assert "has no header: its first line holds numbers" in message
