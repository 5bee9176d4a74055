"""Overview, pairs, tested epochs, and the parts that figures are made of."""

from __future__ import annotations

import copy
import re
import zlib

import numpy as np
import pytest
from drawn import CLAIMS, first, learning_curves, overview, pair_plot, shares, texts

from nnbench.report.figures import axes, canvas, curves, samples


def test_the_overview_names_claims_by_their_titles_the_largest_share_first():
    claim = CLAIMS["loss/activation"] | {"title": "A title that takes two lines " * 3}
    shown = " ".join(texts(overview([claim], alt="")))
    assert claim["title"].strip() in shown
    found = [share.decides[0] for share in shares(list(CLAIMS.values()))]
    assert found == sorted(found, reverse=True)


def test_the_overview_prints_values_beyond_its_axis():
    claim = copy.deepcopy(CLAIMS["loss/activation"])
    for pair in claim["results"][0]["pairs"]:
        pair |= {"difference": -5.0, "low": -6.0, "high": -4.0}
    assert any("−893" in text for text in texts(overview([claim], alt="")))


def test_pairs_of_levels_are_drawn_with_their_margins_and_numbers():
    result = first("loss/activation")
    image = pair_plot(result, alt="")
    assert image.body.count(f'fill="{canvas.SHADE}"') == len(result["pairs"]) + 1, "and the legend"
    shown = texts(image)
    for pair in result["pairs"]:
        assert any(f"{pair['a']} against {pair['b']}" in text for text in shown)
    assert any(re.fullmatch(r"[+−]?\S+\s% \[\S+, \S+\]", text) for text in shown)
    result["pairs"] = []
    assert pair_plot(result, alt="") is None


def test_the_tested_epoch_is_marked_on_its_curve():
    result = first("loss/activation")
    assert not any("tested" in text for text in texts(learning_curves(result, alt="")))
    result["levels"][0] |= {"tested_epoch": 2.0}
    image = learning_curves(result, alt="")
    assert f"<title>{result['levels'][0]['level']}: tested at epoch 2.00</title>" in image.body
    assert any("the epoch that is tested" in text for text in texts(image))


def test_points_on_a_straight_line_are_left_out_of_curves():
    straight = [(float(x), 2.0 * x) for x in range(50)]
    assert curves.sparse(straight) == [straight[0], straight[-1]]
    bent = [*straight, (50.0, 0.0)]
    assert curves.sparse(bent) == [bent[0], bent[-2], bent[-1]]


@pytest.mark.parametrize("shape", [(4, 5), (1, 4, 5), (4, 5, 1)])
def test_grey_images_are_ink_on_paper(shape):
    data = samples.png(np.arange(20, dtype=np.uint8).reshape(shape))
    rows = zlib.decompress(data[data.index(b"IDAT") + 4 :][: int.from_bytes(data[33:37], "big")])
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert list(rows[:6]) == [0, 255, 254, 253, 252, 251]


def test_ticks_are_round_numbers_as_many_as_fit():
    assert axes.linear_ticks(0.0, 1.0, most=6) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert axes.linear_ticks(-3.0, 1_234.0, most=3) == [0, 500, 1000]
    narrow = axes.Axis(limits=(1.0, 1e6), log=True, start=0, end=100)
    assert len(narrow.fitting_ticks()) < 6
