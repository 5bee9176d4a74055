"""What should I do? Advice is drawn by rule from contexts, with its condition, and only where a claim carries it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from all_sentences import general_pair
from made_up_results import Page, made_up_results, typed, write

from nnbench.claims.claim import Claim
from nnbench.errors import NnbenchError
from nnbench.records.results import Results
from nnbench.report.advice import Advice, advice, first
from nnbench.report.anchors import anchors_of
from nnbench.schema import parse

ON = {"when": "on images", "about": "activation", "levels": {"0.1": "a rate of 0.1"}}
REVERSED = {"word": "absent or reversed", "difference": -0.2, "low": -0.3, "high": -0.1}
EQUAL = {"word": "absent or reversed", "difference": 0.0, "low": -0.01, "high": 0.01}


def pair(**fields: Any) -> dict[str, Any]:
    return general_pair().model_dump() | {"datasets": 8} | fields


def general(*pairs: dict[str, Any], word: str = "depends") -> dict[str, Any]:
    return {
        "word": word, "sentence": "In general.", "planned": 12, "measured": 12, "datasets": 8, "seeds": 5,
        "found": None, "pairs": list(pairs),
    }  # fmt: skip


def results(*found: dict[str, Any] | None, **more: Any) -> Results:
    """The first made-up claims, these in general, with advice."""
    content = made_up_results()
    claims = [
        claim | {"general": own, "advice": ON} | more
        for claim, own in zip(content["claims"], found, strict=False)
    ]
    return typed(Results, content | {"claims": claims})


def advised(*found: dict[str, Any] | None, **more: Any) -> tuple[Advice, ...]:
    made = results(*found, **more)
    return advice(made.claims, anchors_of(made))


@pytest.mark.parametrize(
    ("fields", "group", "action"),
    [
        ({"word": "general"}, "take", "ReLU rather than a rate of 0.1, on images."),
        ({"word": "usual"}, "take", "ReLU rather than a rate of 0.1, on images."),
        (REVERSED, "against", "ReLU rather than a rate of 0.1, on images."),
        (EQUAL, "equal", "ReLU or a rate of 0.1, on images."),
        ({"word": "depends"}, "open", "ReLU or a rate of 0.1, on images."),
        ({"word": "unknown"}, "open", "ReLU or a rate of 0.1, on images."),
    ],
)
def test_advice_follows_from_what_the_contexts_show_and_names_its_condition(
    fields: dict[str, Any], group: str, action: str
) -> None:
    (found,) = advised(general(pair(**fields)))
    assert (found.group, found.action, found.about) == (group, action, "Activation")
    assert found.chip.target == "loss-activation-in-general"


def test_nothing_is_advised_against_a_document_where_loss_and_accuracy_disagree() -> None:
    flag = {"name": "loss and accuracy disagree", "where": ["ReLU and 0.1"], "text": "."}
    content = made_up_results()["claims"][0]
    flagged = [one | {"flags": [flag]} for one in content["results"]]
    assert [one.group for one in advised(general(pair(**REVERSED)))] == ["against"]
    assert [one.group for one in advised(general(pair(**REVERSED)), results=flagged)] == ["open"]


def test_an_effect_is_one_number_and_the_contexts_that_agree() -> None:
    (found,) = advised(general(pair(word="usual", difference=0.5, low=0.4, high=0.6)))
    assert found.effect.startswith("With a rate of 0.1, test loss is 65 % larger on average")
    assert found.effect.endswith("10 of 12 contexts; expect −16.5 to +52.2 % in a new context.")


def test_levels_that_are_equal_say_within_which_margin() -> None:
    (found,) = advised(general(pair(**EQUAL, margin=math.log(1.05))))
    assert "differs by less than 5 % on average" in found.effect


def test_no_level_is_advised_that_another_one_beats() -> None:
    better = pair(a="tanh", b="ReLU", word="usual", difference=0.1, low=0.08, high=0.12)
    (found,) = advised(general(pair(word="usual"), better))
    assert found.action.startswith("Tanh rather than ReLU")


@pytest.mark.parametrize(
    ("datasets", "said"), [(1, "One data set is too few to tell."), (0, ""), (3, "")]
)
def test_it_is_told_how_many_data_sets_are_too_few(datasets: int, said: str) -> None:
    found = general(
        pair(word="unknown", datasets=datasets, pointing=6, contexts=12), word="unknown"
    )
    assert [one.effect for one in advised(found)] == [said]


def test_two_data_sets_give_no_advice_but_say_that_they_are_too_few() -> None:
    fields = {"word": "unknown", "datasets": 2, "pointing": 12, "contexts": 12}
    (found,) = advised(general(pair(**fields), word="unknown"))
    assert found.group == "open"
    assert "in 12 of 12 contexts. Two data sets are too few to tell." in found.effect


def test_a_claim_without_a_condition_or_a_control_advises_nobody() -> None:
    assert advised(None) == ()
    assert advised(general(pair(word="general")), advice=None) == ()
    assert advised(general(pair(word="general")), control=True) == ()


def test_the_first_screen_takes_what_most_contexts_agree_on() -> None:
    few = general(pair(word="usual", pointing=9, contexts=12, difference=2.0, low=1.9, high=2.1))
    most = general(pair(word="usual", pointing=12, contexts=12, a="tanh"))
    (word, shown), *_ = first(advised(few, most))
    assert (word, shown.action[:4]) == ("Take", "Tanh")


def test_page_and_markdown_say_it_on_the_first_screen_and_all_of_it_below(tmp_path: Path) -> None:
    write(results(general(pair(word="usual"))).model_dump(mode="json"), tmp_path)
    text = Page((tmp_path / "index.html").read_text(encoding="utf-8")).text
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    for shown in (text, readme):
        lead, practice = (
            shown.index("ReLU rather than a rate of 0.1"),
            shown.rindex("What should I do?"),
        )
        assert lead < practice < shown.rindex("ReLU rather than a rate of 0.1")


CLAIM: dict[str, Any] = {
    "title": "t", "quote": "q", "kind": "best", "better": ["a"], "than": ["b"],
    "levels": {"a": {}, "b": {"lr": 0.1}}, "datasets": {"digits": {}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"advice": {"when": "here"}}, "advice is drawn from contexts"),
        ({"advice": {"when": "here", "levels": {"c": "C"}}, "contexts": {}}, "no level; allowed: a, b"),
        ({"advice": {"about": "x"}, "contexts": {}}, "advice.when"),
    ],
)  # fmt: skip
def test_advice_has_contexts_a_condition_and_levels_that_there_are(
    more: dict[str, Any], problem: str
) -> None:
    with pytest.raises(NnbenchError, match=problem):
        parse(Claim, CLAIM | more, where="c")
