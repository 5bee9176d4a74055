"""What an effect depends on: one exploratory look at the factors of its contexts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from nnbench.verdicts.moderators import Moderator, moderators, one_way_p, sentence
from nnbench.verdicts.pooling import Effect

MARGIN = 0.5
KINDS = dict(
    zip(("d0", "d1", "d2", "d3", "d4", "d5"), ("images", "signals", "tables") * 2, strict=True)
)
WIDTHS = ("16", "64", "256")
Factors = dict[str, dict[str, str]]


def study(
    effect: Callable[[str, str], float], *, spread: float = 0.1, seed: int = 0
) -> tuple[list[Effect], Factors]:
    """Six data sets of three kinds, three widths on each, and a factor that is mere chance."""
    rng = np.random.default_rng(seed)
    effects, factors = [], {}
    for dataset, kind in KINDS.items():
        for width in WIDTHS:
            name = f"{dataset} at {width}"
            difference = effect(kind, width) + rng.normal(0, spread)
            effects.append(
                Effect(
                    context=name,
                    dataset=dataset,
                    difference=difference,
                    standard_error=0.1,
                    blocks=5,
                )
            )
            factors[name] = {"kind": kind, "width": width, "coin": str(rng.integers(2))}
    return effects, factors


def looked(effects: list[Effect], factors: Mapping[str, Mapping[str, str]]) -> dict[str, Moderator]:
    return {m.factor: m for m in moderators(effects, factors, margin=MARGIN)}


def told(effects: list[Effect], factors: Factors) -> str:
    return sentence(moderators(effects, factors, margin=MARGIN))


def by_kind(kind: str, _width: str) -> float:
    return 1.0 if kind == "images" else -1.0


def by_width(_kind: str, width: str) -> float:
    return 1.0 if width == "16" else 0.0


def none(_kind: str, _width: str) -> float:
    return 0.2


def test_a_factor_that_divides_the_effects_gives_a_sentence() -> None:
    effects, factors = study(by_kind)
    found = moderators(effects, factors, margin=MARGIN)
    assert [(m.factor, m.stable) for m in found] == [
        ("kind", True),
        ("coin", False),
        ("width", False),
    ]
    assert sentence(found) == "By kind: as claimed for images; reversed for signals and tables."
    findings = {at.value: at.finding for at in found[0].values}
    assert findings == {"images": "as claimed", "signals": "reversed", "tables": "reversed"}
    assert found[0].values[0].pooled.contexts == 6


def test_a_factor_that_varies_within_data_sets_is_looked_at_context_by_context() -> None:
    effects, factors = study(by_width)
    found = looked(effects, factors)
    assert (found["width"].units, found["kind"].units) == ("contexts", "data sets")
    wanted = "By width: as claimed for 16; no practical difference for 256 and 64."
    assert told(effects, factors) == wanted


def test_contexts_of_one_data_set_are_no_replicates_of_what_only_data_sets_differ_in() -> None:
    """Two of the data sets happen to lie high: 18 contexts would prove it, six data sets do not."""
    high = {"d0": 1.0, "d1": -0.2, "d2": 0.4, "d3": 0.1, "d4": 0.0, "d5": -0.3}
    effects, factors = study(none)
    effects = [replace(e, difference=e.difference + high[e.dataset]) for e in effects]
    groups: dict[str, list[float]] = {}
    for e in effects:
        groups.setdefault(KINDS[e.dataset], []).append(e.difference)
    assert stats.f_oneway(*groups.values()).pvalue < 0.05
    assert looked(effects, factors)["kind"].p > 0.2


def test_effects_that_only_chance_divides_rarely_give_a_sentence() -> None:
    texts = [told(*study(none, spread=0.5, seed=seed)) for seed in range(60)]
    assert sum(bool(text) for text in texts) <= 60 * 0.05


def test_what_one_context_carries_gives_no_sentence() -> None:
    effects, factors = study(by_width)
    rest = [e for e in effects if not e.context.endswith("at 16")]
    few = [e for e in effects if e.context.endswith("at 16")][:2]  # one left out, one is left
    found = looked([*rest, *few], factors)
    assert found["width"].p_holm < 0.001
    assert not found["width"].stable
    assert told([*rest, *few], factors) == ""


def test_a_dependence_of_size_alone_gives_no_sentence() -> None:
    effects, factors = study(lambda kind, _width: 3.0 if kind == "images" else 1.0)
    assert looked(effects, factors)["kind"].stable
    assert told(effects, factors) == ""


def test_without_a_claimed_direction_no_value_is_reversed() -> None:
    effects, factors = study(by_kind)
    found = moderators(effects, factors, margin=MARGIN, directed=False)
    assert sentence(found) == (
        "By kind: the first is better for images; the second is better for signals and tables."
    )


def test_a_value_of_one_context_is_shown_and_not_compared() -> None:
    effects, factors = study(none)
    effects[0] = replace(effects[0], difference=50.0)
    factors[effects[0].context]["width"] = "1,024"
    width = looked(effects, factors)["width"]
    assert {at.value for at in width.values} == {*WIDTHS, "1,024"}
    assert width.p > 0.05


def test_p_values_are_corrected_over_the_factors() -> None:
    effects, factors = study(by_kind)
    alone = looked(effects, {c: {"kind": f["kind"]} for c, f in factors.items()})
    assert alone["kind"].p_holm == alone["kind"].p
    assert looked(effects, factors)["kind"].p_holm == pytest.approx(3 * alone["kind"].p)


def test_a_factor_that_another_one_repeats_is_named_with_it() -> None:
    effects, factors = study(by_kind)
    networks = {"images": "cnn", "signals": "lstm", "tables": "mlp"}
    for values in factors.values():
        values["network"] = networks[values["kind"]]
    found = looked(effects, factors)
    assert found["kind"].same_as == ("network",)
    assert told(effects, factors).startswith("By kind (network differs with it): as claimed for")


def test_factors_with_one_value_or_one_context_per_value_are_left_out() -> None:
    effects, factors = study(by_kind)
    for name, values in factors.items():
        values |= {"batch": "32", "name": name}
    assert {"batch", "name"}.isdisjoint(looked(effects, factors))
    assert moderators([], {}, margin=MARGIN) == ()
    assert sentence([]) == ""


def test_contexts_that_lack_a_factor_are_left_out_of_it() -> None:
    effects, factors = study(by_kind)
    lacking = {c: f for c, f in factors.items() if not c.startswith("d5")}
    found = looked(effects, lacking)["kind"]
    assert [(at.value, at.pooled.contexts) for at in found.values] == [
        ("images", 6), ("signals", 6), ("tables", 3),
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
def test_the_analysis_of_variance_is_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = [rng.normal(place, 1, size) for place, size in enumerate((3, 5, 4))]
    assert one_way_p(samples) == pytest.approx(stats.f_oneway(*samples).pvalue)


def test_values_without_spread_are_different_or_the_same() -> None:
    same, other = np.array([1.0, 1.0]), np.array([2.0, 2.0])
    assert one_way_p([same, other]) == 0.0
    assert one_way_p([same, same]) == 1.0
    assert one_way_p([0.1 + 0.2 * same, np.array([0.3, 0.3])]) == 1.0  # but for rounding
    assert np.isnan(one_way_p([same]))
    assert np.isnan(one_way_p([np.array([1.0]), np.array([2.0])]))
