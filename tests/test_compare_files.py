"""``nnbench compare`` on files: its exit status, its JSON, and what is no report."""

from __future__ import annotations

import doctest
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_up_reports import (
    Json,
    all_levels,
    changed,
    found,
    levels_of,
    parsed,
    report,
    times,
    verdict,
)

import nnbench.audit.compare
from nnbench.audit.compare import compare
from nnbench.audit.text import compare_text
from nnbench.cli.main import main
from nnbench.errors import NnbenchError
from nnbench.records.results import read_results

ROOT = Path(__file__).parent.parent


@pytest.fixture
def files(tmp_path: Path) -> Callable[[Json], str]:
    def write(content: Json) -> str:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        return str(path)

    return write


def test_the_exit_status_is_that_of_diff(
    files: Callable[[Json], str], capsys: pytest.CaptureFixture[str]
) -> None:
    a = files(report())
    assert main(["compare", a, files(report())]) == 0
    assert main(["compare", a, files(changed(times("loss/rate", 1.2)))]) == 1
    assert main(["compare", a, files(changed(verdict("loss/rate", "partly")))]) == 1
    assert capsys.readouterr().err == ""
    assert main(["compare", a, "/nowhere.json"]) == 2
    assert "/nowhere.json: cannot be read" in capsys.readouterr().err


def test_programs_get_everything_as_json(
    files: Callable[[Json], str], capsys: pytest.CaptureFixture[str]
) -> None:
    a, b = report(), changed(times("loss/rate", 1.2))
    main(["compare", "--json", files(a), files(b)])
    assert json.loads(capsys.readouterr().out) == found(a, b)


def test_a_folder_stands_for_the_results_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    reports = ROOT / "reports"
    if not (reports / "results.json").exists():
        pytest.skip("no committed report")
    assert main(["compare", str(reports), str(reports / "results.json")]) == 0
    assert "Nothing changed beyond noise" in capsys.readouterr().out


BROKEN: dict[str, tuple[str, str]] = {
    "nothing": ("", "cannot be read"),
    "no JSON": ("{", "cannot be read"),
    "a list": ("[]", "schema version that this nnbench cannot show"),
    "nesting": ("[" * 100_000, "cannot be read"),
    "bytes": ("\udcff", "cannot be read"),
    "another schema": ('{"schema_version": 3}', r"(?s)schema version.*got: 3.*do: run"),
    "no claims": ('{"schema_version": 1}', "is missing"),
    "NaN": ('{"schema_version": 1, "claims": NaN}', "NaN is no JSON"),
}


@pytest.mark.parametrize(("content", "words"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_no_report_is_refused(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(NnbenchError, match=words) as error:
        compare(tmp_path, ROOT / "reports")
    assert str(path) in str(error.value)


@pytest.mark.parametrize("kind", ["claim", "result", "level"])
def test_what_stands_there_twice_is_refused(kind: str, files: Callable[[Json], str]) -> None:
    content = report()
    claims = content["claims"]
    whole = {
        "claim": claims,
        "result": claims[0]["results"],
        "level": levels_of(content, "loss/rate"),
    }
    whole[kind].append(whole[kind][0])
    with pytest.raises(NnbenchError, match=f"{kind} .* stands there twice"):
        compare(files(content), files(report()))


def test_a_number_that_cannot_be_computed_with_is_refused(files: Callable[[Json], str]) -> None:
    content = report()
    levels_of(content, "loss/rate")[0]["values"]["0"] = 1.7e308
    with pytest.raises(NnbenchError, match=r"values\.0"):
        compare(files(content), files(report()))


def test_an_error_in_every_level_is_shown_once(tmp_path: Path) -> None:
    content = report()
    for one in all_levels(content):
        del one["cells"]
    file = tmp_path / "results.json"
    file.write_text(json.dumps(content))
    with pytest.raises(NnbenchError, match="is missing") as error:
        compare(file, file)
    assert str(error.value).startswith(f"{file}: claims.0.results.0.levels.0.cells: ")
    assert len(str(error.value).splitlines()) == 2  # what is wrong, and what to do


def test_the_example_of_the_documentation_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/results.json").write_text(json.dumps(report()))
    done = doctest.testmod(nnbench.audit.compare)
    assert (done.failed, done.attempted) == (0, 2)


def test_results_in_memory_and_files_are_compared_alike(files: Callable[[Json], str]) -> None:
    file, other = files(report()), files(changed(times("loss/rate", 1.2)))
    results = read_results(Path(file))
    assert compare(results, Path(other)) == compare(file, other)
    assert compare(results, other).differs
    assert not compare(results, file).differs


@pytest.mark.parametrize("character", ["\x1b", "\x9b", "\n", "\u202e"])
def test_a_report_of_others_sends_no_control_character_to_the_terminal(
    character: str, files: Callable[[Json], str], capsys: pytest.CaptureFixture[str]
) -> None:
    def change(content: Json) -> None:
        levels_of(content, "loss/rate")[0]["level"] = f"high{character}[2Jlevel"

    main(["compare", files(report()), files(changed(change))])
    shown = capsys.readouterr().out
    assert "level high\N{REPLACEMENT CHARACTER}[2Jlevel in B only" in shown


def places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place inside plain data, the first of each list and of each mapping by seed."""
    inner = content.items() if isinstance(content, dict) else enumerate(content[:1])
    found_here = []
    for key, value in inner:
        found_here.append((*path, key))
        if isinstance(value, dict | list):
            found_here += places(value, (*path, key))
    return found_here


def test_whatever_is_retyped_or_lost_a_report_is_compared_or_refused(tmp_path: Path) -> None:
    """Every key of a report in turn, replaced by each kind of value or removed."""
    whole = report()
    whole["claims"] = whole["claims"][:2]
    text_, tried = json.dumps(whole), 0
    against, path = parsed(whole), tmp_path / "results.json"
    for place in places({key: whole[key] for key in ("claims", "provenance")}):
        for value in (None, -1, "x", [], {"x": -1}, "gone"):
            content = json.loads(text_)
            here = content
            for key in place[:-1]:
                here = here[key]
            here[place[-1]] = value
            if value == "gone":
                del here[place[-1]]
            tried += 1
            try:
                path.write_text(json.dumps(content), encoding="utf-8")
                outcome = compare(against, path)
            except NnbenchError as error:
                assert str(error)  # noqa: PT017 - any other error fails the test
            else:
                compare_text(outcome, names=("a", "b"))
                json.dumps(outcome.to_json(), allow_nan=False)
    assert tried > 1000
