"""Marks that must be found, with their boxes and times."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from marked_scenes import burn, cutting, hand_held, lettering, panning, samples, zooming

from blanklogo.detection import detect_marks
from blanklogo.types import Box, TimeRange

LEFT, TOP = 340, 230
ALPHA = lettering("Mark 42")
TRUTH = Box(LEFT, TOP, LEFT + ALPHA.shape[1], TOP + ALPHA.shape[0])
WHOLE = (TimeRange(),)


def covers(box: Box, truth: Box) -> float:
    common = box.intersection(truth)
    return common.area / truth.area if common else 0.0


@pytest.mark.parametrize("scene", [panning, hand_held, cutting, zooming])
def test_lasting_mark(scene):
    frames = scene(36, 7)
    burn(frames, ALPHA, LEFT, TOP)
    found = detect_marks(samples(frames))
    assert len(found.tracks) == 1
    assert found.tracks[0].ranges == WHOLE
    assert covers(found.tracks[0].box, TRUTH) >= 0.95


def test_box_is_tight_over_a_moving_scene():
    frames = panning(36, 7)
    burn(frames, ALPHA, LEFT, TOP)
    track = detect_marks(samples(frames)).tracks[0]
    assert track.box.iou(TRUTH) >= 0.75
    assert track.method == "evidence"
    assert track.confidence > 0.8


def test_faint_mark_over_cuts():
    frames = cutting(48, 3)
    burn(frames, ALPHA, LEFT, TOP, strength=0.3)
    found = detect_marks(samples(frames))
    assert [covers(track.box, TRUTH) >= 0.95 for track in found.tracks] == [True]
    assert len(found.shots) == 8


def test_polarity_may_turn_round_at_a_cut():
    frames = panning(18, 7) + panning(18, 8)
    burn(frames[:18], ALPHA, LEFT, TOP, colour=235)
    burn(frames[18:], ALPHA, LEFT, TOP, colour=16)
    found = detect_marks(samples(frames))
    assert [covers(track.box, TRUTH) >= 0.95 for track in found.tracks] == [True]


def test_two_marks_of_different_size():
    frames = panning(36, 7)
    burn(frames, ALPHA, LEFT, TOP)
    small = lettering("tv9", 0.6)
    burn(frames, small, 20, 20)
    tracks = detect_marks(samples(frames)).tracks
    truths = [TRUTH, Box(20, 20, 20 + small.shape[1], 20 + small.shape[0])]
    assert sorted(max(covers(track.box, truth) for track in tracks) >= 0.95 for truth in truths) == [True, True]
    assert {track.mark_index for track in tracks} == {0, 1}


def test_mark_that_comes_late():
    frames = panning(50, 7)
    burn(frames[15:], ALPHA, LEFT, TOP)
    (track,) = detect_marks(samples(frames)).tracks
    assert len(track.ranges) == 1
    assert track.start_seconds == pytest.approx(2.9, abs=0.2)
    assert track.end_seconds == math.inf


def test_hopping_mark_that_returns():
    frames = panning(60, 7)
    for start in range(0, 60, 20):
        burn(frames[start : start + 10], ALPHA, LEFT, TOP)
        burn(frames[start + 10 : start + 20], ALPHA, 20, 20)
    tracks = detect_marks(samples(frames)).tracks
    assert len(tracks) == 2
    assert {track.mark_index for track in tracks} == {0}
    for index in range(60):
        present = [track.box.y0 > 100 for track in tracks if track.is_present(index / 5)]
        if index % 10 not in (0, 9):
            assert present == [index % 20 < 10]


def test_hopping_mark_with_one_visit_at_each_place():
    frames = panning(60, 7)
    places = [(LEFT, TOP), (20, 20), (100, TOP)]
    for index, (left, top) in enumerate(places):
        burn(frames[index * 20 : index * 20 + 20], ALPHA, left, top)
    tracks = detect_marks(samples(frames)).tracks
    assert len(tracks) == 3
    height, width = ALPHA.shape
    for index, (left, top) in enumerate(places):
        at_middle = [track.box for track in tracks if track.is_present(index * 4 + 2)]
        assert len(at_middle) == 1
        assert covers(at_middle[0], Box(left, top, left + width, top + height)) >= 0.95


def test_fading_mark():
    frames = panning(60, 7)
    gains = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(60) / 20)
    burn(frames, ALPHA, LEFT, TOP, strength=0.6 * gains)
    (track,) = detect_marks(samples(frames)).tracks
    assert covers(track.box, TRUTH) >= 0.95
    agree = [track.is_present(index / 5) == (gains[index] > 0.15) for index in range(60)]
    assert np.mean(agree) >= 0.85


def test_box_is_in_px_of_the_samples():
    frames = panning(36, 7)
    burn(frames, ALPHA, LEFT, TOP)
    large = [np.kron(frame, np.ones((2, 2), np.float32)) for frame in frames]
    (track,) = detect_marks(samples(large)).tracks
    truth = Box(2 * TRUTH.x0, 2 * TRUTH.y0, 2 * TRUTH.x1, 2 * TRUTH.y1)
    assert covers(track.box, truth) >= 0.95
    assert track.box.iou(truth) >= 0.6


def test_only_the_asked_part_is_looked_at():
    frames = panning(60, 7)
    burn(frames[30:], ALPHA, LEFT, TOP)
    part = TimeRange(6.0, 11.0)
    (track,) = detect_marks(samples(frames), within=part).tracks
    assert track.ranges == (part,)


def test_ring_that_turns_polarity_round_is_part_of_the_mark():
    frames = panning(40, 7) + cutting(20, 9, every=4)
    ring = np.zeros((90, 110), np.uint8)
    cv2.circle(ring, (55, 45), 42, 255, 5, cv2.LINE_AA)
    cv2.rectangle(ring, (8, 31), (102, 59), 255, -1)
    burn(frames, ring.astype(np.float32) / 255, 330, 150, colour=118)
    letters = lettering("CHAN 7", 0.6)
    burn(frames, letters, 385 - letters.shape[1] // 2, 195 - letters.shape[0] // 2, 0.8)
    (track,) = detect_marks(samples(frames)).tracks
    assert track.box.iou(Box(338, 151, 433, 240)) >= 0.75
