"""Frames come as a plain full decode gives them; damage is counted, never fatal."""

import av
import numpy as np
import pytest

from blanklogo.errors import DecodeError, SourceError
from blanklogo.media.reader import VideoReader

NAMES = [
    *("cfr", "b_frames", "audio_first", "vfr", "gaps", "late_start", "mkv", "webm"),
    *("ten_bit_422", "hevc", "one_frame", "tiny"),
]


@pytest.mark.parametrize("name", NAMES)
def test_same_as_plain_decode(clip, name):
    with av.open(str(clip(name))) as container:
        expected = list(container.decode(video=0))
        with VideoReader(clip(name)) as reader:
            frames = list(reader)
        assert [frame.pts for frame in frames] == [picture.pts for picture in expected]
        for frame, picture in zip(frames, expected, strict=True):
            luma = np.frombuffer(picture.planes[0], frame.format.dtype).reshape(frame.height, -1)[:, : frame.width]
            np.testing.assert_array_equal(frame.planes[0], luma)
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert frames[0].seconds == 0
    assert reader.num_damaged_frames == reader.num_restamped_frames == 0


def test_avi_has_one_clock(clip):
    with VideoReader(clip("avi")) as reader:
        assert [frame.pts for frame in reader] == list(range(12))


@pytest.mark.parametrize("name", ["long", "long_mkv"])
def test_damage_is_counted(clip, damaged, name):
    with VideoReader(damaged(name)) as reader:
        frames = list(reader)
    assert 40 <= len(frames) < 60
    assert reader.num_damaged_frames >= 1
    assert reader.num_lost_frames <= reader.num_damaged_frames
    stamps = [frame.pts for frame in frames]
    assert stamps == sorted(set(stamps))


def test_a_file_that_breaks_off(truncated):
    with VideoReader(truncated("long_mkv")) as reader:
        assert 20 < len(list(reader)) < 60


def test_nothing_decodes(clip, tmp_path):
    data = bytearray(clip("long").read_bytes())
    start = data.index(b"mdat") + 4
    end = data.index(b"moov")
    data[start:end] = bytes(end - start)
    path = tmp_path / "zeros.mp4"
    path.write_bytes(data)
    with pytest.raises((SourceError, DecodeError), match=r"no frame|not one frame"), VideoReader(path) as reader:
        list(reader)


def test_close_in_the_middle(clip):
    reader = VideoReader(clip("long"))
    frames = iter(reader)
    kept = next(frames)
    frames.close()
    reader.close()
    assert kept.planes[0].shape == (108, 192)


def test_other_streams_come_along(clip):
    with VideoReader(clip("many_streams")) as reader:
        kinds = {item.stream.type for item in reader.items() if isinstance(item, av.Packet)}
    assert kinds == {"audio", "subtitle"}
