"""Chunks of a video, each encoded by itself, and the film that their packets make."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from blanklogo.errors import CancelledError, DecodeError, EncodeError, OptionError
from blanklogo.media.chunks import Extent, check_can_join, encode_chunk, join_chunks
from blanklogo.media.compare import compare_streams
from blanklogo.media.encoding import EncoderSettings, choose_encoder
from blanklogo.media.frames import Frame
from blanklogo.media.probe import probe
from blanklogo.media.reader import VideoReader
from blanklogo.media.span import Stamps, frames_of
from blanklogo.media.transcode import transcode

JOINED = [
    "cfr", "b_frames", "vfr", "gaps", "late_start", "late_audio", "late_all", "slow_clock", "ntsc", "mkv", "ten_bit",
    "ten_bit_422", "full_range", "rotated", "anamorphic", "many_streams", "chapters", "cover", "timecode", "interlaced",
    "hevc", "hdr10", "twelve_bit", "webm", "odd_420", "av1", "ffv1",
]  # fmt: skip


def pictures(path: Path) -> list[tuple[int, bytes]]:
    """Every frame: its time stamp and its planes."""
    with VideoReader(path) as reader:
        return [(frame.pts, planes_of(frame)) for frame in reader]


def planes_of(frame: Frame) -> bytes:
    return b"".join(np.ascontiguousarray(plane).tobytes() for plane in frame.planes)


def stamps_of(path: Path) -> Stamps:
    with VideoReader(path) as reader:
        told = [(frame.pts, frame.duration) for frame in reader]
    pts, durations = zip(*told, strict=True)
    return Stamps(np.array(pts, np.int64), np.array(durations, np.int64))


def without_context(extent: Extent) -> Callable[[Iterator[Frame]], Iterator[Frame]]:
    def transform(frames: Iterator[Frame]) -> Iterator[Frame]:
        return (frame for frame in frames if extent.start_index <= frame.index < extent.stop_index)

    return transform


def in_chunks(source: Path, folder: Path, cuts: Sequence[int], stamps: Stamps, settings: EncoderSettings) -> list[Path]:
    """The source's frames unchanged, encoded in chunks between these cuts."""
    paths = []
    borders = [0, *cuts, len(stamps)]
    for start, stop in pairwise(borders):
        extent = Extent(start, stop, 2)
        paths.append(folder / f"{start}.mp4")
        heard: list[int] = []
        encode_chunk(
            source, paths[-1], settings, without_context(extent), stamps, extent, on_frame=heard.append,
            cancelled=lambda: False,
        )  # fmt: skip
        assert heard == list(range(1, extent.num_frames + 1))
    return paths


def video_packets(path: Path) -> list[av.Packet]:
    with av.open(str(path)) as container:
        return [packet for packet in container.demux(video=0) if packet.size]


@pytest.mark.parametrize("name", JOINED)
def test_the_joined_film_is_the_source_s_film(name: str, clip: Callable[[str], Path], tmp_path: Path) -> None:
    source = clip(name)
    settings, stamps = choose_encoder(probe(source)), stamps_of(source)
    whole, joined = (tmp_path / f"{kind}{source.suffix}" for kind in ("whole", "joined"))
    one = transcode(source, whole, settings, lambda frames: frames)
    cuts = [cut for cut in (4, 8) if cut < len(stamps)]
    chunks = in_chunks(source, tmp_path, cuts, stamps, settings)
    two = join_chunks(source, joined, settings, chunks, stamps, tags={}, cancelled=lambda: False)

    comparison = compare_streams(source, joined)
    assert (comparison.pts_match, comparison.others_identical, comparison.details) == (True, True, ())
    assert two == one
    # What the chunks hold, frame by frame, at the times that the undivided film has.
    decoded = pictures(joined)
    assert [planes for _, planes in decoded] == [planes for path in chunks for _, planes in pictures(path)]
    assert [pts for pts, _ in decoded] == [pts for pts, _ in pictures(whole)]
    assert times(joined) == times(whole)
    one_info, two_info = (probe(path).as_dict() for path in (whole, joined))
    for info in (one_info, two_info):
        del info["path"], info["size_bytes"], info["duration_seconds"]
    assert two_info == one_info


def times(path: Path) -> list[tuple[int, int | None]]:
    """Sorted PTS beside DTS in the order of decoding."""
    packets = video_packets(path)
    return list(zip(sorted(packet.pts or 0 for packet in packets), [packet.dts for packet in packets], strict=True))


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp9", "av1", "ffv1"])
def test_a_film_in_many_chunks_decodes_in_order(codec: str, clip: Callable[[str], Path], tmp_path: Path) -> None:
    """Long enough for frames that are never shown, which VP9 and AV1 pack beside those that are."""
    source = clip("long_mkv" if codec == "ffv1" else "long")
    settings, stamps = choose_encoder(probe(source), codec), stamps_of(source)
    chunks = in_chunks(source, tmp_path, (4, 8, 32), stamps, settings)
    joined = tmp_path / f"joined{source.suffix}"
    join_chunks(source, joined, settings, chunks, stamps, tags={}, cancelled=lambda: False)
    decoding = [packet.dts for packet in video_packets(joined) if packet.dts is not None]
    assert all(one < next_one for one, next_one in pairwise(decoding))
    assert [planes for _, planes in pictures(joined)] == [planes for path in chunks for _, planes in pictures(path)]
    assert [pts for pts, _ in pictures(joined)] == stamps.pts.tolist()


@pytest.mark.parametrize(
    "name", ["b_frames", "vfr", "late_start", "mkv", "avi", "webm", "hevc", "ntsc", "long", "open_gop", "mpeg_ts"]
)
def test_frames_from_the_middle_are_those_of_the_whole(name: str, clip: Callable[[str], Path]) -> None:
    source = clip(name)
    stamps, whole = stamps_of(source), pictures(source)
    for start in range(0, len(stamps), 3):
        stop = min(start + 5, len(stamps))
        frames = [(frame.index, frame.pts, planes_of(frame)) for frame in frames_of(source, stamps, start, stop)]
        assert frames == [(index, *whole[index]) for index in range(start, stop)]


def test_another_file_than_the_one_learnt_is_noticed(clip: Callable[[str], Path]) -> None:
    stamps = stamps_of(clip("cfr"))
    moved = Stamps(stamps.pts + 1, stamps.durations)
    with pytest.raises(DecodeError, match="frame 3 is not where it was"):
        list(frames_of(clip("cfr"), moved, 3, 5))
    longer = Stamps(np.append(stamps.pts, stamps.pts[-1] + 512), np.append(stamps.durations, 512))
    with pytest.raises(DecodeError, match="ends before frame 12"):
        list(frames_of(clip("cfr"), longer, 10, 13))


def test_chunks_that_do_not_fit_are_not_joined(clip: Callable[[str], Path], tmp_path: Path) -> None:
    source, target = clip("cfr"), tmp_path / "joined.mp4"
    settings, stamps = choose_encoder(probe(source)), stamps_of(source)
    chunks = in_chunks(source, tmp_path, [4, 8], stamps, settings)

    def join(paths: list[Path]) -> None:
        join_chunks(source, target, settings, paths, stamps, tags={}, cancelled=lambda: False)

    with pytest.raises(EncodeError, match="chunks with 8 frames for a video of 12"):
        join(chunks[:2])
    other = choose_encoder(probe(source), "hevc")
    (tmp_path / "other").mkdir()
    with pytest.raises(EncodeError, match="different headers"):
        join([chunks[0], *in_chunks(source, tmp_path / "other", [4, 8], stamps, other)[1:]])
    with pytest.raises(EncodeError, match="a chunk of 4 frames came out with 3"):
        encode_chunk(
            source, tmp_path / "short.mp4", settings, lambda frames: list(frames)[:3], stamps, Extent(0, 4, 0),
            on_frame=lambda num_frames: None, cancelled=lambda: False,
        )  # fmt: skip


def test_a_stop_is_heard(clip: Callable[[str], Path], tmp_path: Path) -> None:
    source = clip("cfr")
    settings, stamps = choose_encoder(probe(source)), stamps_of(source)
    chunks = in_chunks(source, tmp_path, [8], stamps, settings)
    with pytest.raises(CancelledError):
        join_chunks(source, tmp_path / "j.mp4", settings, chunks, stamps, tags={}, cancelled=lambda: True)
    with pytest.raises(CancelledError):
        encode_chunk(
            source, tmp_path / "c.mp4", settings, lambda frames: frames, stamps, Extent(0, 4, 0),
            on_frame=lambda num_frames: None, cancelled=lambda: True,
        )  # fmt: skip


def test_avi_is_refused_by_name() -> None:
    with pytest.raises(OptionError, match=r"chunks for \.avi"):
        check_can_join(".avi")
