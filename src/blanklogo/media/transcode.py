"""Decode, change, encode: three threads, bounded queues, everything else carried along."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

from av.packet import Packet

from blanklogo.errors import CancelledError, OptionError, UnsupportedError
from blanklogo.media.encoding import EncoderSettings
from blanklogo.media.errors import Stage, foreign_errors
from blanklogo.media.frames import Frame, retagged
from blanklogo.media.info import MediaInfo
from blanklogo.media.mux import ResultFile
from blanklogo.media.reader import VideoReader
from blanklogo.media.threads import consuming, prefetched

_QUEUE_BYTES = 7_000_000  # of pictures waiting in one queue; a deeper one gains nothing
_MAX_DEPTH = 8
_BROKEN_OFF_SECONDS = 0.5  # headers round, and count the last picture's stay differently

Transform = Callable[[Iterator[Frame]], Iterable[Frame]]
Put = Callable[[Frame | Packet], None]


@dataclass(frozen=True)
class TranscodeStats:
    """What a transcode did.

    Attributes:
        num_frames: written.
        num_damaged_frames: of the source, concealed or lost.
        num_lost_frames: those of the damaged that could not be decoded and are missing from the result.
        num_restamped_frames: of the source, whose time stamp was missing or ran backwards.
        warnings: what was not carried as it was, in sentences.
        left_out: indices of the source's streams that the target's container does not hold.
    """

    num_frames: int
    num_damaged_frames: int
    num_lost_frames: int
    num_restamped_frames: int
    warnings: tuple[str, ...]
    left_out: frozenset[int] = frozenset()


def transcode(
    source: Path,
    target: Path,
    settings: EncoderSettings,
    transform: Transform,
    *,
    tags: Mapping[str, str] | None = None,
    on_frame: Callable[[int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> TranscodeStats:
    """Writes the source's video, changed by `transform`, and all its other streams unchanged.

    Args:
        target: written in place; see `output.pending_output` for whole or none.
        settings: from `choose_encoder`, made for this target's suffix.
        transform: takes the frames and gives them back in the same order, changed or not; may look ahead. It runs
            in the caller's thread. Frames keep the time stamps they came with.
        tags: added to the file's own.
        on_frame: called with the number of frames handed to the encoder so far.
        cancelled: asked before every frame.

    Raises:
        CancelledError: `cancelled` said so.
        UnsupportedError: the target's container does not hold the sound; the picture's size or format changes
            in the middle; an uneven clock for AVI.
        DecodeError, EncodeError, WriteError: as their names say.
    """
    with VideoReader(source) as reader:
        with foreign_errors(Stage.ENCODE, target):
            result = ResultFile(target, reader.container, reader.info, settings, tags or {})
        depth = queue_depth(reader.info)
        num_frames = 0
        with (
            consuming(partial(write_items, result, target), depth, "encode") as put,
            closing(prefetched(reader.items(), depth, "decode")) as items,
        ):
            frames = _frames(items, put, cancelled or _never)
            for num_frames, frame in enumerate(transform(frames), start=1):
                put(checked(frame, reader.info, settings))
                if on_frame is not None:
                    on_frame(num_frames)
            for _ in frames:  # a transform may stop early; the other streams go on to their end
                pass
        return TranscodeStats(
            num_frames=num_frames,
            num_damaged_frames=reader.num_damaged_frames,
            num_lost_frames=reader.num_lost_frames,
            num_restamped_frames=reader.num_restamped_frames,
            warnings=(*settings.warnings, *result.warnings, *reader_warnings(reader)),
            left_out=result.left_out,
        )


def queue_depth(info: MediaInfo) -> int:
    """Frames that may wait in one queue."""
    return max(2, min(_MAX_DEPTH, _QUEUE_BYTES // info.video.frame_bytes))


def _never() -> bool:
    return False


def _frames(items: Iterable[Frame | Packet], put: Put, cancelled: Callable[[], bool]) -> Generator[Frame]:
    """The frames among the items; packets of other streams go straight to the encoder's thread."""
    for item in items:
        if isinstance(item, Packet):
            put(item)
            continue
        if cancelled():
            raise CancelledError("cancelled")
        yield item


def write_items(result: ResultFile, target: Path, items: Iterator[Frame | Packet]) -> None:
    """Frames encoded, packets copied, the file finished; closed whatever happens."""
    try:
        with foreign_errors(Stage.ENCODE, target):
            for item in items:
                if isinstance(item, Packet):
                    result.copy(item)
                else:
                    result.encode(item)
            result.finish()
    finally:
        result.abandon()


def checked(frame: Frame, info: MediaInfo, settings: EncoderSettings) -> Frame:
    """The frame as the encoder takes it; FFmpeg would silently scale whatever else comes."""
    video = info.video
    size = (frame.width, frame.height)
    if settings.crop is not None and size == (video.width, video.height):
        frame = frame.cropped(settings.crop)
    elif size != (settings.width, settings.height):
        came = f"frame {frame.index} is {frame.width}x{frame.height} px"
        raise OptionError(came, accepted=f"{settings.width}x{settings.height}, the size of the result")
    if settings.pixel_format != frame.format.name:
        frame = retagged(frame, settings.pixel_format)
    if settings.time_base != frame.time_base:
        _check_clock(frame, settings.time_base)
    return frame


def _check_clock(frame: Frame, time_base: Fraction) -> None:
    ticks = frame.pts * frame.time_base / time_base
    if abs(ticks - round(ticks)) > Fraction(1, 20):  # headers round rates such as 30000/1001
        raise UnsupportedError(
            f"frame {frame.index} at {frame.seconds:.4f} s lies between the even ticks that AVI has",
            hint="another container, such as .mkv or .mp4",
        )


def reader_warnings(reader: VideoReader) -> Iterator[str]:
    """What a reader that has come to its end met with, in sentences."""
    if reader.num_lost_frames:
        yield f"{reader.num_lost_frames} frames or more could not be decoded and are missing from the result"
    claimed = reader.info.duration_seconds
    if claimed is not None and claimed - (reader.end_seconds - reader.start_seconds) > _BROKEN_OFF_SECONDS:
        yield f"the source breaks off: its header promises {claimed:.1f} s, it ends at {reader.end_seconds:.1f} s"
    if reader.num_restamped_frames:
        yield f"{reader.num_restamped_frames} time stamps of the source were missing or ran backwards and were mended"
