"""The one pass over the samples: shots, and memory that stays bounded."""

from __future__ import annotations

import numpy as np
import pytest
from marked_scenes import cutting, panning, samples

from blanklogo.detection import record as module
from blanklogo.detection.record import record
from blanklogo.detection.samples import analysis_size, gradient_field, shrink


def test_shots_are_in_order_without_gaps():
    shots = record(samples(cutting(30, 5))).shots
    assert [shot.start_seconds for shot in shots] == pytest.approx([0, 1.1, 2.3, 3.5, 4.7])
    assert [shot.end_seconds for shot in shots[:-1]] == [shot.start_seconds for shot in shots[1:]]


def test_a_pan_is_one_shot():
    assert len(record(samples(panning(30, 5))).shots) == 1


def test_windows_do_not_reach_over_a_cut():
    seen = record(samples(cutting(24, 5, every=4)))
    starts = [round(window.start_seconds * 5) for window in seen.windows]
    assert starts == [0, 3, 4, 7, 8, 11, 12, 15, 16, 19, 20, 23]


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MAX_WINDOWS", 8)
    monkeypatch.setattr(module, "MAX_PICTURES_BYTES", 300_000)
    seen = record(samples(panning(80, 5)))
    assert len(seen.windows) <= 8
    assert sum(picture.jpeg.size for picture in seen.pictures) <= 300_000
    for times in ([window.start_seconds for window in seen.windows], list(seen.seconds)):
        steps = np.diff(times)
        assert np.allclose(steps, steps[0])
        assert times[0] == 0
        assert times[-1] > 12


@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((720, 1280), (360, 640)),
        ((1280, 720), (640, 360)),
        ((272, 640), (272, 640)),
        ((8, 8), (8, 8)),
        ((2160, 3840), (360, 640)),
        ((64, 16384), (5, 1280)),
    ],
)
def test_analysis_size(size, small):
    assert analysis_size(*size) == small
    assert shrink(np.zeros(size, np.uint8)).shape == small


def test_gradients_are_softly_clipped():
    step = np.zeros((9, 20), np.uint8)
    step[:, 10:] = 200
    field = gradient_field(step)
    assert field.shape == (2, 9, 20)
    assert 0.9 < field[0, 4, 10] < 1
    assert np.all(field[1] == 0)
