"""The report of the made-up results with contexts, in Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil

import pytest
from made_up_general import results_in_contexts
from made_up_results import write

CHROMIUM = shutil.which("chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
MARKS = (
    '<figure><svg class="figure" role="img" aria-label="Two runs" width="360" height="60" viewBox="0 0 360 60">'
    '<circle cx="90" cy="30" r="9"><title>seed 0: 0.21</title></circle>'
    '<g><title>mean 0.22, 95 % CI 0.21 to 0.23</title><circle cx="180" cy="30" r="9"/></g></svg></figure>'
)  # a figure of which it is known what it says


@pytest.fixture(scope="module")  # its processes end before tests that count their own
def browser():
    if CHROMIUM is None:
        pytest.skip("there is no chromium on the path")
    sync_api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    write(results_in_contexts(), folder)
    source = (folder / "index.html").read_text(encoding="utf-8")
    alone = folder / "alone.html"  # it must need nothing beside it
    alone.write_text(source.replace("</main>", f"{MARKS}</main>"), encoding="utf-8")
    (folder / "index.html").unlink()
    return alone


@pytest.fixture
def visit(browser, report):
    """Opens the report; ``events`` collects what the console says and what is requested."""
    contexts = []

    def opened(*, size, scheme="light", anchor="", script=True, touch=False):
        context = browser.new_context(
            viewport=size, color_scheme=scheme, java_script_enabled=script, has_touch=touch
        )
        contexts.append(context)
        page = context.new_page()
        events = []
        page.on("console", lambda message: events.append(message.text))
        page.on("pageerror", lambda error: events.append(str(error)))
        page.on("request", lambda request: events.append(request.url))
        page.goto(report.as_uri() + anchor)
        return page, [url for url in events if not url.startswith("data:")]

    yield opened
    for context in contexts:
        context.close()
