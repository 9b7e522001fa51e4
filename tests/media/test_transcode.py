"""The identity changes nothing but the coding; whatever fails, nothing is left behind."""

import hashlib
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from blanklogo.errors import CancelledError, OptionError, UnsupportedError
from blanklogo.media.compare import compare_streams
from blanklogo.media.encoding import EncoderSettings, choose_encoder
from blanklogo.media.frames import Patch
from blanklogo.media.info import MediaInfo
from blanklogo.media.probe import probe
from blanklogo.media.reader import VideoReader
from blanklogo.media.transcode import TranscodeStats, transcode
from blanklogo.types import Box

SAME = [
    "cfr", "silent", "b_frames", "audio_first", "vfr", "gaps", "late_start", "late_audio", "late_all", "slow_clock",
    "ntsc", "mkv", "webm",
    "ten_bit", "ten_bit_422", "hevc", "hdr10", "twelve_bit", "yuv422", "yuv444", "full_range", "rotated",
    "anamorphic", "odd_444", "odd_420", "many_streams", "chapters", "cover", "timecode", "interlaced",
    "interlaced_bff", "one_frame", "tiny", "av1", "ffv1",
]  # fmt: skip
# What may differ: coders choose their profile and their order, and leave their own notes.
FREE = ("profile", "has_b_frames", "side_data")


@dataclass(frozen=True)
class Result:
    source: MediaInfo
    info: MediaInfo
    settings: EncoderSettings
    stats: TranscodeStats
    path: Path


@pytest.fixture
def identity(clip, tmp_path):
    def run(name: str, suffix: str | None = None, **options) -> Result:
        source = clip(name)
        target = tmp_path / f"result{suffix or source.suffix}"
        info = probe(source)
        settings = choose_encoder(info, suffix=target.suffix, **options)
        stats = transcode(source, target, settings, lambda frames: frames)
        return Result(info, probe(target), settings, stats, target)

    return run


def frames_of(path: Path) -> list:
    with VideoReader(path) as reader:
        return list(reader)


def content_tags(info: MediaInfo) -> dict[str, str]:
    packing = ("encoder", "major_brand", "minor_version", "compatible_brands")
    return {key: value for key, value in info.metadata.items() if key.lower() not in packing}


def psnr_db(old: list, new: list) -> float:
    peak = old[0].format.max_value
    errors = [
        np.mean((one.planes[index].astype(float) - other.planes[index]) ** 2)
        for one, other in zip(old, new, strict=True)
        for index in range(3)
    ]
    return 10 * np.log10(peak**2 / max(float(np.mean(errors)), 1e-9))


@pytest.mark.parametrize("name", SAME)
def test_identity(clip, identity, name):
    digest = hashlib.sha256(clip(name).read_bytes()).digest()
    result = identity(name)
    old, new = frames_of(clip(name)), frames_of(result.path)
    assert [frame.pts * frame.time_base for frame in new] == [frame.pts * frame.time_base for frame in old]
    # The clips are tiny and full of edges, harder than film; 40 dB still catches any wrong plane, range or tag.
    assert psnr_db(old, new) > 40
    comparison = compare_streams(clip(name), result.path)
    assert comparison.details == ()
    assert comparison.pts_match
    assert comparison.others_identical
    assert comparison.num_frames_source == comparison.num_frames_result == result.stats.num_frames
    expected = {key: value for key, value in result.source.as_dict()["video"].items() if key not in FREE}
    found = {key: value for key, value in result.info.as_dict()["video"].items() if key not in FREE}
    if name == "ntsc":  # its header counts the last picture's longer stay into the rate
        expected.pop("average_rate"), found.pop("average_rate")
    assert found == expected
    assert result.info.others == result.source.others
    assert result.info.chapters == result.source.chapters
    assert result.stats.warnings == ()
    assert content_tags(result.info) == content_tags(result.source)
    assert hashlib.sha256(clip(name).read_bytes()).digest() == digest


@pytest.mark.parametrize("name", ["b_frames", "mkv", "hevc", "webm"])
def test_key_frames_stay(clip, identity, name):
    old, new = frames_of(clip(name)), frames_of(identity(name).path)
    assert {frame.index for frame in old if frame.is_key} <= {frame.index for frame in new if frame.is_key}


@pytest.mark.parametrize("name", ["vfr", "ntsc", "gaps", "cfr"])
def test_the_last_picture_stays_as_long(clip, identity, name):
    def num_ticks(path: Path) -> int | None:
        with av.open(str(path)) as container:
            return container.streams.video[0].duration

    assert num_ticks(identity(name).path) == num_ticks(clip(name))


@hypothesis_settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 100_000), steps=st.lists(st.integers(1, 30_000), min_size=1, max_size=20))
def test_any_time_stamps_stay(clip_with_stamps, start, steps):
    source = clip_with_stamps([start, *(start + np.cumsum(steps)).tolist()])
    target = source.with_name("result.mp4")
    transcode(source, target, choose_encoder(probe(source)), lambda frames: frames)
    assert [frame.pts for frame in frames_of(target)] == [frame.pts for frame in frames_of(source)]
    assert compare_streams(source, target).pts_match


MEMORY = """
import resource, sys
from pathlib import Path
from blanklogo.media.encoding import choose_encoder
from blanklogo.media.probe import probe
from blanklogo.media.transcode import transcode
source = Path(sys.argv[1])
transcode(source, Path(sys.argv[2]), choose_encoder(probe(source)), lambda frames: frames)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_length(clip, tmp_path):
    def peak_kbytes(name: str) -> int:
        command = [sys.executable, "-c", MEMORY, clip(name), tmp_path / f"{name}.mp4"]
        return int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)

    assert peak_kbytes("two_minutes") < 1.1 * peak_kbytes("ten_seconds")


def test_tags(clip, identity):
    assert identity("timecode").info.metadata["com.example.key"] == "kept"
    with av.open(str(identity("timecode").path)) as container:
        assert container.streams.video[0].metadata["timecode"] == "01:02:03:04"
    result = identity("many_streams")
    assert result.info.metadata["title"] == "many"
    assert result.info.metadata["COMMENT"] == "Kommentar äöü"


def test_tags_may_be_added(clip, tmp_path):
    settings = choose_encoder(probe(clip("many_streams")))
    target = tmp_path / "result.mkv"
    transcode(clip("many_streams"), target, settings, lambda frames: frames, tags={"DIGITAL_SOURCE_TYPE": "machine"})
    metadata = probe(target).metadata
    assert (metadata["DIGITAL_SOURCE_TYPE"], metadata["title"]) == ("machine", "many")


def test_attachments_are_carried(clip, tmp_path):
    source, target = tmp_path / "font.mkv", tmp_path / "result.mkv"
    with av.open(str(clip("silent"))) as old, av.open(str(source), "w") as output:
        copy = output.add_stream_from_template(old.streams.video[0], opaque=True)
        output.add_attachment("font.ttf", "font/ttf", b"a font's bytes")
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = copy
                output.mux(packet)
    transcode(source, target, choose_encoder(probe(source)), lambda frames: frames)
    with av.open(str(target)) as container:
        [font] = container.streams.attachments
        assert (font.name, font.mimetype, font.data) == ("font.ttf", "font/ttf", b"a font's bytes")
    assert compare_streams(source, target).others_identical


def test_a_second_video_is_copied_and_named(clip, tmp_path):
    source, target = tmp_path / "two.mkv", tmp_path / "result.mkv"
    with av.open(str(clip("mkv"))) as one, av.open(str(clip("silent"))) as two, av.open(str(source), "w") as output:
        copies = [output.add_stream_from_template(old.streams.video[0], opaque=True) for old in (two, one)]
        for old, copy in zip((two, one), copies, strict=True):
            for number, packet in enumerate(old.demux(video=0)):
                if packet.size:
                    packet.dts = packet.dts if packet.dts is not None else number - 100
                    packet.stream = copy
                    output.mux(packet)
    stats = transcode(source, target, choose_encoder(probe(source)), lambda frames: frames)
    assert stats.warnings == ("video stream 1 is copied as it is; a mark in it stays",)
    comparison = compare_streams(source, target)
    assert comparison.others_identical, comparison
    assert comparison.pts_match


def test_frames_before_the_first_key_frame_are_counted(clip, tmp_path):
    source, target = tmp_path / "cut.mkv", tmp_path / "result.mkv"
    with av.open(str(clip("long_mkv"))) as old, av.open(str(source), "w") as output:
        copy = output.add_stream_from_template(old.streams.video[0], opaque=True)
        for packet in old.demux(video=0):
            if packet.size and packet.dts is not None and packet.pts > 40:
                packet.stream = copy
                output.mux(packet)
    stats = transcode(source, target, choose_encoder(probe(source)), lambda frames: frames)
    comparison = compare_streams(source, target, num_lost_frames=stats.num_lost_frames)
    assert comparison.pts_match, (stats, comparison)
    assert comparison.num_frames_result == stats.num_frames < comparison.num_frames_source


def test_dispositions_and_languages(clip, identity):
    with av.open(str(clip("many_streams"))) as old, av.open(str(identity("many_streams").path)) as new:
        assert [stream.disposition for stream in new.streams] == [stream.disposition for stream in old.streams]
        assert [stream.language for stream in new.streams] == [stream.language for stream in old.streams]


def test_index_stands_first(identity):
    data = identity("cfr").path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("cfr", ".mov"),
        ("cfr", ".mkv"),
        ("silent", ".webm"),
        ("silent", ".avi"),
        ("mkv", ".mp4"),
        ("webm", ".mp4"),
        ("avi", ".avi"),
        ("avi", ".mp4"),
        ("avi", ".mkv"),
        ("rotated", ".mkv"),
        ("anamorphic", ".mkv"),
        ("hdr10", ".mkv"),
        ("full_range", ".webm"),
        ("odd_mjpeg", ".mkv"),
        ("chapters", ".mkv"),
        ("cover", ".mkv"),
    ],
)
def test_across_containers(clip, identity, name, suffix):
    result = identity(name, suffix)
    comparison = compare_streams(clip(name), result.path)
    assert comparison.pts_match, comparison
    assert comparison.others_identical, comparison
    assert psnr_db(frames_of(clip(name)), frames_of(result.path)) > 40
    old, new = result.source.video, result.info.video
    assert new.format.is_full_range == old.format.is_full_range
    assert new.rotation_degrees == old.rotation_degrees
    assert new.sample_aspect_ratio == old.sample_aspect_ratio
    assert new.hdr == old.hdr
    assert [chapter.title for chapter in result.info.chapters] == [chapter.title for chapter in result.source.chapters]


def test_what_a_container_does_not_hold(clip, identity):
    result = identity("many_streams", ".mp4")
    assert any("subtitle stream 3 (subrip) could not be carried into .mp4" in text for text in result.stats.warnings)
    assert result.stats.left_out == {3}
    assert not compare_streams(clip("many_streams"), result.path).others_identical
    assert compare_streams(clip("many_streams"), result.path, left_out=frozenset({3})).others_identical
    with pytest.raises(UnsupportedError, match="does not hold the source's sound"):
        identity("cfr", ".webm")
    with pytest.raises(UnsupportedError, match="between the even ticks"):
        identity("vfr", ".avi")


def test_damage_is_concealed_and_counted(damaged, tmp_path):
    source, target = damaged("long"), tmp_path / "result.mp4"
    stats = transcode(source, target, choose_encoder(probe(source)), lambda frames: frames)
    assert stats.num_damaged_frames >= 1
    assert stats.num_frames + stats.num_lost_frames <= 60
    comparison = compare_streams(source, target, num_lost_frames=60 - stats.num_frames)
    assert comparison.pts_match
    assert comparison.others_identical


def test_breaking_off_is_named(truncated, tmp_path):
    source = truncated("long_mkv")
    stats = transcode(source, tmp_path / "result.mkv", choose_encoder(probe(source)), lambda frames: frames)
    assert any("breaks off: its header promises 2.4 s" in warning for warning in stats.warnings)


def test_a_transform_may_look_ahead_and_patch(clip, tmp_path):
    def brightened(frames):
        for frame in list(frames):
            yield frame.patched([Patch(0, 0, 0, np.full((16, 16), 235, np.uint8))])

    target = tmp_path / "result.mp4"
    settings = choose_encoder(probe(clip("b_frames")))
    seen = []
    transcode(clip("b_frames"), target, settings, brightened, on_frame=seen.append)
    assert seen == list(range(1, 13))
    assert all(frame.planes[0][2:14, 2:14].mean() > 230 for frame in frames_of(target))


def test_crop(clip, tmp_path):
    target = tmp_path / "result.mp4"
    box = Box(0, 16, 96, 64)
    settings = choose_encoder(probe(clip("cfr")), crop=box)
    transcode(clip("cfr"), target, settings, lambda frames: frames)
    old, new = frames_of(clip("cfr")), frames_of(target)
    assert (new[0].width, new[0].height) == (96, 48)
    assert psnr_db([frame.cropped(box) for frame in old], new) > 40


def test_a_wrong_size_is_never_scaled(clip, tmp_path):
    settings = choose_encoder(probe(clip("cfr")))
    with pytest.raises(OptionError, match="96x64, the size of the result"):
        transcode(
            clip("cfr"), tmp_path / "a.mp4", settings, lambda frames: (f.cropped(Box(0, 0, 64, 64)) for f in frames)
        )
    settings = choose_encoder(probe(clip("cfr")), crop=Box(0, 0, 48, 48))
    with pytest.raises(OptionError, match="48x48, the size of the result"):
        transcode(
            clip("cfr"), tmp_path / "b.mp4", settings, lambda frames: (f.cropped(Box(0, 0, 64, 64)) for f in frames)
        )


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("at", [0, 5, 59])
def test_failing_transform(clip, tmp_path, error, at):
    def failing(frames):
        for frame in frames:
            if frame.index == at:
                raise error("stop")
            yield frame

    before = set(threading.enumerate())
    with pytest.raises(error):
        transcode(clip("long"), tmp_path / "result.mp4", choose_encoder(probe(clip("long"))), failing)
    assert set(threading.enumerate()) <= before, "other tests' libraries may keep threads; this work keeps none"


def test_cancelled(clip, tmp_path):
    asked = iter([False] * 10 + [True] * 100)
    with pytest.raises(CancelledError):
        transcode(
            clip("long"),
            tmp_path / "result.mp4",
            choose_encoder(probe(clip("long"))),
            lambda frames: frames,
            cancelled=lambda: next(asked),
        )
