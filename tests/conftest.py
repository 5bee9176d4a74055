"""Shared ground of the tests."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    """Take Ctrl-C as usual: what a shell starts in the background ignores it, and so does all that this starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
