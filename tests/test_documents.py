"""What a document says of itself: what kind of text it is, and when it was published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from made_up_plan import claim, document, plan_in, write_text

from nnbench.claims.claim import Document
from nnbench.errors import NnbenchError
from nnbench.schema import parse
from nnbench.verdicts.judge import judge

OWN: dict[str, Any] = {"document": "d", "title": "A text", "file": "d.txt", "claims": {}}


def test_a_document_may_say_what_kind_of_text_it_is_and_when_it_was_published() -> None:
    document = parse(
        Document, {**OWN, "source": "web article", "date": "2025-01-30"}, where="d.yaml"
    )
    assert (document.source, document.date) == ("web article", "2025-01-30")
    assert parse(Document, OWN, where="d.yaml").date == ""


@pytest.mark.parametrize("date", ["2025-02-30", "20250130", "January 2025", "2025-1-3"])
def test_a_date_that_is_no_day_is_refused_with_an_example(date: str) -> None:
    with pytest.raises(NnbenchError, match=r'date: should be a day such as "2025-01-30"'):
        parse(Document, {**OWN, "date": date}, where="d.yaml")


def test_the_results_name_each_document_with_both(tmp_path: Path) -> None:
    content = {**document({"c0": claim()}), "source": "web article", "date": "2025-01-30"}
    write_text(tmp_path, yaml.safe_dump(content, sort_keys=False))
    (found,) = judge(plan_in(tmp_path)).documents
    assert (found.title, found.source, found.date) == (
        content["title"],
        "web article",
        "2025-01-30",
    )
