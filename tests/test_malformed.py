"""More than a thousand malformed configs, records and data files: each ends in a value or a clear error.

Valid files are damaged at random (always in the same way): bytes flipped, lost, repeated or put in;
fields removed, renamed, retyped or replaced by hostile values; where a checksum guards a file, it is
computed anew, as an attacker would. Meanwhile nothing may be executed, unpickled or sent, nothing
may be written outside the folder, and nothing may hang.
"""

from __future__ import annotations

import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import malformed_configs  # noqa: F401 - it fills CASES
import malformed_records  # noqa: F401
import pytest
from hypothesis import HealthCheck, given, settings
from malformed import outcome
from malformed_cases import CASES

LEAST = 1_000
TALLY: dict[str, Counter[str]] = {}


@pytest.fixture(scope="module", autouse=True)
def _tally(request: pytest.FixtureRequest) -> Iterator[None]:
    """Says at the end how many inputs of each kind were tried."""
    yield
    with request.config.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{sum(counts.total() for counts in TALLY.values())} malformed inputs:")
        for kind, counts in TALLY.items():
            said = ", ".join(f"{number} {word}" for word, number in sorted(counts.items()))
            print(f"  {kind}: {counts.total()} ({said})")


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.filterwarnings("ignore")  # libraries warn of what is wrong with a file
def test_a_malformed_input_is_read_or_refused_in_words_and_nothing_is_run(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # private copies count as its own
    made = CASES[kind](tmp_path)
    tried: set[str] = set()
    counts = TALLY[kind] = Counter()

    @settings(
        max_examples=made.examples,
        deadline=None,
        derandomize=True,  # the same examples everywhere
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(made.inputs)
    def throw(data: Any) -> None:
        new = (name := repr(data)) not in tried  # hypothesis may come to the same input twice
        tried.add(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = outcome(lambda: made.load(data), folder=tmp_path, names=made.names)
        counts[found] += new

    throw()
    assert counts["refused"], "no input was malformed"
    assert not list(tmp_path.rglob("executed")), "something in an input was executed"


def test_more_than_a_thousand_different_inputs_were_tried() -> None:
    if TALLY.keys() != CASES.keys():
        pytest.skip("not all kinds were run")
    assert sum(counts.total() for counts in TALLY.values()) >= LEAST, TALLY
