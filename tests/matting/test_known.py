"""A mark whose picture is known is put in place to a small part of a pixel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from burned_crops import burned
from marked_stacks import FORMAT, SHAPE, rms, texture

from blanklogo.errors import OptionError
from blanklogo.matting.known import Placement, placed, register
from blanklogo.matting.samples import CropSamples
from blanklogo.ops.colour import rgb_to_yuv
from blanklogo.ops.compositing import over
from blanklogo.ops.windows import subsampled
from blanklogo.types import Box, Mark


def middle_and_spread(alpha: np.ndarray) -> tuple[float, float, float]:
    """Centre of mass (x, y) and the root of the second moment, in px: place and size of a mark."""
    rows, columns = np.indices(alpha.shape)
    x, y = ((alpha * at).sum() / alpha.sum() for at in (columns, rows))
    return x, y, float(np.sqrt((alpha * ((columns - x) ** 2 + (rows - y) ** 2)).sum() / alpha.sum()))


@pytest.mark.parametrize(("kind", "seed"), [("wordmark", 0), ("wordmark", 3), ("ring", 2), ("letters", 1), ("bug", 0)])
def test_place_and_size_are_found(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed + 7)
    crops = burned(kind, seed)
    off = rng.uniform(-1.5, 1.5, 2)  # what a search leaves open
    guess = Placement(crops.truth.x + off[0], crops.truth.y + off[1], crops.truth.scale * rng.uniform(0.985, 1.015))
    matte = register(crops.samples, crops.mark, guess)
    found, truth = middle_and_spread(matte.planes[0].alpha), middle_and_spread(crops.alpha)
    assert abs(found[0] - truth[0]) < 0.1
    assert abs(found[1] - truth[1]) < 0.1
    assert found[2] == pytest.approx(truth[2], rel=0.003)
    assert rms((matte.planes[0].alpha - crops.alpha)[crops.alpha > 0.02]) < 0.045
    assert matte.planes[0].support[crops.alpha > 0.02].all()
    assert matte.origin == "known"


def disc(colour: tuple[float, float, float]) -> Mark:
    rows, columns = np.indices((24, 24)) - 11.5
    alpha = np.clip(10 - np.hypot(rows, columns), 0, 0.7).astype(np.float32)
    return Mark(alpha, np.broadcast_to(np.array(colour, np.float32), (24, 24, 3)), "disc.png")


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
def test_the_matrix_that_fits_is_taken(matrix: str) -> None:
    mark, at = disc((0.1, 0.7, 0.2)), Placement(40, 24, 1.0)
    code = rgb_to_yuv(np.array([0.1, 0.7, 0.2], np.float32), matrix, False)
    alpha = placed(mark.alpha, at, *SHAPE)
    background = texture(8)
    grey = np.full((8, SHAPE[0] // 2, SHAPE[1] // 2), 128, np.float32)
    small = subsampled(alpha, 2, 2)
    values = [over(background, alpha, alpha * code[0]), *(over(grey, small, small * c) for c in code[1:])]
    y, u, v = (np.rint(np.clip(plane, 0, 255)).astype(np.uint8) for plane in values)
    samples = CropSamples(Box(0, 0, *SHAPE[::-1]), np.arange(8) / 25, (y, u, v), FORMAT, np.ones(8, np.float32))
    matte = register(samples, mark, at)
    for k in (1, 2):
        assert rms((matte.planes[k].premultiplied - small * code[k])[small > 0.05]) < 2  # the other is 6 to 15 off


def test_sampling_at_its_own_size_changes_nothing() -> None:
    mark = disc((1, 1, 1))
    whole = placed(mark.alpha, Placement(10, 5, 1.0), 40, 60)
    assert np.allclose(whole[5:29, 10:34], mark.alpha, atol=1e-6)
    assert whole.sum() == pytest.approx(mark.alpha.sum(), rel=1e-5)


@pytest.mark.parametrize("scale", [0.5, 0.7, 1.0, 1.6])
def test_sampling_keeps_the_weight_and_the_middle(scale: float) -> None:
    mark = disc((1, 1, 1))
    whole = placed(mark.alpha, Placement(12.3, 7.6, scale), 80, 80)
    assert whole.sum() == pytest.approx(scale**2 * mark.alpha.sum(), rel=0.01)
    x, y, _ = middle_and_spread(whole)
    assert (x, y) == pytest.approx(
        (12.3 + 12 * scale - 0.5, 7.6 + 12 * scale - 0.5), abs=0.06
    )  # the cubic of OpenCV leans by this


def test_a_picture_outside_the_frame_is_refused() -> None:
    crops = burned("bug", 0)
    away = replace(crops.truth, x=5000.0)
    with pytest.raises(OptionError, match="outside the frame"):
        register(crops.samples, crops.mark, away)
