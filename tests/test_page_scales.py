"""A figure with a logarithmic axis can have a linear one, and what it shows stays true."""

from __future__ import annotations

import re

import pytest
from screens import DESKTOP

pytest_plugins = ["shown_in_browser"]
pytestmark = pytest.mark.browser

TICKS = """
group => [...group.querySelectorAll(':scope > g[text-anchor=middle] > text')].filter(one => one.textContent)
  .map(one => [Number(one.textContent.replaceAll(',', '')), Number(one.getAttribute('x'))])
"""
PLACES = """
group => [...group.querySelectorAll('[d], [cx]')].map(one => one.getAttribute('d') ?? one.getAttribute('cx'))
"""


@pytest.fixture
def figure(visit):
    """A dot plot on a logarithmic axis whose numbers are known."""
    page, events = visit(size=DESKTOP)
    assert len(events) == 1, "an error would be told here"
    found = page.locator("figure:has(> svg g[data-axis^='x '] title)").first
    assert found.count() == 1
    return found


def means(group):
    """Each mean by what its mark says, and its place."""
    told = group.locator("g:has(> title):has(circle)").all()
    said = [(one.locator("title").text_content(), one.locator("circle").last) for one in told]
    found = [(re.search(r"mean ([\d.e−]+)", text), dot) for text, dot in said]
    return [
        (float(match[1].replace("−", "-")), float(dot.get_attribute("cx")))
        for match, dot in found
        if match
    ]


def test_ticks_and_means_of_the_linear_axis_lie_on_one_line(figure):
    group = figure.locator("g[data-axis]").last
    known = means(group)
    assert len(known) > 1
    figure.get_by_role("button", name="Linear axis").press("Enter")
    ticks = group.evaluate(TICKS)
    assert len(ticks) >= 2
    (low, start), (high, end) = ticks[0], ticks[-1]
    places = [start + (value - low) / (high - low) * (end - start) for value, _ in ticks]
    assert [place for _, place in ticks] == pytest.approx(places, abs=0.1)
    moved = [float(one) for _, one in means(group)]
    expected = [start + (value - low) / (high - low) * (end - start) for value, _ in known]
    assert moved == pytest.approx(expected, abs=0.6), "as exact as the numbers that marks say"


def test_the_switch_says_what_the_axis_is_and_switches_back(figure):
    group, words = figure.locator("g[data-axis]").last, figure.locator("svg text")
    before, texts = group.evaluate(PLACES), words.all_text_contents()
    assert any("log\u00a0axis" in text for text in texts)
    button = figure.locator("button.scale")
    button.press("Enter")
    assert any("linear\u00a0axis" in text for text in words.all_text_contents())
    assert group.evaluate(PLACES) != before
    assert button.text_content() == "Log axis"
    button.press("Enter")
    assert group.evaluate(PLACES) == before
    assert [text for text in words.all_text_contents() if text] == texts


def test_without_script_there_is_no_switch(visit):
    page, _ = visit(size=DESKTOP, script=False)
    assert page.locator("button.scale").count() == 0
    assert page.locator("svg g[data-axis]").count() > 0
