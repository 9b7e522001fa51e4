"""How many backgrounds a stack shows."""

from __future__ import annotations

import numpy as np
import pytest
from marked_stacks import SHAPE, texture

from blanklogo.matting.evidence import novelty

ALL = np.ones(SHAPE, bool)


def still(num_frames: int, seed: int, noise: float = 0.0) -> np.ndarray:
    """One picture over and over, under grain of this deviation."""
    grain = np.random.default_rng(seed + 100).normal(0, noise, (num_frames, *SHAPE)) if noise else 0
    return (np.repeat(texture(1, seed=seed), num_frames, axis=0) + grain).astype(np.float32)


def test_copies_of_one_frame_are_one_background() -> None:
    weights = novelty(still(30, 1), ALL)
    assert weights.sum() == pytest.approx(1, abs=0.01)
    assert np.allclose(weights, 1 / 30, rtol=0.01)


def test_unrelated_frames_count_one_each() -> None:
    noise = np.random.default_rng(1).normal(128, 20, (30, *SHAPE)).astype(np.float32)
    assert novelty(noise, ALL).sum() == pytest.approx(30, rel=0.02)


def test_one_frame_is_one_background() -> None:
    assert novelty(texture(1), ALL).tolist() == pytest.approx([1])


@pytest.mark.parametrize("noise", [0.0, 2.0])
def test_a_cut_brings_one_background_however_long_the_shots(noise: float) -> None:
    """A change of level or of contrast at a cut must not pass for many backgrounds."""
    weights = novelty(np.concatenate([still(40, 1, noise), still(10, 2, noise)]), ALL)
    assert weights.sum() == pytest.approx(2, rel=0.15)
    assert weights[:40].sum() == pytest.approx(weights[40:].sum(), rel=0.1)


def test_a_long_still_shot_does_not_outvote_short_ones() -> None:
    weights = novelty(np.concatenate([still(50, 1), texture(5, seed=2, speed_px=30)]), ALL)
    assert weights[:50].sum() == pytest.approx(1, abs=0.1)
    assert weights[50:].sum() == pytest.approx(5, rel=0.1)


def test_light_and_contrast_alone_are_no_new_background() -> None:
    picture = texture(1, seed=3)
    dimmed = np.concatenate([picture, 0.7 * picture, 0.5 * picture + 60, picture + 20])
    assert novelty(dimmed, ALL).sum() == pytest.approx(1, abs=0.02)


def test_what_lies_under_a_mark_is_not_looked_at() -> None:
    known = ALL.copy()
    known[20:50, 20:80] = False
    stack = still(10, 4)
    stack[:, 20:50, 20:80] = np.random.default_rng(5).uniform(0, 255, (10, 30, 60))
    assert novelty(stack, known).sum() < 1.6  # the high-pass carries a little over the rim


def test_nothing_known_is_taken_for_one_background() -> None:
    assert novelty(texture(8), ~ALL).sum() == pytest.approx(1)


def test_a_flat_stack_stays_finite() -> None:
    weights = novelty(np.full((6, *SHAPE), 128, np.float32), ALL)
    assert ((weights > 0) & (weights <= 1)).all()
