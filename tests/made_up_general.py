"""The made-up results with contexts: three claims in general, one of them against its document."""

from __future__ import annotations

import copy
import itertools
from typing import Any

from made_up_results import made_up_results

Json = dict[str, Any]
WORDS = {
    "loss/learning-rate": ("general", 0.4),
    "loss/depth": ("depends", 0.02),
    "loss/width": ("absent or reversed", -0.3),
}  # by claim: how generally it holds, and its pooled difference
_TITLES = {"mnist1d": "MNIST-1D", "digits": "Digits", "wine": "Wine", "diabetes": "Diabetes"}


def results_in_contexts() -> Json:
    """Results with eight contexts on four data sets."""
    results = copy.deepcopy(made_up_results())
    pairs = itertools.product(_TITLES, ("16 units", "64 units"))
    results["contexts"] = [
        {"name": f"c{i:02}", "dataset": name, "dataset_title": _TITLES[name],
         "values": {"dataset": name, "network": network}}
        for i, (name, network) in enumerate(pairs)
    ]  # fmt: skip
    for claim in results["claims"]:
        if claim["id"] in WORDS:
            claim["general"] = _general(claim, results["contexts"], *WORDS[claim["id"]])
    results["summary"]["general"] = {word: 1 for word, _ in WORDS.values()}
    results["documents"] = [
        {"name": "loss", "title": "Neural Net Loss", "source": "web article", "date": "2024-12-16"}
    ]
    return results


def _general(claim: Json, contexts: list[Json], word: str, size: float) -> Json:
    a, b = (level["level"] for level in claim["results"][0]["levels"][:2])
    effects = [
        {"context": c["name"], "difference": size + step / 100, "low": size - 0.1, "high": size + 0.1,
         "n": 5, "shown": "as claimed" if size > 0.1 else "reversed" if size < 0 else "unclear"}
        for step, c in enumerate(contexts)
    ]  # fmt: skip
    pair = {
        "a": a, "b": b, "role": "extremes", "tie": False, "margin": 0.05, "unit": "log", "word": word,
        "difference": size, "low": size - 0.1, "high": size + 0.1,
        "prediction_low": size - 0.2, "prediction_high": size + 0.2, "tau": 0.1, "i_squared": 0.5,
        "contexts": 8, "datasets": 4, "pointing": 8 if size > 0 else 0, "shares": {"as claimed": 8},
        "claimed_difference": 0.5, "without": [], "effects": effects,
        "text": f"On average, test loss of {b} is {size} of that of {a}.",
    }  # fmt: skip
    return {
        "word": word, "sentence": f"A plain sentence that says {word}.", "planned": 8, "measured": 8,
        "datasets": 4, "seeds": 5, "found": None, "pairs": [pair], "moderators": [],
        "depends_on": "It depends on the network." if word == "depends" else "",
    }  # fmt: skip
