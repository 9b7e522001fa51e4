"""The mark goes onto the planes as `I = (1 - g a) B + g p`, sub-pixel, and comes and goes as its motion says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blanklogo.errors import OptionError
from blanklogo.testbed.burn import Placement, burn, place, strengths
from blanklogo.testbed.marks import KINDS, UPSCALE, draw_mark, resized, rgba_bytes
from blanklogo.types import Mark

WIDTH_PX, HEIGHT_PX = 160, 96


def flat_mark(opacity: float, colour: tuple[float, float, float], size_px: int = 24) -> Mark:
    alpha = np.full((size_px * UPSCALE, size_px * UPSCALE), opacity, np.float32)
    return Mark(alpha, np.broadcast_to(np.float32(colour), (*alpha.shape, 3)))


def random_planes(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    half = (HEIGHT_PX // 2, WIDTH_PX // 2)
    return tuple(rng.integers(16, 236, shape, np.uint8) for shape in ((HEIGHT_PX, WIDTH_PX), half, half))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_and_fills_its_place(kind: str):
    mark = draw_mark(kind)
    ys, xs = np.nonzero(mark.alpha > 0.1)
    assert 0.2 < mark.alpha.max() <= 1
    assert xs.max() - xs.min() > 0.6 * mark.alpha.shape[1]
    assert ys.max() - ys.min() > 0.4 * mark.alpha.shape[0]
    assert mark.alpha[0].max() < 0.01  # drawn whole: nothing is cut off at the upper edge


def test_opacity_scales_a_plain_mark():
    assert draw_mark("bug", opacity=0.3).alpha.max() == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("arguments", [("signature",), ("bug", 0.0), ("bug", 1.5)])
def test_a_mark_that_cannot_be_drawn_is_refused(arguments: tuple):
    with pytest.raises(OptionError):
        draw_mark(*arguments)


def test_the_inside_of_a_flat_mark_follows_the_formula():
    opacity, colour = 0.6, (0.9, 0.4, 0.2)
    placed = place(flat_mark(opacity, colour), Placement(1.0, 40.3, 30.7), WIDTH_PX, HEIGHT_PX)
    planes = random_planes()
    burned = burn(planes, placed, 0.5)
    luma = 0.2126 * 0.9 + 0.7152 * 0.4 + 0.0722 * 0.2
    values = (16 + 219 * luma, 128 + 224 * (0.2 - luma) / 1.8556, 128 + 224 * (0.9 - luma) / 1.5748)
    for index, value in enumerate(values):
        step = 1 + (index > 0)
        middle = (slice(38 // step, 48 // step), slice(48 // step, 58 // step))
        expected = (1 - 0.5 * opacity) * planes[index][middle] + 0.5 * opacity * value
        assert np.abs(burned[index][middle] - expected).max() <= 0.51  # rounding to whole code values


def test_nothing_changes_outside_the_box_and_the_input_stays():
    placed = place(draw_mark("bug"), Placement(0.7, 20.5, 11.25), WIDTH_PX, HEIGHT_PX)
    planes = random_planes()
    before = [plane.copy() for plane in planes]
    burned = burn(planes, placed)
    for index, plane in enumerate(burned):
        np.testing.assert_array_equal(planes[index], before[index])
        outside = np.ones(plane.shape, bool)
        outside[placed.slices(index)] = False
        np.testing.assert_array_equal(plane[outside], before[index][outside])
    assert (burned[0] != before[0]).any()


def test_chroma_alpha_is_the_mean_of_four_lumas():
    placed = place(draw_mark("ring"), Placement(0.5, 12.2, 8.9), WIDTH_PX, HEIGHT_PX)
    alpha = placed.alphas[0]
    four = [alpha[y::2, x::2] for y in (0, 1) for x in (0, 1)]
    np.testing.assert_allclose(placed.alphas[1], np.mean(four, axis=0), atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(x=st.floats(8, 100), y=st.floats(8, 60), scale=st.floats(0.3, 1.0))
def test_the_mark_lands_where_it_was_put(x: float, y: float, scale: float):
    placed = place(flat_mark(0.8, (1, 1, 1)), Placement(scale, x, y), 200, 120)
    alpha = placed.alphas[0].astype(float)
    ys, xs = np.mgrid[placed.box.y0 : placed.box.y1, placed.box.x0 : placed.box.x1] + 0.5
    assert (alpha * xs).sum() / alpha.sum() == pytest.approx(x + 12 * scale, abs=0.05)
    assert (alpha * ys).sum() / alpha.sum() == pytest.approx(y + 12 * scale, abs=0.05)
    assert alpha.sum() / 0.8 == pytest.approx((24 * scale) ** 2, rel=0.03)


def test_a_place_outside_the_frame_is_refused():
    with pytest.raises(OptionError):
        place(draw_mark("bug"), Placement(1.0, -30.0, 10.0), WIDTH_PX, HEIGHT_PX)


def test_a_hopping_mark_is_at_one_place_at_a_time_and_comes_back():
    table = np.stack([strengths("hop", 60, index, 3) for index in range(3)])
    np.testing.assert_array_equal(table.sum(0), 1)
    visits = (np.diff(table, prepend=0, axis=1) == 1).sum(1)
    assert (visits >= 2).all()


def test_a_fading_mark_goes_from_nothing_to_full_and_back():
    strength = strengths("fade", 76)
    assert strength[0] == 0
    assert strength.max() > 0.999
    assert strength[75] == pytest.approx(0, abs=1e-6)


def test_an_unknown_motion_is_refused():
    with pytest.raises(OptionError, match="static, hop, fade"):
        strengths("spin", 10)


def test_the_mark_s_picture_is_straight_and_at_the_burned_scale():
    mark = resized(draw_mark("stamp"), 0.5 / UPSCALE)
    picture = rgba_bytes(mark)
    assert picture.shape == (17, 115, 4)
    solid = picture[..., 3] > 0.8 * 255 * 0.85
    assert np.median(picture[solid][:, 2]) > 200  # yellow letters stay yellow where they are opaque
