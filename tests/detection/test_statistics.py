"""What a network is shown: means, deviations and coherence over a window."""

from __future__ import annotations

import numpy as np
import pytest
from tests.detection.marked_scenes import burn, lettering, panning, tripod

from blanklogo.detection.statistics import DEVIATION_SCALE, window_statistics


def pictures(frames: list) -> list[np.ndarray]:
    return [np.clip(np.rint(frame), 0, 255).astype(np.uint8) for frame in frames]


def test_of_one_picture_it_is_the_picture_and_no_deviation() -> None:
    (picture,) = pictures(panning(1))
    mean, deviation, coherence = window_statistics([picture])
    assert (mean == picture).all()
    assert not deviation.any()
    assert coherence.max() > 200


def test_deviation_is_that_of_numpy() -> None:
    noise = np.random.default_rng(1).integers(0, 255, (6, 40, 60)).astype(np.uint8)
    expected = DEVIATION_SCALE * np.log1p(noise.std(0))
    assert window_statistics(list(noise))[1] == pytest.approx(np.clip(expected, 0, 255), abs=1)


def test_what_is_burned_in_stands_out_where_the_camera_moves() -> None:
    frames = panning(6, step=(23.0, 11.0))
    mark = lettering("DEMO")
    burn(frames, mark, 30, 20, 1.0)
    place = np.zeros(frames[0].shape, bool)
    place[20 : 20 + mark.shape[0], 30 : 30 + mark.shape[1]] = mark > 0.9
    mean, deviation, coherence = window_statistics(pictures(frames))
    assert mean[place].min() > 225
    assert deviation[place].max() < deviation[~place].mean()
    edges = np.zeros_like(place)
    edges[20 : 20 + mark.shape[0], 30 : 30 + mark.shape[1]] = (mark > 0.2) & (mark < 0.8)
    assert coherence[edges].mean() > 2 * coherence[~place].mean()


def test_the_order_of_pictures_does_not_matter() -> None:
    shown = pictures(tripod(6))
    assert (window_statistics(shown) == window_statistics(shown[::-1])).all()
