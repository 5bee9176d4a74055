"""A made-up results.json: small, deterministic, and with every case that a report must show."""

from __future__ import annotations

from typing import Any

from made_up_claims import all_claims
from made_up_provenance import made_up_provenance


def made_up_results() -> dict[str, Any]:
    """Every verdict, kind and status, and what can go wrong with runs, in one results dict."""
    claims = all_claims()
    verdicts = [c["verdict"] if c["status"] == "judged" else c["status"] for c in claims]
    words = ("reproduced", "partly", "contradicted", "inconclusive", "measured", "qualitative")
    summary = {word: verdicts.count(word) for word in words}
    return {
        "schema_version": 1,
        "summary": {"claims": len(claims), **summary, "not_run": verdicts.count("not run")},
        "provenance": made_up_provenance(),
        "claims": claims,
    }
