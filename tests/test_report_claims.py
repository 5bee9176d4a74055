"""What the report says of a claim: what was measured, what was not, and what a reader has to know."""

from __future__ import annotations

import copy

import pytest
from made_up_results import Page, made_up_results, write

pytest_plugins = ["shown_report"]


def test_a_diverged_run_is_a_result_and_is_shown(page, readme):
    text = page.text
    assert "2.303 ✕ diverged" in text
    assert "300 ▷ capped" in text
    assert "missing" in text
    failed = text.partition("Runs that diverged")[2]
    assert "Extreme rates MNIST-5k, as written 10 3/10" in failed
    assert "| 10 | 4.18 ± 1.21 | 10/10 | 3/10 |" in readme


def test_what_was_not_measured_is_listed_with_its_reason(page):
    assert "needs the full tier" in page.text
    assert "0000000000c0ffee loss/depth no record" in page.text
    assert "00000000deadbeef checksum does not match" in page.text


def test_verdicts_that_depend_on_tuning_are_flagged_and_the_choice_is_shown(page):
    assert "The verdict depends on the track" in page.text
    assert "0.310 ◂" in page.text
    assert "sigmoid: lr = 0.01" in page.text.partition("As written against tuned")[2]


def test_a_level_that_was_not_measured_says_why_in_its_row(page, readme):
    why = "not measured: 1.9 GB of memory are free, and it needs 4 GB"
    assert f"Inception 3rd – – {why} 0/10 –" in page.text
    assert f"| Inception | 3rd | – | – | {why} | 0/10 | – |" in readme


def test_an_order_without_numbers_shows_ranks_and_no_diamonds(page, readme):
    assert "| wide | 1st | 1,409 | 0.610 ± 0.011 |" in readme
    assert "Claimed rank" in page.text
    assert "| Level | Measured, nats | Runs | Diverged |" in readme, "nothing claimed: no column"


def test_sizes_are_columns_where_levels_differ_in_them(readme):
    assert "| ResNet-50 | 1st | 25,557,032 | 4.09\u00a0billion | 31.00 ± 0.22 |" in readme
    assert "| sigmoid | 0.35 | 0.220 ± 0.004 | 10/10 | 0/10 |" in readme


def test_times_name_their_machine_and_derived_ones_say_so(page):
    assert "On this machine: Example CPU, 8 cores. Two processes share 2 cores." in page.text
    assert "Derived: images of the stated workload / measured images per second." in page.text
    assert "Training time (derived): geometric mean" in page.text
    assert "Each run: training time (derived), hours" in page.text


def test_a_picked_level_says_how_and_lists_its_candidates(page):
    chosen = "in each block the candidate with the lowest validation loss, of 2 drawn from 4."
    assert f"searched: {chosen}" in page.text
    assert "Candidates of searched" in page.text
    assert "lr = 0.0003 0.3 ± 0.6 0.4 ± 0.6 5/10 6/10 0/10" in page.text
    assert "4 candidates" in page.text


def test_facts_of_places_stand_in_a_table_of_their_own(page):
    table = "Fact VGG16 ResNet-50 resolution 224 224 batch size 8 8 torch 2.15.0 2.15.0 parameters 138,357,544 25,557,032"
    assert f"Facts about each level {table}" in page.text


def test_losses_of_a_regression_are_no_nats(page, readme):
    assert "Losses are mean squared errors, in squared deviations of the targets." in page.text
    assert "Test loss: wide 0.610" in readme


def in_own_objectives():
    """The made-up results, in which the first claim's levels minimise different objectives."""
    results = copy.deepcopy(made_up_results())
    for result in results["claims"][0]["results"]:
        result |= {"objective": None, "unit": "own objective"}
        for level in result["levels"]:
            level["metrics"]["train_loss"] = {"mean": 0.2, "low": 0.1, "high": 0.3}
    return results


def test_losses_of_different_objectives_share_no_unit(tmp_path):
    results = in_own_objectives()
    write({**results, "claims": results["claims"][:1]}, tmp_path)
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    section = readme.partition("### Activation functions")[2].partition("###")[0]
    assert "| Level | Claimed | Measured, own objective |" in section
    assert "Losses are those of each level's own objective, which are not comparable." in section
    assert "nats" not in section
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "Training loss, own objective" in page
    assert "Training loss, nats" not in page


@pytest.mark.parametrize(
    ("objective", "unit", "text"),
    [
        ("mae", "deviations", "Losses are mean absolute errors, in deviations of the targets."),
        ("huber", "ratio", "Losses are Huber's: half the squared error up to one deviation"),
    ],
)
def test_a_regression_names_the_error_that_it_minimises(tmp_path, objective, unit, text):
    results = copy.deepcopy(made_up_results())
    width = next(claim for claim in results["claims"] if claim["id"] == "loss/width")
    width["results"][0] |= {"objective": objective, "unit": unit}
    write({**results, "claims": [width]}, tmp_path)
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert text in readme
    assert "mean squared errors" not in readme


def test_the_command_of_a_claim_reminds_of_the_runs_own_config(page, readme):
    assert "if one was given" in page.text
    told = "with the same `--configfile`, if one was given (this report stays as it is): `snakemake"
    assert told in readme


def test_a_second_look_stands_beside_a_contradiction_alone(page, tmp_path):
    look = "Second look. Half of the seeds were run again"
    assert look in page.text
    results = copy.deepcopy(made_up_results())
    claim = next(c for c in results["claims"] if c["id"] == "loss/width")
    claim["verdict"] = claim["results"][0]["verdict"] = "reproduced"
    write(results, tmp_path)
    assert look not in Page((tmp_path / "index.html").read_text(encoding="utf-8")).text


def test_data_say_what_is_to_be_predicted_and_many_classes_are_summed_up(page, tmp_path):
    assert "Target progression" in page.text
    results = copy.deepcopy(made_up_results())
    many = {"class_names": [f"c{k}" for k in range(100)]}
    many["class_counts"] = {"trainval": [400 + k for k in range(100)]}
    results["provenance"]["datasets"][1] |= many
    write(results, tmp_path)
    text = Page((tmp_path / "index.html").read_text(encoding="utf-8")).text
    assert "Split Fewest Most trainval 400 499" in text


def test_a_claim_that_was_not_run_says_what_it_would_cost(page):
    text = page.text.replace("\u00a0", " ")
    assert "needs the full tier (about 3 h of core time)" in text


def test_values_of_zero_on_a_log_scale_are_explained(tmp_path):
    results = copy.deepcopy(made_up_results())
    claim = next(c for c in results["claims"] if c["id"] == "resolve/rate-extremes")
    claim["results"][0]["levels"][1]["values"]["3"] = 0.0
    write(results, tmp_path)
    text = Page((tmp_path / "index.html").read_text(encoding="utf-8")).text
    assert text.count("a value of 0 counts as 1e−12") == 1


def test_a_difference_that_other_test_samples_might_not_show_is_named(tmp_path):
    results = copy.deepcopy(made_up_results())
    claim = next(c for c in results["claims"] if c["id"] == "resolve/rate-extremes")
    first, *others = (pair for result in claim["results"] for pair in result["pairs"])
    first |= {"status": "UP", "low_samples": -0.01, "high_samples": 0.3}
    for pair in others:
        pair |= {"status": "UP", "low_samples": 0.01, "high_samples": 0.3}
    claim["results"][0]["levels"][0]["settings"]["split"] = "each seed"
    write({**results, "claims": [claim]}, tmp_path)
    for name in ("index.html", "README.md"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        note = f"With other samples there might be no difference: {first['a']} and {first['b']}."
        assert "Each seed divides the samples anew." in text
        assert text.count("With other samples") == text.count(note) == 1


def test_a_claim_that_this_machine_cannot_decide_is_listed_with_what_it_takes(page):
    listed = page.text.partition("Claims that this machine cannot decide")[2]
    assert "In parallel it takes 4 cores (2 there)" in listed.partition("Methods")[0]
