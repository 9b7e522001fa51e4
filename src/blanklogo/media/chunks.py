"""A video in chunks: each encoded by itself, and their packets joined into one film again.

A chunk's file is an MP4 with nothing but the video: it begins with a key frame, and no frame in it needs another
chunk's. MP4 keeps what a join needs whatever the result's container is: ticks of any length, and the order of decoding.

    packet k of the film, in the order of decoding:   PTS  that of the source's frame which it shows
                                                      DTS  the PTS of frame k - D; before frame 0 as the encoder set it

D is how many frames the encoder holds back for B-frames; it is that of the settings, so that of all chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

from av.packet import Packet
from av.video.stream import VideoStream

from blanklogo.errors import CancelledError, EncodeError, OptionError
from blanklogo.media.container import open_input
from blanklogo.media.encoding import EncoderSettings
from blanklogo.media.errors import Stage, foreign_errors
from blanklogo.media.mux import ResultFile
from blanklogo.media.probe import probe
from blanklogo.media.reader import VideoReader
from blanklogo.media.span import Stamps, frames_of
from blanklogo.media.threads import consuming, prefetched
from blanklogo.media.transcode import TranscodeStats, Transform, checked, queue_depth, reader_warnings, write_items

CHUNK_SUFFIX = ".mp4"
_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm")  # AVI counts frames from its start and has no time stamps


@dataclass(frozen=True)
class Extent:
    """Which frames a chunk takes: those written, half-open, and those read, with their context on either side."""

    start_index: int
    stop_index: int
    context: int

    @property
    def num_frames(self) -> int:
        return self.stop_index - self.start_index

    def read_range(self, num_frames: int) -> tuple[int, int]:
        """The first frame read, and the one after the last, of a video of so many."""
        return max(0, self.start_index - self.context), min(num_frames, self.stop_index + self.context)


def check_can_join(suffix: str) -> None:
    """Raises OptionError for a container in which chunks are not joined here."""
    if suffix.lower() not in _SUFFIXES:
        raise OptionError(f"chunks for {suffix}", accepted=", ".join(_SUFFIXES), hint="an output that ends in .mkv")


def encode_chunk(
    source: Path,
    target: Path,
    settings: EncoderSettings,
    transform: Transform,
    stamps: Stamps,
    extent: Extent,
    *,
    on_frame: Callable[[int], None],
    cancelled: Callable[[], bool],
) -> None:
    """Writes a chunk's file; `target` ends in `CHUNK_SUFFIX`.

    Args:
        transform: takes the frames read, context included, and gives those written.

    Raises:
        As `transcode.transcode`; EncodeError when the transform gives another number of frames.
    """
    info = probe(source)
    at = replace(info.video, start_pts=int(stamps.pts[extent.start_index]))  # what the chunk's own clock starts at
    with VideoReader(source) as reader, foreign_errors(Stage.ENCODE, target):
        result = ResultFile(target, reader.container, replace(info, video=at), settings, {}, is_alone=True)
    depth, num_frames = queue_depth(info), 0
    frames = frames_of(source, stamps, *extent.read_range(len(stamps)))
    with (
        consuming(partial(write_items, result, target), depth, "encode") as put,
        closing(prefetched(frames, depth, "decode")) as ahead,
    ):
        for num_frames, frame in enumerate(transform(_until(ahead, cancelled)), start=1):
            put(checked(frame, info, settings))
            on_frame(num_frames)
    if num_frames != extent.num_frames:
        raise EncodeError(f"a chunk of {extent.num_frames} frames came out with {num_frames}")


def join_chunks(
    source: Path,
    target: Path,
    settings: EncoderSettings,
    chunks: Sequence[Path],
    stamps: Stamps,
    *,
    tags: Mapping[str, str],
    cancelled: Callable[[], bool],
) -> TranscodeStats:
    """Writes the film: the chunks' packets as its video, with the source's time stamps, and all else from the source.

    Raises:
        EncodeError: the chunks do not fit together.
        CancelledError: `cancelled` said so.
        WriteError: the disk refused.
    """
    with ExitStack() as stack:
        reader = stack.enter_context(VideoReader(source))
        stack.enter_context(foreign_errors(Stage.ENCODE, target))
        template = stack.enter_context(open_input(chunks[0])).streams.video[0]
        result = ResultFile(target, reader.container, reader.info, settings, tags, coded=template)
        try:
            for packet, is_new in _interleaved(reader, _timed(chunks, stamps, reader.info.video.time_base)):
                if cancelled():
                    raise CancelledError("cancelled while joining")
                (result.add if is_new else result.copy)(packet)
            result.finish()
        finally:
            result.abandon()
        warnings = (*settings.warnings, *result.warnings, *reader_warnings(reader))
        return TranscodeStats(len(stamps), 0, 0, 0, warnings, result.left_out)


def _until(frames: Iterator, cancelled: Callable[[], bool]) -> Iterator:
    for frame in frames:
        if cancelled():
            raise CancelledError("cancelled")
        yield frame


def _interleaved(reader: VideoReader, coded: Iterator[Packet]) -> Iterator[tuple[Packet, bool]]:
    """The other streams' packets, and for each packet of the source's video one of the new, which is told."""
    for packet in reader.packets():
        if not reader.is_of_video(packet):
            yield packet, False
        elif new := next(coded, None):
            yield new, True
    yield from ((new, True) for new in coded)


@dataclass(frozen=True)
class _Coded:
    """A packet of a chunk, with the index of the frame that it shows, and how long before its chunk's first frame is
    shown it is decoded, in seconds."""

    data: bytes
    is_key: bool
    index: int
    early_seconds: Fraction


def _timed(chunks: Sequence[Path], stamps: Stamps, time_base: Fraction) -> Iterator[Packet]:
    """All chunks' packets with the times of the film, see above."""
    held_back: int | None = None
    for number, coded in enumerate(_coded(chunks, len(stamps))):
        if held_back is None and coded.early_seconds <= 0:
            held_back = number
        packet = Packet(coded.data)
        packet.is_keyframe = coded.is_key
        packet.time_base = time_base
        packet.pts, packet.duration = int(stamps.pts[coded.index]), int(stamps.durations[coded.index])
        early_ticks = round(coded.early_seconds / time_base)
        packet.dts = int(stamps.pts[0] - early_ticks if held_back is None else stamps.pts[number - held_back])
        if packet.dts > packet.pts:
            raise EncodeError(f"frame {coded.index} would be shown before it is decoded: the chunks cannot be joined")
        yield packet


def _coded(chunks: Sequence[Path], num_frames: int) -> Iterator[_Coded]:
    """Every packet, in the order of decoding."""
    ranks = [{pts: rank for rank, pts in enumerate(sorted(_pts(path)))} for path in chunks]
    if (num_coded := sum(len(each) for each in ranks)) != num_frames:
        raise EncodeError(f"chunks with {num_coded} frames for a video of {num_frames}")
    header: bytes | None = None
    first_index = 0
    for path, rank_of in zip(chunks, ranks, strict=True):
        first_pts = min(rank_of)
        with open_input(path) as container:
            stream = container.streams.video[0]
            if header not in (None, _header(stream)):
                raise EncodeError("two chunks came with different headers: they cannot be joined")
            header = _header(stream)
            for packet in container.demux(stream):
                if packet.size:
                    early_seconds = (first_pts - (packet.dts or 0)) * packet.time_base
                    index = first_index + rank_of[packet.pts or 0]
                    yield _Coded(bytes(packet), packet.is_keyframe, index, early_seconds)
        first_index += len(rank_of)


def _pts(path: Path) -> Iterator[int]:
    """Of every packet; MP4 always has one."""
    with open_input(path) as container:
        yield from (packet.pts or 0 for packet in container.demux(container.streams.video[0]) if packet.size)


def _header(stream: VideoStream) -> bytes:
    return bytes(stream.codec_context.extradata or b"")
