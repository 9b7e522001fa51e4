"""The harmonic fill: what it must reproduce, what it may never do, and what its doubt says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blanklogo.errors import OptionError
from blanklogo.ops.harmonic import FillDoubt, HarmonicFill

SHAPE = (24, 32)
ROWS, COLUMNS = np.indices(SHAPE).astype(np.float32)


def a_hole() -> np.ndarray:
    """A block, a stroke and a lone pixel, none at the edge."""
    hole = np.zeros(SHAPE, bool)
    hole[5:12, 6:20] = True
    hole[15:20, 24] = True
    hole[20, 3] = True
    return hole


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(0, 255))
def test_a_slope_is_continued_exactly(along_x: float, along_y: float, level: float) -> None:
    picture = (level + along_x * COLUMNS + along_y * ROWS).astype(np.float32)
    hole = a_hole()
    filled = HarmonicFill(hole)(np.where(hole, -1e4, picture))
    assert np.abs(filled - picture).max() < 1e-3  # float32 keeps seven digits of 400


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.7))
def test_nothing_exceeds_the_surroundings_and_known_pixels_stay(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    hole = rng.random(SHAPE) < share  # reaches the edges, too
    hole[0, 0] = False
    picture = rng.uniform(0, 255, SHAPE).astype(np.float32)
    filled = HarmonicFill(hole)(np.where(hole, np.float32(999), picture))
    assert (filled[~hole] == picture[~hole]).all()
    known = picture[~hole]
    assert known.min() - 1e-3 <= filled.min()
    assert filled.max() <= known.max() + 1e-3


def test_every_filled_pixel_is_the_mean_of_its_neighbours() -> None:
    picture = np.random.default_rng(1).uniform(0, 255, SHAPE).astype(np.float32)
    hole = a_hole()
    filled = HarmonicFill(hole)(picture).astype(np.float64)
    mean = sum(np.roll(filled, shift, axis) for shift in (-1, 1) for axis in (0, 1)) / 4
    assert np.abs(filled - mean)[hole].max() < 1e-3


def test_a_stack_is_filled_as_its_pictures_are() -> None:
    stack = np.random.default_rng(2).integers(0, 256, (4, *SHAPE)).astype(np.uint8)
    fill = HarmonicFill(a_hole())
    together = fill(stack)
    assert together.dtype == np.float32
    assert together.shape == stack.shape
    for one, picture in zip(together, stack, strict=True):
        assert np.allclose(one, fill(picture), atol=1e-4)


def test_the_input_is_not_written_to() -> None:
    picture = np.full(SHAPE, 7, np.float32)
    picture[a_hole()] = 200
    before = picture.copy()
    HarmonicFill(a_hole())(picture)
    assert (picture == before).all()


def test_no_hole_changes_nothing() -> None:
    picture = np.random.default_rng(3).uniform(0, 255, (2, *SHAPE)).astype(np.float32)
    assert (HarmonicFill(np.zeros(SHAPE, bool))(picture) == picture).all()


def test_a_hole_without_surroundings_is_refused() -> None:
    with pytest.raises(OptionError, match="whole crop"):
        HarmonicFill(np.ones(SHAPE, bool))


def test_doubt_grows_with_the_distance_and_is_nought_outside() -> None:
    hole = np.zeros((40, 40), bool)
    hole[10:30, 10:30] = True
    noise = np.random.default_rng(4).normal(128, 20, (30, 40, 40)).astype(np.float32)
    doubt = FillDoubt(hole)(noise)
    assert (doubt[~hole] == 0).all()
    assert doubt[20, 20] > 2 * doubt[20, 10] > 0
    assert (np.diff([doubt[20, x] for x in (10, 13, 16, 19)]) > 0).all()


def test_doubt_grows_with_the_texture_around() -> None:
    hole = a_hole()
    noise = np.random.default_rng(5).normal(0, 1, (10, *SHAPE)).astype(np.float32)
    calm, busy = (FillDoubt(hole)(128 + sigma * noise)[hole].mean() for sigma in (2, 20))
    assert busy == pytest.approx(100 * calm, rel=0.01)  # an energy: ten times the texture, a hundred times the doubt
    assert FillDoubt(hole)(np.full((2, *SHAPE), 99, np.float32)).max() == 0


def test_doubt_is_blind_to_what_is_in_the_hole() -> None:
    hole = np.zeros((40, 40), bool)
    hole[15:25, 15:25] = True
    stack = np.random.default_rng(6).normal(128, 5, (3, 40, 40)).astype(np.float32)
    marked = stack.copy()
    marked[:, hole] = 250
    plain, with_mark = FillDoubt(hole)(stack)[hole].mean(), FillDoubt(hole)(marked)[hole].mean()
    assert with_mark < 3 * plain  # without the wider hole, the edge of the mark alone makes it 40 times


def test_a_guide_gives_the_detail_and_the_surroundings_the_level() -> None:
    rng = np.random.default_rng(8)
    guide = rng.normal(100, 20, (20, 30)).astype(np.float32)
    hole = np.zeros((20, 30), bool)
    hole[6:13, 8:22] = True
    lifted = guide + np.linspace(-15, 25, 30, dtype=np.float32)  # a ramp is harmonic: it is continued exactly
    filled = HarmonicFill(hole, guide)(np.where(hole, 0, lifted))
    assert np.allclose(filled, lifted, atol=1e-3)
