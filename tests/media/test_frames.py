"""Frames are read only; copies keep everything but what was asked to change."""

import numpy as np
import pytest

from blanklogo.errors import OptionError
from blanklogo.media.frames import Patch
from blanklogo.media.reader import VideoReader
from blanklogo.types import Box


@pytest.fixture(params=["b_frames", "ten_bit", "ten_bit_422", "yuv444", "full_range", "odd_420"])
def frames(clip, request):
    with VideoReader(clip(request.param)) as reader:
        yield list(reader)


def test_planes_are_read_only(frames):
    for plane in frames[0].planes:
        with pytest.raises(ValueError, match="read-only"):
            plane[0, 0] = 0


def test_patch_changes_only_its_place(frames):
    frame = frames[3]
    before = [plane.copy() for plane in frame.planes]
    values = np.full((4, 6), 77, frame.format.dtype)
    patched = frame.patched([Patch(0, 8, 10, values), Patch(2, 2, 3, values)])
    for index, (old, new) in enumerate(zip(before, patched.planes, strict=True)):
        expected = old.copy()
        if index == 0:
            expected[8:12, 10:16] = 77
        if index == 2:
            expected[2:6, 3:9] = 77
        np.testing.assert_array_equal(new, expected)
        np.testing.assert_array_equal(frame.planes[index], old)
    assert (patched.pts, patched.duration, patched.index) == (frame.pts, frame.duration, frame.index)
    assert patched.picture.color_range == frame.picture.color_range
    assert patched.picture.colorspace == frame.picture.colorspace


def test_real_values_are_rounded_and_cut(frames):
    frame = frames[0]
    patched = frame.patched([Patch(0, 0, 0, np.array([[-3.0, 10.6, 1e6]]))])
    assert patched.planes[0][0, :3].tolist() == [0, 11, frame.format.max_value]


def test_no_patch_is_the_frame_itself(frames):
    assert frames[0].patched([]) is frames[0]


def test_patch_outside(frames):
    height, width = frames[0].planes[1].shape
    with pytest.raises(OptionError, match="outside its plane"):
        frames[0].patched([Patch(1, height - 1, width - 1, np.zeros((2, 2)))])


def test_crop(frames):
    frame = frames[0]
    part = frame.cropped(Box(4, 6, 34, 36))
    step_x, step_y = frame.format.step_x, frame.format.step_y
    np.testing.assert_array_equal(part.planes[0], frame.planes[0][6:36, 4:34])
    chroma = frame.planes[1][6 // step_y : 36 // step_y, 4 // step_x : 34 // step_x]
    np.testing.assert_array_equal(part.planes[1], chroma)


def test_crop_refuses(frames):
    with pytest.raises(OptionError, match="outside the frame"):
        frames[0].cropped(Box(0, 0, 4000, 20))
    if frames[0].format.step_x == 2:
        with pytest.raises(OptionError, match="chroma grid"):
            frames[0].cropped(Box(1, 0, 20, 20))


def test_side_data_survives_a_patch(clip):
    with VideoReader(clip("hdr10")) as reader:
        frame = next(iter(reader))
    patched = frame.patched([Patch(0, 0, 0, np.zeros((1, 1)))])
    old = {data.type: bytes(data) for data in frame.picture.side_data}
    assert old
    assert {data.type: bytes(data) for data in patched.picture.side_data} == old
