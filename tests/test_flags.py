"""A flagged result is no more than "depends" in general, and says so."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from nnbench.metrics import METRICS
from nnbench.records.general import GeneralResult, Word
from nnbench.records.results import Flag
from nnbench.verdicts.flags import _budget_binds, _interval, _small, _unsteady, capped

FLAG = Flag(name="not converged", where=("a",), text="")


LEADS = {
    "general": "It holds in general", "usual": "It usually holds", "absent or reversed": "On average it does not hold",
}  # fmt: skip


def general(word: Word) -> GeneralResult:
    return GeneralResult(
        word=word, sentence=f"{LEADS.get(word, '')} (8 contexts): so it is.", planned=8, measured=8, datasets=4, seeds=5, found=None, pairs=()
    )  # fmt: skip


@pytest.mark.parametrize("word", ["general", "usual", "absent or reversed"])
def test_a_flagged_result_is_no_more_than_depends_and_says_so(word: Word) -> None:
    found = capped(general(word), [FLAG])
    assert found is not None
    assert found.word == "depends"
    would = {"general": "hold in general", "usual": "usually hold"}.get(word, "not hold on average")
    assert found.sentence.startswith("It depends: the result here is flagged (not converged).")
    assert f"By its contexts alone it would {would} (" in found.sentence


def test_without_a_flag_or_with_a_weaker_word_nothing_changes() -> None:
    for result, flags in ((general("general"), []), (general("unknown"), [FLAG])):
        assert capped(result, flags) == result


def test_that_a_difference_is_small_here_is_nothing_against_its_being_absent() -> None:
    small = Flag(name="below the margin", where=("a",), text="")
    absent, usual = general("absent or reversed"), general("usual")
    assert capped(absent, [small]) == absent
    assert capped(usual, [small]) != usual


@pytest.mark.parametrize(
    ("metric", "times", "flagged"),
    [
        ("seconds", [0.34, 0.35, 0.60], ["reference"]),
        ("seconds", [0.34, 0.35, 0.36], []),
        ("images_per_second", [100.0, 60.0, math.nan], ["reference"]),
        ("test_loss", [0.2, 0.5, 0.9], []),
    ],
)
def test_runs_that_do_the_same_and_take_unlike_times_are_flagged(
    metric: str, times: list[float], flagged: list[str]
) -> None:
    """Half the speed for two of ten blocks: the host had something else to do."""
    level = SimpleNamespace(
        use=SimpleNamespace(level="reference"), runs=pd.DataFrame({metric: times})
    )
    assert _unsteady([level], METRICS[metric]) == flagged


def test_a_difference_is_positive_where_the_better_level_is_by_loss_and_by_accuracy() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.001, 10)
    good = pd.DataFrame({"test_loss": 0.2 + noise, "test_accuracy": 0.9 + noise})
    bad = pd.DataFrame({"test_loss": np.full(10, 0.4), "test_accuracy": np.full(10, 0.8)})
    for name, size in (("test_loss", np.log(2)), ("test_accuracy", 0.1)):
        low, high = _interval(good, bad, METRICS[name])
        assert low < size < high or abs(low - size) < 0.01
        assert low > 0


@pytest.mark.parametrize(
    ("settings", "binds"),
    [({}, True), ({"missing": {"share": 0.5}}, False), ({"label_noise": 0.2}, False)],
)
def test_losses_that_are_equal_by_chance_say_nothing_of_the_length(
    settings: dict[str, object], binds: bool
) -> None:
    """Training samples with gaps or wrong labels are no draw of what the test samples are."""
    losses = pd.DataFrame({"test_loss": [0.30, 0.31], "train_loss": [0.30, 0.30]})
    use = SimpleNamespace(at=None, cells=("x",), seeds=2)
    record = SimpleNamespace(untrained={"test_loss": 2.3}, settings_used=settings)
    records = SimpleNamespace(joined=lambda *_, **__: record)
    assert _budget_binds(SimpleNamespace(use=use, runs=losses), records) is binds


def test_only_what_stands_after_correction_is_flagged_as_small() -> None:
    pairs = [SimpleNamespace(small=True, status=status) for status in ("UP", "up", "REV")]
    assert _small(pairs) == pairs[:1]
