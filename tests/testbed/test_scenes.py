"""Generated backgrounds: the same for the same seed, lazy, moving where they should, still where they should."""

from __future__ import annotations

import time
import tracemalloc
from itertools import islice, pairwise

import numpy as np
import pytest

from blanklogo.errors import OptionError
from blanklogo.testbed.scenery import to_bgr
from blanklogo.testbed.scenes import KINDS, Scene


def small(kind: str, **changes: int) -> Scene:
    return Scene(kind, **({"width_px": 160, "height_px": 96, "num_frames": 12} | changes))


@pytest.mark.parametrize("kind", KINDS)
def test_frames_have_the_right_number_shape_and_spread(kind: str):
    frames = list(small(kind).frames())
    assert len(frames) == 12
    assert [plane.shape for plane in frames[0]] == [(96, 160), (48, 80), (48, 80)]
    assert all(plane.dtype == np.uint8 for plane in frames[0])
    assert frames[0][0].std() > 10  # something is to be seen


@pytest.mark.parametrize("kind", KINDS)
def test_the_seed_decides_everything(kind: str):
    one, same = (list(small(kind).frames()) for _ in range(2))
    other = list(small(kind, seed=2).frames())
    for frame, again in zip(one, same, strict=True):
        for plane, plane_again in zip(frame, again, strict=True):
            np.testing.assert_array_equal(plane, plane_again)
    assert (one[0][0] != other[0][0]).mean() > 0.5


def test_a_ten_minute_scene_starts_at_once_and_holds_few_frames():
    scene = small("walk", num_frames=15_000)
    tracemalloc.start()
    started = time.perf_counter()
    taken = sum(1 for _ in islice(scene.frames(), 50))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert taken == 50
    assert time.perf_counter() - started < 20
    assert peak_bytes < 20e6  # 15 000 frames would be 350 MB


def test_the_walk_moves_and_the_tripod_does_not():
    changes = {}
    for kind in ("walk", "tripod"):
        frames = list(small(kind, num_frames=6).frames())
        changes[kind] = float(np.median(np.abs(frames[5][0].astype(float) - frames[0][0])))
    assert changes["walk"] > 4
    assert changes["tripod"] < 3  # its grain alone


def test_cuts_change_the_whole_picture():
    frames = [planes[0].astype(float) for planes in small("cuts", num_frames=200).frames()]
    steps = [np.abs(after - before).mean() for before, after in pairwise(frames)]
    assert 2 <= sum(step > 4 * np.median(steps) for step in steps) <= 8  # shots of one to three seconds


@pytest.mark.parametrize(
    "changes", [{"kind": "moon"}, {"width_px": 161}, {"height_px": 16}, {"num_frames": 0}], ids=str
)
def test_a_scene_that_cannot_be_is_refused(changes: dict):
    with pytest.raises(OptionError):
        Scene(**({"kind": "walk", "width_px": 160, "height_px": 96} | changes))


def test_pictures_for_people_have_the_planes_colours():
    grey = (np.full((4, 4), 126, np.uint8), np.full((2, 2), 128, np.uint8), np.full((2, 2), 128, np.uint8))
    np.testing.assert_array_equal(to_bgr(grey), 128)
    red = (np.full((4, 4), 63, np.uint8), np.full((2, 2), 102, np.uint8), np.full((2, 2), 240, np.uint8))
    assert np.abs(to_bgr(red)[0, 0].astype(int) - [0, 0, 255]).max() <= 2  # BT.709's red
