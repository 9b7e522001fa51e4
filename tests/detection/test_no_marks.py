"""Where no mark may be found: clean scenes, and scenes where nothing can be known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marked_scenes import burn, cutting, hand_held, lettering, panning, samples, tripod, zooming

from blanklogo.detection import LumaSample, detect_marks
from blanklogo.types import Platform


def captioned(frames):
    words = ["FIRST LINE HERE", "another caption", "what is said now", "THE LAST ONE"]
    length = len(frames) // len(words)
    for index, text in enumerate(words):
        burn(frames[index * length + 1 : (index + 1) * length], lettering(text, 0.7), 120, 230, 0.95)
    return frames


def barred(frames):
    for frame in frames:
        frame[:30] = frame[-30:] = 16
    return frames


def pillared(frames):
    for frame in frames:
        frame[:, :60] = frame[:, -60:] = 16
    return frames


def divided(frames):
    for frame in frames:
        frame[:, 238:242] = 235
        frame[133:137] = 235
    return frames


def half_still(frames):
    still = panning(1, 99)[0]
    for frame in frames:
        frame[:, :240] = still[:, :240]
    return frames


def with_fine_print(frames):
    middle = len(frames) // 2
    burn(frames[middle : middle + len(frames) // 3], lettering("see terms and conditions", 0.4, 1), 200, 245, 0.8)
    return frames


DRESSES = [list, captioned, barred, pillared, divided, half_still, with_fine_print]


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("scene", [panning, cutting])
def test_moving_scene_without_mark(scene, dress):
    assert detect_marks(samples(dress(scene(36, 20)))).tracks == ()


@pytest.mark.parametrize("dress", [list, captioned, with_fine_print])
@pytest.mark.parametrize("scene", [hand_held, zooming])
def test_swaying_or_zooming_scene_without_mark(scene, dress):
    assert detect_marks(samples(dress(scene(36, 30)))).tracks == ()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 7))
@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize("scene", [panning, cutting, hand_held, zooming, tripod])
def test_many_scenes_without_mark(scene, dress, seed):
    assert detect_marks(samples(dress(scene(40, 10 * seed)))).tracks == ()


def test_tripod_abstains_and_says_what_would_help():
    frames = tripod(36)
    burn(frames, lettering("Mark 42"), 340, 230)
    found = detect_marks(samples(frames))
    assert found.tracks == ()
    assert found.abstained is not None
    assert "stands still" in found.abstained
    assert "--box" in found.abstained
    assert "--mark" in found.abstained


def test_moving_scene_without_mark_does_not_abstain():
    assert detect_marks(samples(panning(36, 20))).abstained is None


@pytest.mark.parametrize("platform", list(Platform))
def test_platform_never_invents_a_mark(platform):
    assert detect_marks(samples(panning(20, 10)), platform=platform).tracks == ()


def test_no_samples():
    found = detect_marks(iter(()))
    assert found.tracks == ()
    assert len(found.shots) == 1
    assert found.abstained is not None


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 130),
    num=st.integers(1, 14),
    flat=st.booleans(),
)
def test_any_size_and_number_of_frames(height, width, num, flat):
    rng = np.random.default_rng(height * 131 + width)
    spread = 1 if flat else 256
    frames = rng.integers(0, spread, (num, height, width)).astype(np.uint8)
    found = detect_marks(LumaSample(index / 5, frame) for index, frame in enumerate(frames))
    assert found.tracks == ()
    assert found.shots[0].start_seconds == 0
