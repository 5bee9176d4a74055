"""The page under a finger: what a tap says, the bar that stays, the list of contents, and claims on paper."""

from __future__ import annotations

import pytest
from screens import DESKTOP, PAPER, PHONE, open_details
from waiting import wait_for

pytest_plugins = ["shown_in_browser"]
pytestmark = pytest.mark.browser

TIP = ".tip"
MARK = "table.evidence td .m"


def focused(page):
    return page.evaluate("document.activeElement.name || document.activeElement.textContent")


def test_a_tap_on_a_point_says_what_it_is_until_the_next_tap(visit):
    page, _ = visit(size=PHONE, touch=True)
    page.locator("svg.figure").last.locator("circle").first.tap()
    tip = page.locator(TIP)
    assert tip.text_content() == "seed 0: 0.21"
    page.evaluate("scrollBy(0, -40)")
    assert tip.is_visible(), "it goes with the page"
    page.locator("h5").last.tap()
    wait_for(tip.is_hidden, "a tap beside it")


def test_a_tap_beside_a_point_finds_the_nearest_one(visit):
    page, _ = visit(size=PHONE, touch=True)
    box = page.locator("svg.figure").last.locator("circle").first
    box.scroll_into_view_if_needed()
    at = box.bounding_box()
    page.touchscreen.tap(at["x"] - 5, at["y"] - 3)
    wait_for(page.locator(TIP).is_visible, "what the nearest point says")
    assert page.locator(TIP).text_content() == "seed 0: 0.21"


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_tap_on_the_evidence_names_the_context_and_only_a_title_jumps(visit, size):
    page, _ = visit(size=size, touch=True)
    page.locator(MARK).first.tap()
    said = page.locator(TIP).text_content()
    assert said.startswith("context c0"), said
    assert "16 units: as claimed, +" in said
    assert page.evaluate("location.hash") == ""
    page.locator("table.evidence th a").first.tap()
    assert page.evaluate("location.hash").startswith("#loss-")


def test_arrow_keys_go_through_the_evidence_mark_by_mark_and_row_by_row(visit):
    page, _ = visit(size=DESKTOP)
    page.locator(".scroll:has(> table.evidence)").focus()
    tip = page.locator(TIP)
    page.keyboard.press("ArrowRight")
    first = tip.text_content()
    page.keyboard.press("ArrowRight")
    assert tip.text_content() != first
    page.keyboard.press("ArrowDown")
    rows = "one => [...document.querySelectorAll('.evidence tr')].indexOf(one.closest('tr'))"
    assert page.locator(".lit").evaluate(rows) > page.locator(MARK).first.evaluate(rows)


def test_without_script_marks_keep_their_words_as_titles(visit):
    page, _ = visit(size=DESKTOP, script=False)
    assert page.locator(MARK).first.get_attribute("title").startswith("context c0")


@pytest.mark.parametrize("script", [True, False], ids=["script", "plain"])
def test_on_a_phone_a_bar_stays_and_its_list_of_contents_leads_to_every_claim(visit, script):
    page, _ = visit(size=PHONE, touch=True, script=script, anchor="#methods")
    bar, listed = page.locator(".go"), page.locator("#contents")
    assert bar.bounding_box()["y"] == 0, "far down the page"
    assert listed.is_hidden()
    bar.get_by_role("button", name="Contents").tap()
    assert listed.is_visible()
    listed.locator("a[href='#loss-depth']").tap()
    assert page.url.endswith("#loss-depth")
    top = page.locator("#loss-depth").bounding_box()["y"]
    assert 30 < top < 120, "below the bar"
    if script:
        assert listed.is_hidden(), "it makes room for the claim"


def test_the_bar_leads_to_the_search_and_back_to_the_top_by_keyboard(visit):
    page, _ = visit(size=PHONE, anchor="#methods")
    page.locator(".go .find").press("Enter")
    wait_for(lambda: focused(page) == "text", "the search has the focus")
    page.locator(".go a", has_text="Top").press("Enter")
    wait_for(lambda: page.evaluate("scrollY") < 100, "the top")
    page.locator(".go button").press("Enter")
    assert page.locator("#contents").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#contents").is_hidden()


@pytest.mark.parametrize("anchor", ["evidence", "belief", "methods", "loss-depth"])
def test_what_is_being_read_is_marked_in_the_list_of_contents(visit, anchor):
    page, _ = visit(size=DESKTOP, anchor=f"#{anchor}")
    marked = "document.querySelector('.contents [aria-current]')?.hash"
    wait_for(lambda: page.evaluate(marked) == f"#{anchor}", f"{anchor} is marked")


def test_a_search_that_finds_nothing_says_what_to_do_and_leaves_no_ghost(visit):
    page, _ = visit(size=DESKTOP)
    page.get_by_role("searchbox").fill("zzzz")
    assert "take fewer words" in page.locator("#find output").text_content()
    assert page.locator("table.evidence tbody:visible").count() == 0
    assert page.locator("figure.overview").locator("visible=true").count() == 0
    page.get_by_role("button", name="Clear").click()
    wait_for(lambda: page.locator("table.evidence tbody:visible").count() > 0, "all rows again")


def test_on_paper_claims_are_short_and_one_can_be_printed_in_full(visit):
    page, _ = visit(size=PAPER)
    page.emulate_media(media="print")
    claim, other = page.locator("#loss-depth"), page.locator("#loss-width")
    inside = claim.locator(".drill table").first
    assert claim.locator(".answers").is_visible()
    assert inside.is_hidden()
    assert page.locator(".paper").is_visible()
    page.emulate_media(media="screen")
    page.evaluate("window.print = () => {}")
    claim.get_by_role("button", name="Print this claim").click()
    page.emulate_media(media="print")
    assert inside.is_visible()
    assert other.is_hidden()
    assert page.locator("h1").is_hidden()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert other.is_visible()
    assert inside.is_hidden()


def test_on_a_phone_tables_that_were_folded_become_cards_once_they_are_open(visit):
    page, _ = visit(size=PHONE)
    wide = page.locator(".drill .scroll:has(> table:not(.entries, .cards))")
    too_wide = "all => all.filter(one => one.scrollWidth > one.clientWidth).length"
    closed = wide.count()
    open_details(page)
    wait_for(lambda: wide.evaluate_all(too_wide) == 0, "no table is wider than the phone")
    assert wide.count() < closed
