"""Shared ground of the tests."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest


def pytest_configure() -> None:
    """Take Ctrl-C as usual: what a shell starts in the background ignores it, and so does all that this starts."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def on_one_thread() -> Iterator[None]:
    """PyTorch on one thread, as trainings have it."""
    from tiny_training import one_thread

    with one_thread():
        yield
