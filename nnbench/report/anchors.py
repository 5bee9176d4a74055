"""A name of its own for everything that pages link to: anchors, and the stems of files.

Names of claims, data and readings may differ in characters only that neither an anchor nor a file
should have; then the later one gets a number.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]
_LONGEST = 120  # characters; file systems allow 255 bytes, a number and a suffix among them
_OF_THE_PAGE = (
    "main", "verdicts", "reading", "tracks", "failures", "methods", "provenance", "overview", "pairs",
)  # fmt: skip


def slug(text: str) -> str:
    """A text as part of a file name or an anchor."""
    return re.sub(r"[^a-z0-9_.]+", "-", text.lower()).strip("-.") or "x"


class _Names:
    """Names that are taken once; a heading's is that of its section with ``-title`` behind it."""

    def __init__(self) -> None:
        self.taken = {name for own in _OF_THE_PAGE for name in (own, f"{own}-title")}

    def take(self, *parts: str | None) -> str:
        """A free name out of some texts."""
        wanted = "-".join(slug(part) for part in parts if part)[:_LONGEST]
        numbered = (f"{wanted}-{number}" for number in itertools.count(2))
        tried = itertools.chain([wanted], numbered)
        name = next(name for name in tried if not {name, f"{name}-title"} & self.taken)
        self.taken |= {name, f"{name}-title"}
        return name


def with_anchors(results: Json) -> dict[str, Any]:
    """The results, with an ``anchor`` in every claim, result and dataset.

    Claims have a ``document_anchor``, too. The same results give the same names.
    """
    names = _Names()
    anchors = {claim["id"]: names.take(claim["id"]) for claim in results["claims"]}
    short = dict.fromkeys(claim["document"] for claim in results["claims"])
    documents = {name: names.take("document", name) for name in short}
    claims = [
        {
            **claim,
            "anchor": anchors[claim["id"]],
            "document_anchor": documents[claim["document"]],
            "results": [
                {**result, "anchor": names.take(claim["id"], *_place(result))}
                for result in claim["results"]
            ],
        }
        for claim in results["claims"]
    ]
    provenance = results["provenance"]
    datasets = [{**d, "anchor": names.take("dataset", d["name"])} for d in provenance["datasets"]]
    return {**results, "claims": claims, "provenance": {**provenance, "datasets": datasets}}


def _place(result: Json) -> tuple[str | None, ...]:
    return result["dataset"], result["track"], result["variant"]
