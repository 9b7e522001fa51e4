"""A stranger's video is measured before the work: by what it holds, not by what its header says."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.codec.codec import Codec
from av.stream import Disposition

from blanklogo.errors import CancelledError, SourceError, TooLargeError, UnsupportedError
from blanklogo.media import strangers
from blanklogo.media.container import open_input
from blanklogo.media.gate import admitted
from blanklogo.media.probe import probe
from blanklogo.media.reader import VideoReader
from blanklogo.types import MediaLimits

LIMITS = MediaLimits()


def never() -> bool:
    return False


def changed(path: Path, folder: Path, find: bytes, offset: int, data: bytes) -> Path:
    """A copy with some bytes after the first `find` changed."""
    old = path.read_bytes()
    at = old.index(find) + offset
    copy = folder / f"changed{path.suffix}"
    copy.write_bytes(old[:at] + data + old[at + len(data) :])
    return copy


def two_sizes(folder: Path, larger: int = 128) -> Path:
    """A stream whose second half is larger, as a broadcast may be."""
    parts = []
    for size in (64, larger):
        held = io.BytesIO()
        with av.open(held, "w", format="h264") as container:
            video = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
            video.width = video.height = size
            video.pix_fmt = "yuv420p"
            for index in range(6):
                picture = np.full((size * 3 // 2, size), 20 * index, np.uint8)
                container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="yuv420p")))
            container.mux(video.encode())
        parts.append(held.getvalue())
    path = folder / "two_sizes.h264"
    path.write_bytes(b"".join(parts))
    return path


def in_matroska(path: Path, folder: Path) -> Path:
    target = folder / "two_sizes.mkv"
    with open_input(path) as source, av.open(str(target), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for index, packet in enumerate(packet for packet in source.demux() if packet.size):
            packet.stream, packet.pts, packet.dts = stream, index * 40, index * 40
            packet.time_base = Fraction(1, 1000)
            container.mux(packet)
    return target


@pytest.mark.parametrize("name", ["cfr", "avi", "webm", "mkv", "mpeg_ts", "many_streams", "cover", "timecode", "gaps"])
def test_what_people_bring_is_let_through_and_told_as_ever(clip, name):
    assert admitted(clip(name), LIMITS, never) == probe(clip(name))


def test_ones_own_video_has_no_limits(clip):
    assert admitted(clip("ten_seconds"), None, never) == probe(clip("ten_seconds"))


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (replace(LIMITS, max_frames=249), "more than 249 frames; accepted: up to 249 frames"),
        (replace(LIMITS, max_seconds=9.5), "longer than 9.5 s"),
        (replace(LIMITS, max_pixels=320 * 180 - 1), "320x180 px; accepted: up to 57599 pixels"),
        (replace(LIMITS, max_streams=1), "2 streams or more; accepted: up to 1 streams"),
        (replace(LIMITS, max_decoded_bytes=8_000_000), "would take 14 MB for decoded frames; accepted: up to 8 MB"),
    ],
)
def test_over_a_limit_is_refused_in_words(clip, limits, words):
    with pytest.raises(TooLargeError, match=words):
        admitted(clip("ten_seconds"), limits, never)


def test_just_within_the_limits_is_let_through(clip):
    limits = MediaLimits(max_frames=250, max_seconds=10.1, max_pixels=320 * 180, max_streams=2)
    assert admitted(clip("ten_seconds"), limits, never).video.width == 320


def test_time_stamps_count_not_the_header(clip, tmp_path):
    """The header's duration is made a second; the packets are ten seconds apart."""
    clipped = changed(clip("gaps"), tmp_path, b"mvhd", 20, struct.pack(">I", 1000))
    with pytest.raises(TooLargeError, match="longer than 5 s"):
        admitted(clipped, replace(LIMITS, max_seconds=5), never)


def test_packets_of_sound_count_too(tmp_path):
    """Two hundred of sixteen samples: four tenths of a second."""
    path = tmp_path / "crumbs.mkv"
    with av.open(str(path), "w") as container:
        video, sound = container.add_stream("mpeg4", rate=25), container.add_stream("pcm_s16le", rate=8000)
        video.width = video.height = 64
        video.pix_fmt, sound.codec_context.layout = "yuv420p", "mono"
        container.mux(video.encode(av.VideoFrame(64, 64, "yuv420p")))
        container.mux(video.encode())
        for index in range(200):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 16), np.int16), "s16", "mono")
            frame.sample_rate, frame.pts = 8000, 16 * index
            container.mux(sound.encode(frame))
    with pytest.raises(TooLargeError, match="more than 112 packets"):
        admitted(path, MediaLimits(max_frames=12, max_streams=2, max_seconds=1), never)


def test_measuring_can_be_stopped(clip):
    with pytest.raises(CancelledError):
        admitted(clip("cfr"), LIMITS, lambda: True)


def test_a_picture_beside_the_video_counts(tmp_path):
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        video, cover = container.add_stream("mpeg4", rate=25), container.add_stream("mjpeg", rate=1)
        cover.disposition = Disposition.attached_pic
        for stream, pixel_format, size in ((video, "yuv420p", 64), (cover, "yuvj420p", 256)):
            stream.width = stream.height = size
            stream.pix_fmt = pixel_format
        for stream in (video, cover):
            container.mux(stream.encode(av.VideoFrame(stream.width, stream.height, stream.pix_fmt)))
            container.mux(stream.encode())
    assert admitted(path, replace(LIMITS, max_pixels=256 * 256), never).video.width == 64
    with pytest.raises(TooLargeError, match="256x256 px"):
        admitted(path, replace(LIMITS, max_pixels=256 * 256 - 1), never)


@pytest.mark.parametrize("suffix", [".ivf", ".nut", ".gif", ".y4m"])
def test_containers_that_nobody_brings_are_left_to_ones_own_machine(tmp_path, suffix):
    path = tmp_path / f"clip{suffix}"
    codec = {".ivf": "libvpx-vp9", ".nut": "mpeg4", ".gif": "gif", ".y4m": "rawvideo"}[suffix]
    with av.open(str(path), "w", format="yuv4mpegpipe" if suffix == ".y4m" else None) as container:
        video = container.add_stream(codec, rate=25)
        video.width = video.height = 64
        video.pix_fmt = "rgb8" if suffix == ".gif" else "yuv420p"
        for _ in range(3):
            container.mux(video.encode(av.VideoFrame(64, 64, video.pix_fmt)))
        container.mux(video.encode())
    open_input(path).close()
    with pytest.raises(SourceError, match="no video that is taken here; accepted: MP4"):
        open_input(path, LIMITS)


def test_a_codec_that_nobody_brings_is_refused_by_name(tmp_path):
    path = tmp_path / "clip.avi"
    with av.open(str(path), "w") as container:
        video = container.add_stream("cinepak", rate=25)
        video.width = video.height = 64
        video.pix_fmt = "rgb24"
        container.mux(video.encode(av.VideoFrame(64, 64, "rgb24")))
        container.mux(video.encode())
    with pytest.raises(UnsupportedError, match="video coded as cinepak"):
        open_input(path, LIMITS)


def test_every_decoder_on_the_list_is_one():
    for name in strangers.options(LIMITS)["codec_whitelist"].split(","):
        assert Codec(name, "r").name == name


def test_a_video_that_changes_its_size_is_refused_where_it_does(tmp_path):
    path = in_matroska(two_sizes(tmp_path), tmp_path)
    with (
        VideoReader(path) as reader,
        pytest.raises(UnsupportedError, match="frame 6 is 128x128 px, the first was 64x64: the video changes its size"),
    ):
        list(reader)


def test_a_larger_frame_in_the_middle_is_never_decoded(tmp_path):
    """The decoder itself refuses it, before it takes memory: it counts as lost, like any other damage."""
    path = in_matroska(two_sizes(tmp_path, 1088), tmp_path)
    with VideoReader(path, replace(LIMITS, max_pixels=64 * 64)) as reader:
        assert len(list(reader)) == 6
        assert reader.num_lost_frames == 6


def test_frames_are_counted_again_when_they_are_decoded(clip):
    with (
        VideoReader(clip("cfr"), replace(LIMITS, max_frames=5)) as reader,
        pytest.raises(TooLargeError, match="more than 5 frames"),
    ):
        list(reader)
