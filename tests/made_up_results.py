"""A made-up results.json: small, deterministic, and with every case that a report must show."""

from __future__ import annotations

import html.parser
import json
from pathlib import Path
from typing import Any, TypeVar, get_args

from made_up_claims import all_claims
from made_up_provenance import made_up_provenance
from pydantic import BaseModel

from nnbench.claims.outcomes import Outcome
from nnbench.records.results import Results, count_name
from nnbench.report.write import write_report

Model = TypeVar("Model", bound=BaseModel)


def made_up_results() -> dict[str, Any]:
    """Every verdict, kind and status, and what can go wrong with runs, in one results dict."""
    claims = all_claims()
    verdicts = [c["verdict"] if c["status"] == "judged" else c["status"] for c in claims]
    words = (*get_args(Outcome), "measured", "qualitative")
    summary = {count_name(word): verdicts.count(word) for word in words}
    return {
        "schema_version": 2,
        "summary": {"claims": len(claims), **summary, "not_run": verdicts.count("not run")}
        | {"reproduced_after_holm": 1},
        "provenance": made_up_provenance(),
        "claims": claims,
    }


def typed(model: type[Model], content: object) -> Model:
    """A section of the results as it is read from its JSON."""
    return model.model_validate_json(json.dumps(content))


def write(content: object, folder: Path) -> None:
    """Write the report of a results dict."""
    write_report(typed(Results, content), folder)


class Page(html.parser.HTMLParser):
    """What the HTML says: elements with their attributes, and texts."""

    def __init__(self, source):
        super().__init__()
        self.elements, self.texts = [], []
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)

    def all(self, *tags):
        return [attributes for tag, attributes in self.elements if tag in tags]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())
