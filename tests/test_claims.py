"""The claims files say what the documents say, and every claim that runs can be planned."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import pytest

from nnbench.cells.cost import memory_mb, runs_alone
from nnbench.claims.claim import Claim
from nnbench.claims.config import Config, read_config, resolve_settings
from nnbench.metrics import METRICS
from nnbench.plan.plan import Plan, make_plan

ROOT = Path(__file__).parent.parent

IDS = [
    "loss/data-size", "loss/activation", "loss/learning-rate", "loss/regularization",
    "loss/dropout", "loss/optimizer", "loss/depth", "loss/batch-size", "loss/causes",
    "loss/over-time", "loss/gradual", "loss/effects", "loss/optimum", "loss/low-loss",
    "loss/complexity", "loss/small-data", "loss/not-only-factor", "loss/scale",
    "loss/semi-supervised", "loss/inefficient", "loss/several-losses", "loss/local-minima",
    "learn/zoo-accuracy", "learn/zoo-speed", "learn/zoo-training-time", "learn/categories",
    "learn/architecture", "learn/duration", "learn/framework", "learn/data-size",
    "learn/parameters", "learn/convergence", "learn/parallelization", "learn/scalable",
    "learn/activation", "learn/overfitting", "learn/schedule", "learn/gradients",
    "learn/deep-or-wide", "learn/transfer", "learn/memorise", "learn/simpler", "learn/loss-falls",
    "learn/instantly", "learn/labels-needed", "learn/time-and-size", "learn/expedite",
    "learn/validation", "learn/balancing", "learn/importance", "learn/adversarial",
    "learn/fine-tuning",
    "immutable/optimizer", "immutable/augmentation", "immutable/architecture",
    "immutable/loss-function", "immutable/bias", "immutable/looks-fixed", "immutable/wrong-loss",
    "immutable/example-1",
    "resolve/normalization", "resolve/dying-relu", "resolve/dropout", "resolve/initialization",
    "resolve/label-noise", "resolve/rate-extremes", "resolve/adaptive", "resolve/epochs",
    "resolve/batch-size", "resolve/capacity", "resolve/random-changes", "resolve/altering-labels",
    "resolve/recurrent", "resolve/systematic-labels", "resolve/split", "resolve/convolution",
    "resolve/relu-cheap", "resolve/dominated",
    "keras/noisy-data", "keras/fit-for-data", "keras/optimizer-grid", "keras/scaling",
    "keras/regularized", "keras/loss-choice", "keras/cleaning", "keras/binary",
    "keras/convolution-first", "keras/missing", "keras/stability",
]  # fmt: skip

# The documents' tables, in their own order and units: losses, percent, epochs, counts.
TABLES = {
    "loss/data-size": {"10,000": 0.25, "100,000": 0.18, "1,000,000": 0.11},
    "loss/activation": {"sigmoid": 0.35, "ReLU": 0.20, "tanh": 0.28},
    "loss/learning-rate": {"0.001": 0.31, "0.01": 0.19, "0.1": 0.14},
    "loss/regularization": {"L1": 0.22, "L2": 0.16},
    "loss/dropout": {"0.2": 0.26, "0.5": 0.18, "0.8": 0.31},
    "loss/optimizer": {"Adam": 0.13, "SGD": 0.22, "RMSprop": 0.19},
    "loss/depth": {"single layer": 0.28, "two layers": 0.17, "three layers": 0.14},
    "loss/batch-size": {"16": 0.19, "32": 0.21, "64": 0.18},
    "learn/zoo-accuracy": {"ResNet-50": 99.2, "VGG16": 92.3, "AlexNet": 81.5},
    "learn/categories": {"cats": 92, "dogs": 88, "chairs": 85, "cars": 93},
    "learn/architecture": {"CNN": 95, "RNN": 89, "DBN": 94},
    "learn/duration": {"2": 80, "5": 88, "10": 92, "20": 95},
    "learn/data-size": {"1,000": 85, "5,000": 90, "10,000": 92, "50,000": 95},
    "learn/parameters": {"small": 1_000, "medium": 10_000, "large": 1_000_000},
    "learn/convergence": {"0.01": 20, "0.001": 50, "0.0001": 100},
    "learn/activation": {"sigmoid": 85, "ReLU": 92, "tanh": 88},
    "learn/zoo-speed": {"MobileNetV2": 75, "InceptionV3": 33, "ResNet-50": 20},
    "learn/zoo-training-time": {"ResNet-50": 12.7, "VGG16": 22.1, "InceptionV3": 34.5},
    "learn/framework": {"TensorFlow": 120, "PyTorch": 130, "Keras": 110},
    "learn/parallelization": {
        "Data Parallelism": 120,
        "Model Parallelism": 130,
        "Hybrid Parallelism": 110,
    },
}
NOT_IN_THE_DEFAULT_TIER = {"learn/zoo-accuracy", "learn/categories"}
TIMINGS = {
    "learn/zoo-speed", "learn/zoo-training-time", "learn/framework", "learn/parallelization",
    "learn/scalable",
    "loss/inefficient", "resolve/relu-cheap",
}  # fmt: skip


@pytest.fixture(scope="module")
def config() -> Config:
    found = read_config(str(ROOT / "config/config.yaml"))
    return found.model_copy(update={"contexts": 0})  # the reference; see test_contexts.py


@pytest.fixture(scope="module")
def plan(config: Config) -> Plan:
    return make_plan(config, root=ROOT)


@pytest.fixture(scope="module")
def claims(plan: Plan) -> dict[str, Claim]:
    return {name: claim for name, _, claim in plan.claims()}


def cells(plan: Plan, claim: str, **where: str | None) -> dict[str, str]:
    """Level -> cell id of a claim's uses with these properties."""
    found = [use for use in plan.uses if use.claim == claim]
    for key, value in where.items():
        found = [use for use in found if getattr(use, key) == value]
    return {use.level: use.cells[0] for use in found}


def test_all_claims_of_the_catalogue_are_there_in_its_order(claims):
    assert len(IDS) == len(set(IDS)) == 89
    assert [name for name in claims if name in set(IDS)] == IDS


@pytest.mark.parametrize("name", IDS)
def test_a_claim_says_what_it_claims_how_it_is_measured_and_what_that_cannot_answer(name, claims):
    claim = claims[name]
    assert 0 < len(claim.quote) <= 200
    assert claim.title
    assert claim.factor
    for sentence in (claim.experiment, claim.limits):
        assert sentence.endswith(".")
        assert "\n" not in sentence
    assert all(caveat.endswith(".") for caveat in claim.caveats)


@pytest.mark.parametrize("name", TABLES)
def test_claimed_values_are_those_of_the_documents(name, claims):
    claim = claims[name]
    unit = 100 if METRICS[claim.metric].unit == "fraction" else 1
    expected = {level: pytest.approx(value / unit) for level, value in TABLES[name].items()}
    assert claim.claimed == expected
    assert list(claim.claimed) == list(claim.levels) == list(TABLES[name])


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_quoted_row_by_row(name, claims):
    rows = claims[name].quote.split(" · ")
    assert [float(row.split()[-1].replace(",", "")) for row in rows] == list(TABLES[name].values())


def test_no_claimed_values_beside_those_of_the_tables(claims):
    assert {name for name in IDS if claims[name].claimed} == set(TABLES)


def test_every_claim_runs_but_for_the_qualitative_one_and_those_of_the_full_tier(plan, claims):
    planned = {use.claim for use in plan.uses}
    assert set(IDS) - planned == NOT_IN_THE_DEFAULT_TIER | {"loss/effects", BY_STUDY}
    assert all("--configfile config/full.yaml" in plan.not_run[x] for x in NOT_IN_THE_DEFAULT_TIER)
    assert all(plan.left_out[name] for name in NOT_IN_THE_DEFAULT_TIER)  # what they would cost
    assert not any(claim.not_run for claim in claims.values())


BY_STUDY = "loss/not-only-factor"  # has no levels of its own
STATED = {  # sizes that a claim without numbers has to reach, larger than its metric's margin
    "learn/gradients": {9.0},
    "loss/scale": {9.0, 0.05},
    "resolve/recurrent": {0.05},
    "learn/deep-or-wide": {0.10},
    "learn/adversarial": {0.05},
    "learn/importance": {0.10},
    "learn/memorise": {0.10},
    "learn/loss-falls": {0.05},
    "learn/labels-needed": {0.10},
    "learn/scalable": {0.50},
    "immutable/optimizer": {0.10, 0.02},
    "immutable/looks-fixed": {0.05},
}


def test_every_claim_that_runs_fixes_its_margin_and_those_of_one_metric_agree(plan, claims):
    for use in plan.uses:
        claim = claims[use.claim].reading(use.variant)
        margins = STATED.get(use.claim, set()) | {None, METRICS[claim.metric].margin}
        assert claim.margin in margins, use.claim
        assert claim.margin or use.variant, use.claim


def test_trainings_have_ten_seeds_or_thirty_near_a_threshold_and_timings_five_or_ten(plan):
    for use in plan.uses:
        assert use.seeds in ((5, 10) if use.claim in TIMINGS else (10, 30)), use.claim
        assert all(plan.seeds[cell] >= use.seeds for cell in use.cells)


def test_timings_run_alone_and_nothing_else_does(plan):
    alone = {use.claim for use in plan.uses for cell in use.cells if runs_alone(plan.cells[cell])}
    assert alone == TIMINGS


def test_no_job_reserves_more_than_six_gigabytes(plan):
    assert max(memory_mb(cell) for cell in plan.cells.values()) <= 6_000


def test_what_is_chosen_is_chosen_without_the_test_set(plan):
    chosen = {use.pick_by for use in plan.uses} - {None}
    assert chosen
    assert not any(name.startswith("test") for name in chosen)


def test_the_full_tier_takes_real_sets_for_the_embedded_ones_and_runs_every_claim():
    full = read_config(str(ROOT / "config/config.yaml"), str(ROOT / "config/full.yaml"))
    plan = make_plan(full, root=ROOT)
    controls = {"controls/nothing", "controls/training"}
    assert {use.claim for use in plan.uses} == set(IDS) - {"loss/effects", BY_STUDY} | controls
    assert "mnist5k" not in {use.dataset for use in plan.uses if use.context is None}
    assert {"mnist", "fashion_mnist", "cifar10", "cifar100", "cifar_everyday"} <= set(
        plan.datasets()
    )
    sizes = {
        use.level: plan.cells[use.cells[0]].settings.train_size
        for use in plan.uses
        if use.claim == "learn/data-size" and use.dataset == "mnist"
    }
    assert list(sizes.values()) == [1_000, 5_000, 10_000, 50_000]


def test_the_zoo_runs_on_a_small_set_on_request():
    config = read_config(str(ROOT / "config/config.yaml"), str(ROOT / "config/zoo-small.yaml"))
    plan = make_plan(config, root=ROOT)
    assert {use.claim for use in plan.uses} == {"learn/zoo-accuracy"}
    assert plan.datasets() == ("mnist5k",)
    assert max(memory_mb(cell) for cell in plan.cells.values()) <= 6_000


def test_images_decide_where_there_are_any(plan, claims):
    for name in {use.claim for use in plan.uses}:
        datasets = list(claims[name].datasets)
        assert "mnist5k" not in datasets[1:], name


def test_the_reference_is_trained_once_for_all_claims(plan, config):
    uses = Counter(cell for use in plan.uses for cell in use.cells)
    assert len(uses) < len(plan.uses)
    for dataset in ("mnist5k", "mnist1d"):
        layers = (config.reference, config.dataset_settings[dataset])
        settings = resolve_settings(layers, where="reference")
        (reference,) = (
            cell
            for cell in plan.cells.values()
            if cell.dataset == dataset and cell.settings == settings and cell.search is None
        )
        assert uses[reference.id] >= 8


def test_both_activation_tables_share_their_networks(plan):
    for track in ("as-written", "tuned"):
        for dataset in ("mnist5k", "mnist1d"):
            where = {"track": track, "dataset": dataset}
            loss, learn = (cells(plan, f"{d}/activation", **where) for d in ("loss", "learn"))
            assert loss == learn
            assert len(loss) == 3


def test_the_documents_ten_epoch_example_is_one_cell(plan):
    on_images = {"dataset": "mnist5k"}
    adam = cells(plan, "immutable/optimizer", **on_images)["Adam 0.001"]
    assert adam == cells(plan, "immutable/architecture", **on_images)["128"]


def test_data_sizes_have_equal_budgets_in_which_the_largest_is_seen_eight_times(plan):
    for name, steps in (("loss/data-size", 250_000), ("learn/data-size", 31_250)):
        budgets = {
            plan.cells[cell].settings.total_steps(size)
            for cell in cells(plan, name).values()
            if (size := plan.cells[cell].settings.train_size)
        }
        assert budgets == {steps}
    assert 250_000 * 32 == 8 * 1_000_000


def test_batch_sizes_are_compared_at_equal_epochs(plan):
    for dataset in ("mnist5k", "mnist1d"):
        found = cells(plan, "loss/batch-size", dataset=dataset, track="as-written").values()
        (budget,) = {plan.cells[cell].settings.train_for for cell in found}
        assert budget.endswith("epochs")


def test_parameter_counts_are_the_nearest_that_whole_widths_give(plan):
    exact = {}
    for level, cell in cells(plan, "learn/parameters").items():
        widths = [40, *plan.cells[cell].settings.hidden, 10]
        exact[level] = sum((a + 1) * b for a, b in itertools.pairwise(widths))
    assert exact == {"small": 979, "medium": 10_006, "large": 999_334}


def test_all_levels_of_a_tuned_claim_have_the_same_budget(plan):
    budgets: dict[tuple[str, str | None, str], set[tuple[int, int]]] = {}
    for use in plan.uses:
        search = plan.cells[use.cells[0]].search
        if use.track == "tuned" and use.role == "level":
            assert search is not None
            size = len(search.candidates), len(search.seeds)
            budgets.setdefault((use.claim, use.variant, use.dataset), set()).add(size)
    assert budgets
    assert all(sizes == {(5, 3)} for sizes in budgets.values())


def test_tuning_grids_are_half_decades_in_increasing_order(plan):
    for cell in plan.cells.values():
        if cell.search:
            (setting,) = {key for candidate in cell.search.candidates for key in candidate}
            values = [candidate[setting] for candidate in cell.search.candidates]
            ratios = [b / a for a, b in itertools.pairwise(values)]
            assert ratios == pytest.approx([10**0.5] * 4, rel=0.01)
