"""Two opinions made one."""

from __future__ import annotations

import numpy as np
import pytest
from known_mattes import SHAPE, backgrounds, exact_matte, marked

from blanklogo.restoration.fuse import Surroundings, fuse
from blanklogo.restoration.unblend import Unblended, edge_noise, unblend_with_variance

NUM_FRAMES = 6
HOLE = np.zeros(SHAPE, bool)
HOLE[20:44, 20:70] = True


def around(ceiling: float = 1e4) -> Surroundings:
    return Surroundings(HOLE, np.full(SHAPE, ceiling, np.float32), 5.0)


def opinion(values: np.ndarray, noise: float, matte: float = 0.0) -> Unblended:
    shape = values.shape
    return Unblended(values, np.full(shape, noise, np.float32), np.full(shape, matte, np.float32))


def smooth() -> np.ndarray:
    return np.full((NUM_FRAMES, *SHAPE), 100, np.float32)


@pytest.mark.parametrize("which", ["noise", "matte"])
def test_an_opinion_without_weight_leaves_the_fill(which: str) -> None:
    wild = np.random.default_rng(1).uniform(-5000, 5000, smooth().shape).astype(np.float32)
    fused, weight = fuse(opinion(wild, **{"noise": 1.0, which: 1e12}), smooth(), around())
    assert np.abs(fused - smooth())[:, HOLE].max() < 0.05
    assert weight[:, HOLE].max() < 1e-4


def test_a_sure_opinion_wins_over_texture() -> None:
    truth = backgrounds(NUM_FRAMES)
    fused, weight = fuse(opinion(truth, 0.01), smooth(), around())
    assert np.abs(fused - truth)[:, HOLE].max() < 1
    assert weight[:, HOLE].min() > 0.9


def test_noise_on_a_flat_background_is_left_out() -> None:
    noisy = smooth() + np.random.default_rng(2).normal(0, 5, smooth().shape).astype(np.float32)
    fused, weight = fuse(opinion(noisy, 25.0), smooth(), around())
    assert np.sqrt(np.mean((fused - smooth())[:, HOLE] ** 2)) < 1.2
    assert weight[:, HOLE].mean() < 0.15


def test_a_fill_that_is_off_at_large_is_set_right() -> None:
    """One step of 12 under noise of 10 a pixel: the mean tells, though no pixel does."""
    noisy = smooth() + 12 + np.random.default_rng(3).normal(0, 10, smooth().shape).astype(np.float32)
    fused, _ = fuse(opinion(noisy, 100.0), smooth(), around())
    assert (fused - smooth())[:, HOLE].mean() == pytest.approx(12, abs=2)


def test_the_ceiling_keeps_a_wrong_matte_from_passing_for_texture() -> None:
    wrong = smooth() + 80
    low, high = (fuse(opinion(wrong, 4.0, 100.0), smooth(), around(ceiling))[0][:, HOLE].mean() for ceiling in (4, 1e4))
    assert low - 100 < 0.25 * (high - 100)


def test_weights_are_shares() -> None:
    rng = np.random.default_rng(4)
    values = rng.uniform(0, 255, smooth().shape).astype(np.float32)
    noise = 10 ** rng.uniform(-2, 6, smooth().shape).astype(np.float32)
    fused, weight = fuse(Unblended(values, noise, noise[::-1].copy()), smooth(), around())
    assert np.isfinite(fused).all()
    assert (weight >= 0).all()
    assert (weight <= 1).all()


def test_variance_grows_as_less_light_gets_through() -> None:
    matte = exact_matte(1.0)
    pictures = marked(backgrounds(NUM_FRAMES), matte)
    gain = np.ones((NUM_FRAMES, 1, 1), np.float32)
    noise = unblend_with_variance(pictures, matte, gain, np.ones(SHAPE, np.float32)).noise_variance[0]
    for low, high in ((0.0, 0.2), (0.3, 0.5), (0.6, 0.8)):
        band = (matte.alpha > low) & (matte.alpha < high)
        assert (noise[band] <= 16 / (1 - high) ** 2).all()
        assert (noise[band] >= 1 / (1 - low) ** 2 - 1e-3).all()
    assert (noise[matte.alpha > 0.9] >= 1e8).all()


def test_clipped_values_are_trusted_less() -> None:
    matte = exact_matte(0.4)
    pictures = np.full((2, *SHAPE), 128, np.float32)
    pictures[1] = 255
    noise = unblend_with_variance(pictures, matte, np.ones((2, 1, 1), np.float32), np.ones(SHAPE, np.float32))
    assert np.allclose(noise.noise_variance[1], 16 * noise.noise_variance[0])


def test_the_doubt_of_a_matte_is_the_derivative_by_it() -> None:
    """dJ/da = J / (1 - a), dJ/dp = -1 / (1 - a): against a small change of the matte itself."""
    exact = exact_matte(0.5)
    pictures = marked(backgrounds(NUM_FRAMES), exact)
    gain = np.ones((NUM_FRAMES, 1, 1), np.float32)
    step = np.full(SHAPE, 1e-3, np.float32)
    nothing = np.zeros(SHAPE, np.float32)
    doubtful = type(exact)(exact.alpha, exact.premultiplied, step**2, nothing, nothing, exact.support)
    shifted = type(exact)(exact.alpha + step, exact.premultiplied, nothing, nothing, nothing, exact.support)
    here = unblend_with_variance(pictures, doubtful, gain, nothing)
    there = unblend_with_variance(pictures, shifted, gain, nothing)
    assert np.allclose(np.sqrt(here.matte_variance), np.abs(there.values - here.values), rtol=0.02, atol=1e-3)


def test_noise_is_larger_at_the_marks_edges_only() -> None:
    noise = edge_noise(exact_matte(0.8))
    assert noise.max() > 5
    assert noise[:5].max() < 0.01 * noise.max()
