"""Captions are no marks: their lines stay, their picture does not. Marks beside them are found all the same."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from marked_scenes import HEIGHT, WIDTH, burn, cutting, lettering, panning, samples

from blanklogo.detection import LumaSample, detect_marks
from blanklogo.detection.constancy import LEAST_CONSTANCY, constancy, without_lines
from blanklogo.detection.samples import gradient_field
from blanklogo.testbed.scenes import Scene
from blanklogo.types import Box

LINES = [
    "they came home in the rain",
    "nobody had seen the river",
    "we should wait for her",
    "then what was it all for",
    "a light in the window there",
    "it was never about money",
    "come and look at this one",
    "the bridge is out again",
]
BASELINE, LEFT = 252, 60
MARK = lettering("Mark 42")
PLACE = (370, 20)
TRUTH = Box(*PLACE, PLACE[0] + MARK.shape[1], PLACE[1] + MARK.shape[0])


def written(text, x, font=cv2.FONT_HERSHEY_SIMPLEX, scale=0.7, thickness=2, baseline=BASELINE):
    """Alpha of a line on the whole frame, float32 [HEIGHT, WIDTH]."""
    drawn = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.putText(drawn, text, (x, baseline), font, scale, 255, thickness, cv2.LINE_AA)
    return drawn.astype(np.float32) / 255


def plain(frames, text, left):
    burn(frames, written(text, left), 0, 0, 0.95)


def outlined(frames, text, left):
    burn(frames, written(text, left, thickness=5), 0, 0, 0.95, colour=16)
    burn(frames, written(text, left), 0, 0, 0.95)


def barred(frames, text, left):
    width = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.7, 2)[0][0]
    burn(frames, np.ones((32, width + 16), np.float32), left - 8, BASELINE - 22, 0.6, colour=16)
    burn(frames, written(text, left), 0, 0, 0.95)


def in_two_lines(frames, text, left):
    first, second = text[: len(text) // 2], text[len(text) // 2 :]
    burn(frames, np.maximum(written(first, left, baseline=BASELINE - 28), written(second, left)), 0, 0, 0.95)


def in_another_face(frames, text, left):
    burn(frames, written(text, left, font=cv2.FONT_HERSHEY_TRIPLEX, scale=0.6, thickness=1), 0, 0, 0.95)


def captioned(frames, style=plain, is_centred=False, gap=0, first=0, lasting=8):
    """Frames with captions of `lasting` frames each, `gap` frames apart."""
    for index, start in enumerate(range(0, len(frames), lasting + gap)):
        text = LINES[(first + index) % len(LINES)]
        width = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.7, 2)[0][0]
        style(frames[start : start + lasting], text, (WIDTH - width) // 2 if is_centred else LEFT)
    return frames


@pytest.mark.parametrize("is_centred", [False, True])
@pytest.mark.parametrize("style", [plain, outlined, barred, in_two_lines, in_another_face])
@pytest.mark.parametrize("scene", [panning, cutting])
def test_captions_are_no_mark(scene, style, is_centred):
    assert detect_marks(samples(captioned(scene(40, 11), style, is_centred))).tracks == ()


@pytest.mark.parametrize("first", range(3))
@pytest.mark.parametrize(("gap", "lasting"), [(0, 5), (2, 8), (0, 14)])
def test_captions_of_any_pace_are_no_mark(gap, lasting, first):
    frames = captioned(panning(42, 12), gap=gap, first=first, lasting=lasting)
    assert detect_marks(samples(frames)).tracks == ()


@pytest.mark.parametrize("seed", [5, 3])
def test_generated_captions_are_no_mark(seed):
    scene = Scene("captions", 960, 540, num_frames=150, seed=seed)
    seen = (LumaSample(index / 25, planes[0]) for index, planes in enumerate(scene.frames()) if index % 3 == 0)
    assert detect_marks(seen).tracks == ()


@pytest.mark.parametrize("scene", [panning, cutting])
def test_mark_beside_captions_is_found_alone(scene):
    frames = captioned(scene(40, 14))
    burn(frames, MARK, *PLACE)
    (track,) = detect_marks(samples(frames)).tracks
    assert track.box.iou(TRUTH) >= 0.7


def test_hopping_mark_beside_captions_is_found_alone():
    frames = captioned(panning(60, 7), lasting=9)
    places = [PLACE, (20, 20), (20, 120)]
    for index, start in enumerate(range(0, 60, 10)):
        burn(frames[start : start + 10], MARK, *places[index % 3])
    tracks = detect_marks(samples(frames)).tracks
    assert {track.mark_index for track in tracks} == {0}
    assert len(tracks) == 3
    assert all(track.box.y1 < 160 for track in tracks)


def test_mark_with_a_turning_icon_is_found_by_its_lettering():
    frames = panning(48, 17)
    for index, frame in enumerate(frames):
        icon, angle = np.zeros((40, 40), np.uint8), 0.9 * index
        tip = np.rint([17 * np.cos(angle), 17 * np.sin(angle)]).astype(int)
        cv2.line(icon, (20 - int(tip[0]), 20 - int(tip[1])), (20 + int(tip[0]), 20 + int(tip[1])), 255, 6, cv2.LINE_AA)
        burn([frame], np.asarray(icon, np.float32) / 255, PLACE[0] - 48, PLACE[1] - 10, 0.8)
    burn(frames, MARK, *PLACE)
    (track,) = detect_marks(samples(frames)).tracks
    common = track.box.intersection(TRUTH)
    assert common is not None
    assert common.area >= 0.95 * TRUTH.area


def test_mark_of_mere_lines_is_found():
    stripes = np.zeros((30, 70), np.float32)
    for top in (4, 13, 22):
        stripes[top : top + 4, 4:66] = 1
    frames = panning(40, 18)
    burn(frames, stripes, 20, 20)
    assert len(detect_marks(samples(frames)).tracks) == 1


def test_caption_that_never_changes_cannot_be_told_from_a_mark():
    assert len(detect_marks(samples(captioned(panning(40, 19), lasting=40))).tracks) == 1


def measured(texts):
    """Constancy of lines of text, one a window, over scenes that all differ."""
    alphas = [written(text, LEFT)[225:260] for text in texts]
    fields = [gradient_field(panning(1, index)[0][225:260] * (1 - a) + 235 * a) for index, a in enumerate(alphas)]
    pairs = 1 - np.eye(len(texts), dtype=np.float32)
    return constancy(np.stack(fields), np.ones(len(texts), np.float32), pairs, np.maximum.reduce(alphas) > 0.2)


def test_constancy_of_one_picture_and_of_many():
    assert measured(LINES[:1] * 16) > 0.85
    assert measured([text for text in LINES for _ in range(2)]) < LEAST_CONSTANCY / 2
    assert measured([text for text in LINES[:2] for _ in range(8)]) < LEAST_CONSTANCY


def test_lines_that_run_through_are_taken_out():
    rng = np.random.default_rng(0)
    lines = rng.normal(size=(2, 9, 1)) + rng.normal(size=(2, 1, 14))
    every = np.ones((9, 14), bool)
    assert np.abs(without_lines(lines.astype(np.float32), every)).max() < 1e-5
    pixels = rng.random((9, 14)) > 0.4
    left = without_lines(rng.normal(size=(2, 9, 14)).astype(np.float32), pixels)
    assert np.all(left[:, ~pixels] == 0)
    assert np.abs(left.sum(1)).max() < 1e-5
