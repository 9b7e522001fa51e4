"""A case on disk holds what it says, and is the same each time it is made."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from blanklogo.errors import OptionError, SourceError
from blanklogo.testbed.cases import Burning, Case, load_case, make_case
from blanklogo.testbed.clips import open_clip, read_planes, write_clip
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene


def streams(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [stream.codec_context.name for stream in container.streams]


def test_the_folder_holds_the_promised_files(case: Case):
    assert streams(case.marked) == ["h264", "aac"]
    assert streams(case.truth) == ["h264"]
    assert cv2.imread(str(case.mark_picture), cv2.IMREAD_UNCHANGED).shape[2] == 4
    assert (case.width_px, case.height_px, case.num_frames) == (320, 180, 20)
    assert len(case.places) == 1


def test_the_truth_is_lossless(case: Case):
    scene = Scene("tripod", 320, 180, num_frames=20, seed=3)
    for made, read in zip(scene.frames(), read_planes(case.truth), strict=True):
        for plane, plane_read in zip(made, read, strict=True):
            np.testing.assert_array_equal(plane, plane_read)


def test_the_mark_is_where_the_case_says(case: Case):
    truth, marked = (next(read_planes(path))[0].astype(float) for path in (case.truth, case.marked))
    changed = np.abs(marked - truth) > 25
    inside = np.zeros(changed.shape, bool)
    inside[case.places[0].box.slices] = True
    assert changed[inside].mean() > 0.15
    assert changed[~inside].mean() < 0.01


def test_a_hopping_mark_has_three_places(hopping_case: Case):
    assert len(hopping_case.places) == 3
    np.testing.assert_array_equal(sum(place.strength for place in hopping_case.places), 1)
    boxes = [place.box for place in hopping_case.places]
    assert not any(one.intersection(other) for one in boxes for other in boxes if one is not other)


def test_the_same_seed_makes_the_same_case(tmp_path: Path):
    scene = Scene("tripod", 160, 96, num_frames=4)
    folders = [tmp_path / name for name in "ab"]
    burning = Burning(scale=0.4, audio=None)
    one, same = (make_case(scene, draw_mark("bug"), folder, burning) for folder in folders)
    for first, second in zip(read_planes(one.marked), read_planes(same.marked), strict=True):
        np.testing.assert_array_equal(first[0], second[0])
    texts = [(folder / "case.json").read_text() for folder in folders]
    assert texts[0] == texts[1]


def test_pcm_sound_goes_into_a_mov(tmp_path: Path):
    case = make_case(Scene("tripod", 160, 96, 4), draw_mark("bug"), tmp_path, Burning(scale=0.4, audio="pcm"))
    assert case.marked.name == "marked.mov"
    assert streams(case.marked) == ["h264", "pcm_s16le"]


def test_a_file_can_be_a_background(tmp_path: Path):
    source = tmp_path / "odd.mkv"
    write_clip(source, Scene("sky", 160, 96, 10).frames(), Fraction(30), "ffv1", {})
    clip = open_clip(source, limit_frames=6)
    assert (clip.name, clip.width_px, clip.height_px, clip.num_frames, clip.rate) == ("odd", 160, 96, 6, 30)
    case = make_case(clip, draw_mark("bug"), tmp_path / "case", Burning(scale=0.4))
    assert case.num_frames == sum(1 for _ in read_planes(case.marked)) == 6


def test_what_does_not_fit_is_refused(tmp_path: Path):
    with pytest.raises(SourceError, match="holds no case"):
        load_case(tmp_path)
    with pytest.raises(OptionError, match="aac, pcm"):
        make_case(Scene("sky", 160, 96, 2), draw_mark("bug"), tmp_path, Burning(scale=0.4, audio="mp3"))
