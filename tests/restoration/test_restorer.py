"""What a mark's place looks like afterwards, against the truth and against a plain fill."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from known_mattes import NUM_FRAMES, SHAPE, WHITE, backgrounds, exact_matte, letters, marked, psnr

from blanklogo.matting.blind import estimate_blind
from blanklogo.matting.samples import CropSamples
from blanklogo.media.planes import PlaneFormat
from blanklogo.restoration.restorer import PlaneRestorer
from blanklogo.types import Box, PlaneMatte

ALWAYS = np.ones(NUM_FRAMES, np.float32)
NOISE_SIGMA, CORRELATION = 1.2, 5.0


def restorer(matte: PlaneMatte) -> PlaneRestorer:
    return PlaneRestorer(matte, NOISE_SIGMA, CORRELATION)


# Measured 45, 35, 31 dB where a fill comes to 23; half of the lead is asked for.
@pytest.mark.parametrize(("opacity", "least_gain_db"), [(0.3, 11), (0.5, 5.5), (0.7, 3.5)])
def test_unblending_beats_a_fill_on_texture(opacity: float, least_gain_db: float) -> None:
    truth, matte = backgrounds(), exact_matte(opacity)
    pictures, on = marked(truth, matte), matte.alpha > 0.02
    unblended, filled = restorer(matte).unblend(pictures, ALWAYS), restorer(matte).inpaint(pictures, ALWAYS)
    assert psnr(unblended.pictures, truth, on) > psnr(filled.pictures, truth, on) + least_gain_db
    assert psnr(unblended.pictures, truth, on) > psnr(pictures, truth, on) + 15
    assert unblended.unblended_share > 0.35
    assert filled.unblended_share == 0


def test_on_a_flat_background_it_is_as_good_as_a_fill() -> None:
    truth, matte = np.full((NUM_FRAMES, *SHAPE), 110, np.float32), exact_matte(0.7)
    pictures, on = marked(truth, matte), matte.alpha > 0.02
    unblended, filled = restorer(matte).unblend(pictures, ALWAYS), restorer(matte).inpaint(pictures, ALWAYS)
    assert psnr(unblended.pictures, truth, on) > psnr(filled.pictures, truth, on) - 0.5
    assert psnr(unblended.pictures, truth, on) > 50


def still(background: str) -> np.ndarray:
    """A picture that does not change, float32 [T, h, w]."""
    rows, columns = np.indices(SHAPE).astype(np.float32)
    picture = {"flat": np.full(SHAPE, 110.0), "slope": 70 + columns / 2 + rows / 3, "texture": backgrounds(1)[0]}
    return np.repeat(picture[background][None].astype(np.float32), NUM_FRAMES, axis=0)


@pytest.mark.parametrize("background", ["flat", "slope", "texture"])
@pytest.mark.parametrize("opacity", [0.4, 0.8])
def test_a_wrong_matte_that_says_so_leaves_the_fill(background: str, opacity: float) -> None:
    truth, true = still(background), exact_matte(opacity)
    lost = np.full(SHAPE, 100.0, np.float32)
    wrong = replace(
        true,
        alpha=0.4 * true.alpha,
        premultiplied=0.4 * true.premultiplied,
        alpha_variance=lost,
        premultiplied_variance=lost * WHITE**2,
    )
    pictures, on = marked(truth, true), true.alpha > 0.02
    unblended, filled = restorer(wrong).unblend(pictures, ALWAYS), restorer(wrong).inpaint(pictures, ALWAYS)
    assert psnr(unblended.pictures, truth, on) > psnr(filled.pictures, truth, on) - 0.5


@pytest.mark.parametrize("background", ["flat", "slope", "texture"])
@pytest.mark.parametrize("opacity", [0.4, 0.8])
def test_a_matte_learnt_before_a_still_camera_paints_no_garbage(background: str, opacity: float) -> None:
    truth, true = still(background), exact_matte(opacity)
    pictures, on = marked(truth, true), true.alpha > 0.02
    rows, columns = np.nonzero(on)
    box = Box(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    grey = np.full((NUM_FRAMES, SHAPE[0] // 2, SHAPE[1] // 2), 128, np.uint8)
    planes = (pictures.astype(np.uint8), grey, grey)
    place = Box(0, 0, SHAPE[1], SHAPE[0])
    samples = CropSamples(place, np.arange(NUM_FRAMES) / 25, planes, PlaneFormat.from_name("yuv420p"), ALWAYS)
    learnt = estimate_blind(samples, box).planes[0]
    unblended, filled = restorer(learnt).unblend(pictures, ALWAYS), restorer(learnt).inpaint(pictures, ALWAYS)
    assert psnr(unblended.pictures, truth, on) > psnr(filled.pictures, truth, on) - 0.5


def test_an_opaque_mark_is_never_unblended() -> None:
    truth, matte = backgrounds(), exact_matte(1.0)
    pictures, opaque = marked(truth, matte), matte.alpha > 0.92
    restored = restorer(matte).unblend(pictures, ALWAYS).pictures
    around = matte.support.any(axis=0)
    low, high = truth[:, :, around].min(), truth[:, :, around].max()
    assert restored[:, opaque].min() > low - 8
    assert restored[:, opaque].max() < high + 8
    # What shines through is noise divided by nought: with other noise the result must be the same.
    nonsense = pictures.copy()
    nonsense[:, opaque] = np.random.default_rng(2).uniform(2, 253, nonsense[:, opaque].shape)
    again = restorer(matte).unblend(nonsense, ALWAYS).pictures
    assert np.abs(again - restored)[:, opaque].max() < 3


@pytest.mark.parametrize("way", ["unblend", "inpaint"])
def test_frames_without_the_mark_and_pixels_beside_it_stay_bit_for_bit(way: str) -> None:
    matte = exact_matte(0.5)
    strength = np.array([1, 1, 0, 0, 1, 0.4, 0, 1, 1, 0], np.float32)
    pictures = marked(backgrounds(), matte, strength)
    before = pictures.copy()
    restored = getattr(restorer(matte), way)(pictures, strength).pictures
    assert (restored[strength == 0] == pictures[strength == 0]).all()
    assert (restored[:, ~matte.support] == pictures[:, ~matte.support]).all()
    assert (restored[:, matte.support][strength > 0] != pictures[:, matte.support][strength > 0]).any()
    assert (pictures == before).all()


def test_a_fading_mark_is_taken_out_at_its_strength() -> None:
    truth, matte = backgrounds(), exact_matte(0.6)
    strength = np.linspace(0.2, 1, NUM_FRAMES).astype(np.float32)
    pictures, on = marked(truth, matte, strength), matte.alpha > 0.02
    right = restorer(matte).unblend(pictures, strength).pictures
    steady = restorer(matte).unblend(pictures, ALWAYS).pictures
    assert psnr(right, truth, on) > psnr(steady, truth, on) + 6
    assert psnr(right, truth, on) > 31


def test_one_frame_alone_is_restored() -> None:
    truth, matte = backgrounds(1), exact_matte(0.5)
    pictures, on = marked(truth, matte), matte.alpha > 0.02
    restored = restorer(matte).unblend(pictures, ALWAYS[:1]).pictures
    assert psnr(restored, truth, on) > psnr(pictures, truth, on) + 12


def test_an_empty_matte_changes_nothing() -> None:
    nothing = np.zeros(SHAPE, np.float32)
    matte = PlaneMatte(nothing, nothing, nothing, nothing, nothing, nothing > 0)
    pictures = backgrounds()
    restored = restorer(matte).unblend(pictures, ALWAYS)
    assert (restored.pictures == pictures).all()
    assert restored.unblended_share == 0


def test_the_whole_mark_is_within_reach() -> None:
    """The drawing itself: letters that fill a good part of the place, none at its edge."""
    assert 0.03 < (letters() > 0.5).mean() < 0.3
    assert not exact_matte(1).support[[0, -1]].any()
