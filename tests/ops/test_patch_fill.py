"""A hole is continued with what the picture shows elsewhere, and only where that proves itself."""

from __future__ import annotations

import numpy as np
import pytest

from blanklogo.ops import patch_fill
from blanklogo.ops.harmonic import HarmonicFill
from blanklogo.ops.proven_fill import proven_fill

SHAPE = (120, 160)


def fill_from_patches(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """As far as it proves itself, which is how it is used."""
    return proven_fill(picture, mask, (patch_fill.fill_from_patches,))


def in_colour(luma: np.ndarray) -> np.ndarray:
    return np.dstack([luma, 128 + 0.2 * (luma - 128), np.full_like(luma, 128)]).astype(np.float32)


def tiles() -> np.ndarray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return in_colour(np.where((y % 18 < 3) | ((x + (y // 18 % 2) * 13) % 26 < 3), 210.0, 90.0 + (x // 26 % 2) * 12))


def noise() -> np.ndarray:
    return in_colour(np.random.default_rng(3).normal(128, 30, SHAPE))


def hole() -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[50:72, 40:120] = True
    return mask


def harmonic(picture: np.ndarray) -> np.ndarray:
    return np.moveaxis(HarmonicFill(hole())(np.moveaxis(picture, 2, 0)), 0, 2)


def error(filled: np.ndarray, picture: np.ndarray) -> float:
    return float(np.sqrt(np.mean((filled - picture)[hole()] ** 2)))


def damaged(picture: np.ndarray) -> np.ndarray:
    return np.where(hole()[..., None], 0, picture).astype(np.float32)


def test_a_pattern_that_repeats_is_continued() -> None:
    filled = fill_from_patches(damaged(tiles()), hole())
    # The harmonic fill blurs a tile's edges away, an error of about 45.
    assert error(filled, tiles()) < 0.4 * error(harmonic(damaged(tiles())), tiles())


def test_where_nothing_repeats_it_is_no_worse_than_the_harmonic_fill() -> None:
    filled = fill_from_patches(damaged(noise()), hole())
    # Trust is measured on another hole, so it may be a little off; wrong copies would be 40% worse.
    assert error(filled, noise()) < 1.05 * error(harmonic(damaged(noise())), noise())


def test_nothing_outside_the_hole_changes_and_the_hole_is_not_looked_at() -> None:
    picture = tiles()
    filled = fill_from_patches(damaged(picture), hole())
    assert np.array_equal(filled[~hole()], picture[~hole()])
    other = np.where(hole()[..., None], 255, picture).astype(np.float32)
    assert np.array_equal(filled, fill_from_patches(other, hole()))


@pytest.mark.parametrize("shape", [(8, 30), (30, 8), (12, 12)])
def test_pictures_too_small_for_patches_are_filled_smoothly(shape: tuple[int, int]) -> None:
    picture = in_colour(np.tile(np.linspace(60, 180, shape[1]), (shape[0], 1)))
    mask = np.zeros(shape, bool)
    mask[3:5, 3:6] = True
    filled = fill_from_patches(np.where(mask[..., None], 0, picture).astype(np.float32), mask)
    assert np.abs(filled - picture)[mask].max() < 10  # a ramp is harmonic but for the hole's corners


def test_no_hole_changes_nothing() -> None:
    assert np.array_equal(fill_from_patches(tiles(), np.zeros(SHAPE, bool)), tiles())
