"""No section of the page contradicts itself or another one; what looks like it says why it is none."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from agreements import disagreements
from made_up_general import results_in_contexts
from made_up_results import typed

from nnbench.records.results import Results
from nnbench.report.write import report_files

Json = dict[str, Any]


def made(change: Callable[[Json], None] = lambda _: None) -> tuple[Results, str]:
    """Results, and the page that shows them."""
    content = copy.deepcopy(results_in_contexts())
    cells = content["provenance"]["run"]["cells"]
    content["provenance"]["machines"] = [{**content["provenance"]["machines"][0], "cells": cells}]
    content["provenance"]["versions"] = [{**content["provenance"]["versions"][0], "cells": cells}]
    change(content)
    results = typed(Results, content)
    (files,) = (files for files in report_files(results) if "index.html" in files)
    return results, files["index.html"].decode()


def claim(content: Json, claim_id: str) -> Json:
    return next(one for one in content["claims"] if one["id"] == claim_id)


def test_the_page_says_the_same_everywhere() -> None:
    assert list(disagreements(*made())) == []


def test_a_loss_far_worse_than_an_untrained_ones_says_why_no_run_diverged() -> None:
    def explode(content: Json) -> None:
        level = claim(content, "loss/width")["results"][0]["levels"][0]
        level |= {"mean": 25403.0, "low": 20000.0, "high": 30000.0, "diverged": 0}
        level["seed_status"] = dict.fromkeys(level["seed_status"], "ok")

    results, page = made(explode)
    assert list(disagreements(results, page)) == []
    assert page.count("though no run diverged: ") >= 1
    without = page.replace("though no run diverged", "")
    assert any("no divergence" in problem for problem in disagreements(results, without))


def test_a_curve_far_from_its_table_says_how_each_is_a_mean() -> None:
    def far(content: Json) -> None:
        level = claim(content, "loss/activation")["results"][0]["levels"][0]
        level["curves"]["validation_loss"][-1] = 4000.0

    results, page = made(far)
    assert list(disagreements(results, page)) == []
    assert "The two are far apart for “sigmoid”." in page
    assert "far apart" not in made()[1]


def test_packages_and_threads_that_levels_name_stand_in_the_provenance() -> None:
    def framework(content: Json) -> None:
        level = claim(content, "loss/activation")["results"][0]["levels"][0]
        level["facts"] = {"versions": {"jax": "0.10.2"}, "threads": 2}

    results, page = made(framework)
    assert list(disagreements(results, page)) == []
    parts = page.partition('id="provenance"')
    without = parts[0] + parts[1] + parts[2].replace("jax 0.10.2", "")
    assert any("jax 0.10.2" in problem for problem in disagreements(results, without))


@pytest.mark.parametrize(
    ("shown", "instead", "problem"),
    [
        (">0.220 ± 0.004<", ">0.230 ± 0.004<", "the figure does not say"),
        ("2.303 ✕ diverged", "2.303", "values that say so"),
        ('<span class="note">', '<span class="x">', "which decides"),
        ("<dt>Here</dt><dd><", "<dt>There</dt><dd><", "the answer does not say"),
    ],
)
def test_a_page_that_says_something_else_somewhere_is_found_out(
    shown: str, instead: str, problem: str
) -> None:
    results, page = made()
    assert shown in page
    assert any(
        problem in found for found in disagreements(results, page.replace(shown, instead, 1))
    )
