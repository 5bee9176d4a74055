"""The first screen: whose claims, what was found, what surprises, why to believe it, how to run it."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
from made_up_general import results_in_contexts
from made_up_results import Page, made_up_results, typed, write

from nnbench.records.results import Results
from nnbench.records.said import ChangeResult
from nnbench.report import appendix, belief, head
from nnbench.report.anchors import anchors_of


@pytest.fixture(scope="module")
def results() -> Results:
    return typed(Results, results_in_contexts())


def test_a_document_is_named_with_kind_date_and_claims(results: Results) -> None:
    first = head.sources(results)[0]
    assert (first.title, first.kind) == (
        "Neural Net Loss",
        "web article, 16 December 2024",
    )
    assert first.counts.endswith("measured")


def test_counts_of_a_selection_count_the_selection(results: Results) -> None:
    change = {"version": 2, "date": "2026-11-29", "what": "w", "why": "y", "before": "b"}
    claims = [
        claim.model_copy(
            update={"changes": (ChangeResult.model_validate(change),), "seeds_times": 3}
        )
        for claim in results.claims
        if not claim.control
    ]
    left = claims[2].model_copy(update={"status": "not run", "results": ()})
    some = results.model_copy(update={"claims": (*claims[:2], left)})
    assert head.title(some, "here") == "3 claims here, 2 of them measured"
    assert (
        head.title(results.model_copy(update={"claims": claims[:1]}), "here")
        == "1 claim here, measured"
    )
    assert len(appendix.changes_table(some.claims, anchors_of(some)).rows) == 2
    told = {name: str(value) for name, value in belief.belief(some)}
    assert told["More seeds than the others"].startswith("2 claims")
    assert "of 2 claims" in told["Changed after a result was seen"]


def test_a_document_of_which_nothing_is_known_is_named_by_its_title_alone() -> None:
    assert head.sources(typed(Results, made_up_results()))[0].kind == ""


def test_what_was_found_keeps_numbers_from_words_and_general_from_here(results: Results) -> None:
    content = copy.deepcopy(results_in_contexts())
    for claim in content["claims"]:
        values = {lv["level"]: lv["claimed"] for r in claim["results"][:1] for lv in r["levels"]}
        claim["claimed"] = {name: value for name, value in values.items() if value is not None}
    (numbers, first), (words, second) = head.sentences(typed(Results, content))
    assert numbers.endswith("claims with numbers")
    assert words.endswith("in words")
    assert first.index("Here") < first.index("in contexts") < first.index("Direction and size")
    assert "Direction" not in second


def test_without_contexts_nothing_is_said_in_general() -> None:
    assert all(
        "contexts" not in text for _, text in head.sentences(typed(Results, made_up_results()))
    )


def test_the_furthest_against_its_document_comes_first_and_nothing_as_claimed_is_among_them(
    results: Results,
) -> None:
    found = [surprise.claim for surprise in head.surprises(results)]
    assert found[0].id == "loss/width"
    assert 1 <= len(found) <= 3
    for claim in found:
        against = claim.general is not None and claim.general.word == "absent or reversed"
        assert claim.verdict == "contradicted" or against


def test_a_report_without_contradictions_has_no_surprises(tmp_path) -> None:
    content = copy.deepcopy(made_up_results())
    content["claims"] = [c for c in content["claims"] if c["verdict"] == "reproduced"]
    assert head.surprises(typed(Results, content)) == []
    write(content, tmp_path)
    text = Page((tmp_path / "index.html").read_text(encoding="utf-8")).text
    assert "What surprises most" not in text


def test_runs_that_several_claims_share_count_once() -> None:
    content = copy.deepcopy(made_up_results())
    once = dict(belief.belief(typed(Results, content)))["Runs"]
    twin = copy.deepcopy(content["claims"][0]) | {"id": "loss/twin", "name": "twin"}
    content["claims"].append(twin)
    assert dict(belief.belief(typed(Results, content)))["Runs"] == once
    assert "of them diverged" in once
    assert "of them lost" in once


def test_the_commands_are_those_of_the_readme() -> None:
    readme = Path(__file__).parent.parent / "README.md"
    assert head.QUICK in readme.read_text(encoding="utf-8")


def test_the_lead_and_what_it_leaves_over_make_all_claims(results: Results) -> None:
    claims = [claim for claim in results.claims if not claim.control]
    judged = sum(claim.verdict not in (None, "not testable here") for claim in claims)
    assert judged < sum(claim.verdict is not None for claim in claims)
    assert head.lead(results).startswith(f"{judged} of {len(claims)} claims are judged: ")
    counts = map(
        int, re.findall(r"(\d+) (?:is|are) (?:measured|quoted|not run)", head.left_over(results))
    )
    assert judged + sum(counts) == len(claims)


def test_a_flagged_result_or_one_of_a_busy_machine_surprises_nobody(results: Results) -> None:
    content = results.model_dump(mode="json")
    before = head.surprises(results)[0].claim.id
    claim = next(c for c in content["claims"] if c["id"] == before)
    for finding in claim["results"]:
        finding["notes"] = ["Other programs used 21% of the time of the 2 CPU cores."]
    assert before not in [found.claim.id for found in head.surprises(typed(Results, content))]


def test_what_was_changed_after_a_result_is_counted_and_leads_to_the_list() -> None:
    content = copy.deepcopy(made_up_results())
    change = {
        "version": 2, "date": "2026-01-01", "what": "Longer.", "why": "It bound.", "before": "partly",
    }  # fmt: skip
    content["claims"][0] |= {"changes": [change], "version": 2, "seeds_times": 3}
    told = dict(belief.belief(typed(Results, content)))
    changed = told["Changed after a result was seen"]
    said = (
        "the specification of 1 claim, of which 1 got another verdict: what, why, and both verdicts"
    )
    assert (changed.text, changed.target) == (said, "changed")
    same = {**change, "version": 3, "before": "contradicted. No."}
    content["claims"][0]["changes"] = [same, change]
    made = typed(Results, content)
    table = appendix.changes_table(made.claims, anchors_of(made))
    assert [[cell.word for cell in row[1:3]] for row in table.rows] == [
        ["partly", "contradicted"], ["contradicted", "contradicted"],
    ]  # fmt: skip
    content["claims"][0]["changes"] = [change, {**same, "before": "partly. In part."}]
    made = typed(Results, content)
    table = appendix.changes_table(made.claims, anchors_of(made))
    after = [[cell.word for cell in row[1:3]] for row in table.rows]
    assert after == [["partly", "contradicted"], ["partly", "partly"]], "each version's own verdict"
    assert (
        told["More seeds than the others"]
        == "1 claim, mostly because a result was near a threshold"
    )


def test_what_contexts_show_surprises_before_what_one_setting_shows() -> None:
    made = typed(Results, results_in_contexts())
    found = head.surprises(made)
    assert [item.claim.id for item in found if item.finding is None] == ["loss/width"]
    assert found[0].claim.id == "loss/width"
    assert len(found) > 1
    assert all(item.how == "" or item.how.endswith(".") for item in found)
