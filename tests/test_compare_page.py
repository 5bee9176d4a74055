"""``nnbench compare A B --html FILE``: what changed, as one offline page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from made_up_reports import Json, changed, compared, report, times
from made_up_results import Page

from nnbench.audit.page import changes_figure, page
from nnbench.cli.main import main


def shown(a: Json, b: Json) -> str:
    return page(compared(a, b), names=("a.json", "<b>.json"))


def test_the_page_says_what_moved_and_is_the_same_each_time() -> None:
    sides = report(), changed(times("loss/rate", 1.2, name="high"))
    text = Page(shown(*sides)).text
    assert "1 level moved beyond noise" in text
    assert "Levels that moved beyond the noise of seeds" in text
    assert "loss/rate" in text
    assert "<b>.json" in text, "names are text and no markup"
    assert shown(*sides) == shown(*sides)


def test_the_page_needs_nothing_from_elsewhere() -> None:
    html = shown(report(), report())
    assert "Nothing changed beyond noise" in html
    assert not re.search(r"(src|href)=\"(?!#|data:)", html)


def test_each_level_is_a_dot_by_what_its_change_amounts_to() -> None:
    found = compared(report(), changed(times("loss/rate", 1.2, name="high")))
    figure = changes_figure(found.levels)
    assert figure is not None
    dots = re.findall(r"<circle[^>]*><title>([^<]*)</title>", figure.body)
    assert len(dots) == sum(level.mean_a is not None for level in found.levels)
    assert sum("+20" in words for words in dots) == 1
    assert changes_figure([]) is None


def test_the_command_writes_the_page_beside_its_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    side = tmp_path / "results.json"
    side.write_text(json.dumps(report()), encoding="utf-8")
    file = tmp_path / "new" / "changes.html"
    assert main(["compare", str(side), str(side), "--html", str(file)]) == 0
    assert "Nothing changed" in capsys.readouterr().out
    assert file.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert main(["compare", str(side), str(side), "--html", str(tmp_path)]) == 2
    assert "cannot be written" in capsys.readouterr().err
