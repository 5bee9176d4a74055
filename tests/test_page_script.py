"""What the page's script adds: search, filters, order, the current claim, copies, and what marks say."""

from __future__ import annotations

import pytest
from screens import DESKTOP
from waiting import wait_for

pytest_plugins = ["shown_in_browser"]
pytestmark = pytest.mark.browser

CLAIMS = "table.matrix tr[data-claim]"


@pytest.fixture
def page(visit):
    opened, events = visit(size=DESKTOP)
    assert len(events) == 1, "an error would be told here"
    return opened


def until(page, true):
    """Wait until an expression is true: Playwright's own way evaluates it where the page's policy forbids it."""
    wait_for(lambda: page.evaluate(true), true)


def shown(page):
    """The claims in the matrix, by their anchors, in their order."""
    rows = page.locator(f"{CLAIMS}:visible").all()
    return [row.get_attribute("data-claim") for row in rows]


def test_a_search_leaves_what_has_all_its_words_in_matrix_evidence_and_contents(page):
    every = len(shown(page))
    page.get_by_role("searchbox").fill("ACTIVATION sigmoid")
    found = shown(page)
    assert 0 < len(found) < every
    assert "loss-activation" in found
    assert page.locator("#find output").text_content() == f"{len(found)} of {every} claims"
    articles = page.locator("article:visible").evaluate_all("all => all.map(one => one.id)")
    assert set(articles) <= set(found)
    linked = page.locator(".contents ul ul a:visible").evaluate_all(
        "all => all.map(a => a.hash.slice(1))"
    )
    assert set(linked) <= set(found)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("general", "general", ["loss-learning-rate"]),
        ("general", "absent or reversed", ["loss-width"]),
    ],
)
def test_a_filter_leaves_the_claims_with_its_value(page, name, value, expected):
    page.locator(f"#find [name={name}]").select_option(value)
    assert shown(page) == expected


def test_filters_by_verdict_and_document_add_up(page):
    page.locator("#find [name=verdict]").select_option("reproduced")
    found = shown(page)
    page.locator("#find [name=document]").select_option("loss")
    both = shown(page)
    assert both == [one for one in found if one.startswith("loss-")]
    assert 0 < len(both) < len(found)
    assert page.locator("table.matrix tr.group:visible").count() == 1
    assert page.locator("section.document:visible").count() == 1
    assert page.locator(".contents li.text:visible").count() == 1


def test_what_depends_on_track_or_context_can_be_found(page):
    page.get_by_label("depends on the track").check()
    assert {"loss-activation", "loss-depth"} <= set(shown(page))
    assert "loss-learning-rate" not in shown(page)


def test_claims_can_be_sorted_and_return_to_their_documents(page):
    order = page.locator("#find [name=order]")
    before = shown(page)
    order.select_option("title")
    titles = page.locator(f"{CLAIMS} th a").all_text_contents()
    assert titles == sorted(titles, key=str.casefold)
    order.select_option("general")
    assert shown(page)[:3] == ["loss-learning-rate", "loss-depth", "loss-width"]
    order.select_option("size")
    assert sorted(shown(page)) == sorted(before)
    page.get_by_role("button", name="Clear").click()
    wait_for(lambda: shown(page) == before, "the order of before")
    assert page.evaluate("document.querySelector('#find').order.value") == ""


def test_search_and_filters_work_by_keyboard_alone(page):
    page.get_by_role("searchbox").focus()
    page.keyboard.type("learning")
    less = shown(page)
    page.keyboard.press("Tab")
    page.keyboard.type("contradicted")  # chooses in the list that has the focus
    assert page.evaluate("document.activeElement.name") == "verdict"
    while page.evaluate("document.activeElement.type") != "reset":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_for(lambda: len(shown(page)) > len(less), "the claims of before")
    assert page.evaluate("document.querySelector('#find').text.value") == ""


def test_a_link_to_a_claim_that_a_filter_hides_shows_it_again(page):
    page.get_by_role("searchbox").fill("dropout")
    assert page.locator("#loss-activation").is_hidden()
    page.evaluate("location.hash = '#loss-activation'")
    page.locator("#loss-activation").wait_for(state="visible")
    assert page.get_by_role("searchbox").input_value() == ""


def test_the_current_claim_is_marked_in_the_list_of_contents(page):
    page.evaluate("document.getElementById('loss-depth').scrollIntoView()")
    until(page, "document.querySelector('.contents [aria-current]')?.hash === '#loss-depth'")
    assert page.locator(".contents [aria-current]").count() == 1


def test_commands_and_addresses_of_claims_are_copied(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    copied = "navigator.clipboard.readText()"
    page.locator("#belief .copy").press("Enter")
    until(page, "document.querySelector('#belief .copy').textContent === 'Copied'")
    assert "config/quick.yaml" in page.evaluate(copied)
    page.locator("#loss-depth .permalink").press("Enter")
    until(page, f"{copied}.then(text => text.endsWith('#loss-depth'))")
    assert page.url.endswith("#loss-depth")


def test_marks_say_value_and_seed_under_the_pointer_and_by_the_arrow_keys(page):
    figure, tip = page.locator("svg.figure").last, page.locator(".tip")
    figure.locator("circle").first.hover()
    assert tip.text_content() == "seed 0: 0.21"
    page.mouse.move(5, 5)
    assert tip.is_hidden()
    figure.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert tip.text_content() == "mean 0.22, 95 % CI 0.21 to 0.23"
    page.keyboard.press("Escape")
    assert tip.is_hidden()


def test_a_filter_dims_the_other_claims_in_the_figures_that_show_all(visit, report):
    source = report.read_text(encoding="utf-8")
    rows = "".join(
        f'<a href="#{name}"><text y="20">{name}</text></a>'
        for name in ("loss-activation", "loss-depth")
    )
    drawn = f'<figure><svg class="figure" role="group" width="99" height="40">{rows}</svg></figure></main>'
    other = report.with_name("drawn.html")
    other.write_text(source.replace("</main>", drawn), encoding="utf-8")
    page, _ = visit(size=DESKTOP)
    page.goto(other.as_uri())
    page.get_by_role("searchbox").fill("activation functions")
    dim = page.locator("svg.figure a.dim").evaluate_all(
        "all => all.map(a => a.getAttribute('href'))"
    )
    assert "#loss-depth" in dim
    assert "#loss-activation" not in dim


def test_a_csv_file_comes_out_of_a_page_that_travels_alone(page, report):
    link = page.locator("a[href='data/loss-activation.csv']").first
    with page.expect_download() as started:
        link.click()
    saved = started.value
    assert saved.suggested_filename == "loss-activation.csv"
    assert saved.path().read_bytes() == (report.parent / "data/loss-activation.csv").read_bytes()
