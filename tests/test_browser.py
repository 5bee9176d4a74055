"""The report in a real browser: light and dark, on a phone and a desktop, by keyboard, without script."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from screens import DESKTOP, PAPER, PHONE, open_details

pytest_plugins = ["shown_in_browser"]
pytestmark = pytest.mark.browser


def test_it_opens_from_disk_without_console_messages_or_requests(visit, report):
    page, events = visit(size=DESKTOP)
    assert events == [report.as_uri()]
    assert page.title().startswith("nnbench: 18 claims")


def test_every_figure_is_drawn(visit):
    page, _ = visit(size=DESKTOP)
    open_details(page)
    widths = page.evaluate(
        "[...document.querySelectorAll('svg.figure')].filter(f => f.checkVisibility())"
        ".map(f => f.getBBox().width)"
    )
    assert len(widths) > 15
    assert min(widths) > 100


@pytest.mark.parametrize("details", ["closed", "open"])
def test_nothing_scrolls_sideways_on_a_phone(visit, details):
    page, _ = visit(size=PHONE)
    if details == "open":
        open_details(page)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_axe_finds_no_violation(visit, scheme, size):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe is not installed"
    )
    page, _ = visit(size=size, scheme=scheme)
    open_details(page)
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize(("scheme", "bright"), [("light", True), ("dark", False)])
def test_figures_follow_the_colour_scheme_of_the_page(visit, scheme, bright):
    page, _ = visit(size=DESKTOP, scheme=scheme)
    shot = Image.open(io.BytesIO(page.locator("figure svg").first.screenshot())).convert("L")
    assert (shot.getpixel((3, 3)) > 128) is bright
    body = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(body[4:].split(",")[0]) > 128) is bright


def test_a_link_to_a_folded_result_unfolds_it(visit):
    page, _ = visit(size=DESKTOP, anchor="#loss-activation-mnist5k-tuned")
    assert page.locator("#loss-activation-mnist5k-tuned").is_visible()
    assert not page.locator("#loss-activation-mnist1d-as-written").is_visible()


def test_it_can_be_used_by_keyboard(visit):
    page, _ = visit(size=DESKTOP)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"


def test_without_script_everything_can_be_read_and_nothing_is_there_that_would_not_work(visit):
    page, _ = visit(size=DESKTOP, script=False)
    assert page.locator("article.claim").count() > 10
    assert all(one.is_visible() for one in page.locator("article.claim").all())
    assert page.locator("form, button:not([popovertarget])").locator("visible=true").count() == 0
    assert page.locator("table.matrix tbody tr").first.is_visible()


TEXTS = """
() => {
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, parent = node.parentElement;
    if (!node.textContent.trim() || parent.closest('.hidden, script, style, title, .skip') || !parent.checkVisibility()) continue;
    const box = parent.getBoundingClientRect(), scale = parent.getScreenCTM?.().a ?? 1;
    found.push([node.textContent.trim(), parseFloat(getComputedStyle(parent).fontSize) * scale, box.left, box.right,
      Boolean(parent.closest('.scroll') && !parent.closest('.cards'))]);
  }
  return found;
}
"""


def test_on_a_phone_no_text_is_below_eleven_pixels_and_none_is_cut_outside_a_box_that_scrolls(
    visit,
):
    page, _ = visit(size=PHONE)
    texts = page.evaluate(TEXTS)
    assert len(texts) > 500
    assert [text for text, size, *_ in texts if size < 11] == []
    cut = [
        text for text, _, left, right, scrolls in texts if not scrolls and (left < 0 or right > 390)
    ]
    assert cut == []


def test_on_a_phone_pairs_and_verdicts_are_cards_whose_values_are_named(visit):
    page, _ = visit(size=PHONE)
    cell = page.locator("table.matrix td[data-l='As written']").first
    named = cell.evaluate("one => getComputedStyle(one, '::before').content")
    assert named == '"As written"'
    pair = page.locator("table.numbers.cards td:nth-child(2)").first
    assert pair.evaluate("one => getComputedStyle(one, '::before').content") == '"Outcome"'
    assert page.locator("table.cards thead").first.is_hidden()
    desktop, _ = visit(size=DESKTOP)
    assert desktop.locator("table.cards thead").first.is_visible()


def test_on_paper_the_tools_are_left_out_and_the_claims_are_there(visit):
    page, _ = visit(size=DESKTOP)
    page.emulate_media(media="print")
    assert page.locator("#find").is_hidden()
    assert page.locator(".side").is_hidden()
    assert page.locator("article.claim h4").first.is_visible()


def test_no_table_is_wider_than_the_paper_in_short_and_in_full(visit):
    page, _ = visit(size=PAPER)
    open_details(page)
    page.evaluate(
        "for (const one of document.querySelectorAll('.claim')) one.classList.add('alone')"
    )
    page.emulate_media(media="print")
    tables = page.locator("table:visible").all()
    assert len(tables) > 20
    assert [
        t.locator("caption").text_content() for t in tables if t.bounding_box()["width"] > 673
    ] == []
