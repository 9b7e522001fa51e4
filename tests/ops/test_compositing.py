"""A mark laid over and taken off again gives the background back."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from blanklogo.ops.compositing import over, unblend

SHAPE = (4, 5)
# 1 - 0.95 = 0.05 lets a float32's rounding grow twentyfold: 255 * 2**-23 * 20 * a few operations.
TOLERANCE = 0.01


def planes(top: float) -> st.SearchStrategy[np.ndarray]:
    return arrays.arrays(np.float32, SHAPE, elements=st.floats(0, top, width=32))


@given(background=planes(255), alpha=planes(0.949999988079071), colour=planes(255), strength=st.floats(0, 1))
def test_unblend_is_the_inverse_of_over(
    background: np.ndarray, alpha: np.ndarray, colour: np.ndarray, strength: float
) -> None:
    shown = over(background, alpha, alpha * colour, strength)
    assert np.abs(unblend(shown, alpha, alpha * colour, strength) - background).max() < TOLERANCE


@given(background=planes(255), alpha=planes(1), colour=planes(255), strength=st.floats(0, 1))
def test_over_stays_between_background_and_colour(
    background: np.ndarray, alpha: np.ndarray, colour: np.ndarray, strength: float
) -> None:
    shown = over(background, alpha, alpha * colour, strength)
    assert (shown >= np.minimum(background, colour) - TOLERANCE).all()
    assert (shown <= np.maximum(background, colour) + TOLERANCE).all()


def test_each_frame_may_have_its_own_strength() -> None:
    background = np.full((3, *SHAPE), 100, np.float32)
    alpha = np.full(SHAPE, 0.5, np.float32)
    strength = np.array([0, 0.5, 1], np.float32)[:, None, None]
    shown = over(background, alpha, alpha * 200, strength)
    assert shown[:, 0, 0].tolist() == [100, 125, 150]
    assert np.allclose(unblend(shown, alpha, alpha * 200, strength), background)


def test_an_opaque_pixel_stays_finite() -> None:
    alpha = np.ones(SHAPE, np.float32)
    assert np.isfinite(unblend(np.full(SHAPE, 235, np.float32), alpha, 230 * alpha)).all()
