"""The report in a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import io
import shutil

import pytest
from made_up_results import made_up_results, write
from PIL import Image

sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on the path"),
]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    write(made_up_results(), folder)
    (folder / "index.html").rename(folder / "alone.html")  # it must need nothing beside it
    return folder / "alone.html"


@pytest.fixture
def visit(browser, report):
    """Opens the report; ``events`` collects what the console says and what is requested."""
    pages = []

    def opened(*, size, scheme="light", anchor=""):
        page = browser.new_page(viewport=size, color_scheme=scheme)
        pages.append(page)
        events = []
        page.on("console", lambda message: events.append(message.text))
        page.on("pageerror", lambda error: events.append(str(error)))
        page.on("request", lambda request: events.append(request.url))
        page.goto(report.as_uri() + anchor)
        return page, [url for url in events if not url.startswith("data:")]

    yield opened
    for page in pages:
        page.close()


def open_details(page):
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")


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
