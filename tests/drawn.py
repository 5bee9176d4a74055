"""Figures of made-up results, and what they say."""

from __future__ import annotations

import copy
from xml.etree import ElementTree as ET

from made_up_results import made_up_results, typed

from nnbench.records.origin import DatasetFacts
from nnbench.records.results import ClaimResult, Finding, Results
from nnbench.report.anchors import anchors_of
from nnbench.report.figures import curves, dots, forest, levels, samples
from nnbench.report.figures import overview as gaps

CLAIMS = {claim["id"]: claim for claim in made_up_results()["claims"]}


def first(claim_id):
    return copy.deepcopy(CLAIMS[claim_id]["results"][0])


def dot_plot(result, *, alt):
    return dots.dot_plot(typed(Finding, result), alt=alt)


def learning_curves(result, *, alt):
    return curves.learning_curves(typed(Finding, result), alt=alt)


def rows_of(result):
    return levels.rows_of(typed(Finding, result))


def shares(claims):
    return gaps.shares([typed(ClaimResult, claim) for claim in claims])


def overview(claims, *, alt):
    return gaps.overview([typed(ClaimResult, claim) for claim in claims], anchors(claims), alt=alt)


def anchors(claims):
    return anchors_of(typed(Results, made_up_results() | {"claims": claims}))


def pair_plot(result, *, alt):
    return forest.pair_plot(typed(Finding, result), alt=alt)


def sample_picture(dataset):
    return samples.sample_picture(typed(DatasetFacts, dataset))


def texts(image):
    """All texts of an SVG; that it parses at all is part of the claim."""
    root = ET.fromstring(image.data)  # noqa: S314 - our own file
    return ["".join(node.itertext()) for node in root.iter("{http://www.w3.org/2000/svg}text")]
