"""Sizes of screens, and what tests do on them."""

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
PAPER = {"width": 673, "height": 980}  # A4 without its margins


def open_details(page):
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
