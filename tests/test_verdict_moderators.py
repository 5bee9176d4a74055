"""What an effect depends on: one exploratory look at the factors of its contexts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from scipy import stats

from nnbench.verdicts.moderators import Moderator, moderators, one_way_p, sentence
from nnbench.verdicts.pooling import Effect

MARGIN = 0.5
KINDS = {"d0": "images", "d1": "images", "d2": "signals", "d3": "signals", "d4": "tables", "d5": "tables"}
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
            effects.append(
                Effect(
                    context=name, dataset=dataset, difference=effect(kind, width) + rng.normal(0, spread),
                    standard_error=0.1, blocks=5,
                )
            )  # fmt: skip
            factors[name] = {"kind": kind, "width": width, "coin": str(rng.integers(2))}
    return effects, factors


def looked(effects: list[Effect], factors: Mapping[str, Mapping[str, str]]) -> dict[str, Moderator]:
    return {m.factor: m for m in moderators(effects, factors, margin=MARGIN)}


def by_kind(kind: str, _width: str) -> float:
    return 1.0 if kind == "images" else -1.0


def test_a_factor_that_divides_the_effects_gives_a_sentence() -> None:
    effects, factors = study(by_kind)
    found = moderators(effects, factors, margin=MARGIN)
    assert found[0].factor == "kind"
    assert sentence(found) == "By kind: as claimed for images; reversed for signals and tables."
    assert [(at.value, at.finding) for at in found[0].values] == [
        ("images", "as claimed"), ("signals", "reversed"), ("tables", "reversed"),
    ]  # fmt: skip
    assert found[0].values[0].pooled.contexts == 6
    assert all(not m.stable for m in found[1:])


def test_a_factor_that_varies_within_data_sets_is_looked_at_context_by_context() -> None:
    effects, factors = study(lambda _kind, width: 1.0 if width == "16" else 0.0)
    found = looked(effects, factors)
    assert (found["width"].units, found["kind"].units) == ("contexts", "data sets")
    wanted = "By width: no practical difference for 256 and 64; as claimed for 16."
    assert sorted(sentence(list(found.values()))) == sorted(wanted)  # the values by name


def test_contexts_of_one_data_set_are_no_replicates_of_what_only_data_sets_differ_in() -> None:
    """Three data sets happen to lie high: 18 contexts would prove it, six data sets do not."""
    lies = {"d0": 0.9, "d1": 0.1, "d2": 0.5, "d3": -0.4, "d4": 0.2, "d5": -0.3}
    effects, factors = study(lambda *_: 0.0)
    effects = [
        Effect(context=e.context, dataset=e.dataset, difference=e.difference + lies[e.dataset], standard_error=0.1, blocks=5)
        for e in effects
    ]  # fmt: skip
    groups = [[e.difference for e in effects if KINDS[e.dataset] == k] for k in dict.fromkeys(KINDS.values())]
    assert stats.f_oneway(*groups).pvalue < 0.01
    assert looked(effects, factors)["kind"].p > 0.2


def test_effects_that_only_chance_divides_give_no_sentence() -> None:
    told = [sentence(moderators(*study(lambda *_: 0.2, spread=0.5, seed=s), margin=MARGIN)) for s in range(40)]
    assert sum(bool(text) for text in told) <= 2  # 5 %


def test_what_one_context_carries_gives_no_sentence() -> None:
    effects, factors = study(lambda _kind, width: 1.0 if width == "16" else 0.0)
    kept = [e for e in effects if not e.context.endswith("at 16")]
    few = [e for e in effects if e.context.endswith("at 16")][:2]  # one left out, one is left
    found = looked([*kept, *few], factors)
    assert found["width"].p_holm < 0.001
    assert not found["width"].stable
    assert sentence(list(found.values())) == ""


def test_a_dependence_of_size_alone_gives_no_sentence() -> None:
    """As claimed for every value: the word for that is general."""
    effects, factors = study(lambda kind, _width: 3.0 if kind == "images" else 1.0)
    found = looked(effects, factors)
    assert found["kind"].stable
    assert sentence(list(found.values())) == ""


def test_p_values_are_corrected_over_the_factors() -> None:
    effects, factors = study(by_kind)
    alone = looked(effects, {c: {"kind": f["kind"]} for c, f in factors.items()})
    assert alone["kind"].p_holm == alone["kind"].p
    assert looked(effects, factors)["kind"].p_holm == pytest.approx(3 * alone["kind"].p)


def test_a_factor_that_another_one_repeats_is_named_with_it() -> None:
    effects, factors = study(by_kind)
    for values in factors.values():
        values["network"] = {"images": "cnn", "signals": "lstm", "tables": "mlp"}[values["kind"]]
    found = moderators(effects, factors, margin=MARGIN)
    assert found[0].same_as == ("network",)
    assert sentence(found).startswith("By kind (network differs with it): as claimed for images;")


def test_factors_with_one_value_or_one_context_per_value_are_left_out() -> None:
    effects, factors = study(by_kind)
    for name, values in factors.items():
        values |= {"batch": "32", "name": name}
    assert {"batch", "name"}.isdisjoint(looked(effects, factors))
    assert moderators([], {}, margin=MARGIN) == ()
    assert sentence([]) == ""


def test_contexts_may_lack_a_factor() -> None:
    effects, factors = study(by_kind)
    lacking = {c: dict(f) for c, f in factors.items() if not c.startswith("d5")}
    found = looked(effects, lacking)
    assert sum(at.pooled.contexts for at in found["kind"].values) == 15
    assert [at.value for at in found["kind"].values] == ["images", "signals", "tables"]


@pytest.mark.parametrize("seed", range(5))
def test_the_analysis_of_variance_is_scipys(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = [rng.normal(place, 1, size) for place, size in enumerate((3, 5, 4))]
    assert one_way_p(samples) == pytest.approx(stats.f_oneway(*samples).pvalue)


def test_values_without_spread_are_different_or_the_same() -> None:
    same, other = np.array([1.0, 1.0]), np.array([2.0, 2.0])
    assert one_way_p([same, other]) == 0.0
    assert one_way_p([same, same]) == 1.0
    assert np.isnan(one_way_p([same]))
    assert np.isnan(one_way_p([np.array([1.0]), np.array([2.0])]))
