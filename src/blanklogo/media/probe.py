"""What a file holds, with every check of bad input."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import av.error
from av.audio.codeccontext import AudioCodecContext
from av.container import InputContainer
from av.sidedata.sidedata import SideDataContainer
from av.sidedata.sidedata import Type as SideDataType
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from blanklogo.errors import SourceError, UnsupportedError
from blanklogo.media.container import check_is_file, is_attached_picture, main_video_stream, open_input
from blanklogo.media.errors import VIDEO_HINT, Stage, foreign_errors
from blanklogo.media.info import Chapter, ColourTags, HdrInfo, MasteringDisplay, MediaInfo, StreamInfo, VideoInfo
from blanklogo.media.planes import PlaneFormat
from blanklogo.media.strangers import check_pixels
from blanklogo.types import MediaLimits

MAX_SIDE_PX = 8192  # what H.264 level 6.2 and HEVC level 6.2 hold; a frame of 16k would need gigabytes in flight
_FULL_RANGE = 2


def probe(path: Path | str, limits: MediaLimits | None = None) -> MediaInfo:
    """What a video file holds. Decodes its first frame.

    Args:
        limits: of a stranger's video, as far as they can be held here; see `gate` for all of them.

    Raises:
        SourceError: missing, empty, no plain file, no permission, no video, no frame.
        UnsupportedError: a pixel format or a size that is refused by name.
        TooLargeError: over a limit.
    """
    path = Path(path)
    size_bytes = check_is_file(path).st_size
    with open_input(path, limits) as container:
        return describe(container, path, size_bytes, limits)


def describe(container: InputContainer, path: Path, size_bytes: int, limits: MediaLimits | None = None) -> MediaInfo:
    """`probe` of an open container; leaves it somewhere behind the first frame."""
    stream = main_video_stream(container, path, limits)
    _check_size(stream, path)
    picture = _first_picture(container, stream, path)
    if limits is not None:
        check_pixels(picture.width, picture.height, path, limits)
    others = tuple(_stream_info(other) for other in container.streams if other.index != stream.index)
    return MediaInfo(
        path=str(path),
        container=container.format.name,
        size_bytes=size_bytes,
        duration_seconds=container.duration / av.time_base if container.duration else None,
        chapters=tuple(_chapter(chapter) for chapter in container.chapters()),
        metadata=dict(container.metadata),
        video=_video_info(stream, picture),
        others=others,
    )


def _check_size(stream: VideoStream, path: Path) -> None:
    width, height = stream.codec_context.width, stream.codec_context.height
    if width > MAX_SIDE_PX or height > MAX_SIDE_PX:
        raise UnsupportedError(
            f"{path} is {width}x{height} px, too large",
            accepted=f"up to {MAX_SIDE_PX}x{MAX_SIDE_PX} px",
            hint="scale it down first",
        )


def _first_picture(container: InputContainer, stream: VideoStream, path: Path) -> VideoFrame:
    reason = "it has no frames"
    with foreign_errors(Stage.OPEN, path):
        try:
            for packet in container.demux(stream):
                try:
                    pictures = packet.decode()
                except (av.error.InvalidDataError, av.error.UndefinedError) as error:
                    reason = f"no frame of it can be decoded ({error.strerror})"
                    continue
                if pictures:
                    return pictures[0]
        except (av.error.EOFError, av.error.InvalidDataError) as error:
            reason = f"it breaks off before its first frame ({error.strerror})"
    raise SourceError(f"{path} holds a video, but {reason}", accepted=VIDEO_HINT)


def _video_info(stream: VideoStream, picture: VideoFrame) -> VideoInfo:
    context = stream.codec_context
    is_full_range = _FULL_RANGE in (int(picture.color_range), context.color_range)
    return VideoInfo(
        stream_index=stream.index,
        codec=context.codec.canonical_name,
        profile=stream.profile,
        width=picture.width,
        height=picture.height,
        format=PlaneFormat.from_name(picture.format.name, is_full_range=is_full_range),
        rotation_degrees=picture.rotation,
        display_matrix=_display_matrix(picture),
        sample_aspect_ratio=stream.sample_aspect_ratio or Fraction(1),
        average_rate=stream.average_rate or stream.guessed_rate,
        time_base=stream.time_base or Fraction(1, 1000),
        start_pts=_start_pts(stream, picture),
        num_frames_from_header=stream.frames or None,
        is_interlaced=picture.interlaced_frame,
        field_order=context.field_order,
        has_b_frames=context.has_b_frames,
        colour=_colour(context, picture),
        hdr=_hdr(picture),
        side_data=tuple(sorted(data.type.name for data in _side_data(picture))),
    )


def _start_pts(stream: VideoStream, picture: VideoFrame) -> int:
    known = (stamp for stamp in (picture.pts, picture.dts, stream.start_time) if stamp is not None)
    return next(known, 0)


def _colour(context: VideoCodecContext, picture: VideoFrame) -> ColourTags:
    """Tags of the stream; where it has none, those of its first frame."""
    primaries, transfer = int(picture.color_primaries), int(picture.color_trc)
    matrix, span = int(picture.colorspace), int(picture.color_range)
    return ColourTags(
        primaries=context.color_primaries if context.color_primaries != 2 else primaries,
        transfer=context.color_trc if context.color_trc != 2 else transfer,
        matrix=context.colorspace if context.colorspace != 2 else matrix,
        range=context.color_range or span,
    )


def _display_matrix(picture: VideoFrame) -> tuple[int, ...] | None:
    data = _side_data_bytes(picture, SideDataType.DISPLAYMATRIX)
    return struct.unpack("=9i", data) if data is not None else None


def _side_data(picture: VideoFrame) -> SideDataContainer:
    return cast(SideDataContainer, picture.side_data)  # PyAV's stubs call it a TypedDict


def _side_data_bytes(picture: VideoFrame, kind: SideDataType) -> bytes | None:
    return next((bytes(data) for data in _side_data(picture) if data.type is kind), None)


def _hdr(picture: VideoFrame) -> HdrInfo:
    light = _side_data_bytes(picture, SideDataType.CONTENT_LIGHT_LEVEL)
    max_cll, max_fall = struct.unpack("=2I", light[:8]) if light is not None else (None, None)
    mastering = _side_data_bytes(picture, SideDataType.MASTERING_DISPLAY_METADATA)
    return HdrInfo(_mastering(mastering) if mastering is not None else None, max_cll, max_fall)


def _mastering(data: bytes) -> MasteringDisplay | None:
    """From libavutil's AVMasteringDisplayMetadata: ten rationals and two flags."""
    numbers = struct.unpack("=20i2i", data[:88])
    if not (numbers[20] and numbers[21]) or 0 in numbers[1:20:2]:
        return None
    ratios = [Fraction(numbers[i], numbers[i + 1]) for i in range(0, 20, 2)]
    return MasteringDisplay(
        primaries=((ratios[0], ratios[1]), (ratios[2], ratios[3]), (ratios[4], ratios[5])),
        white_point=(ratios[6], ratios[7]),
        min_luminance=ratios[8],
        max_luminance=ratios[9],
    )


def _stream_info(stream: Stream) -> StreamInfo:
    codec = stream.codec_context.codec.canonical_name if stream.codec_context is not None else None
    details: dict = {"language": stream.language} if stream.language else {}
    if isinstance(stream.codec_context, AudioCodecContext):
        details |= {"rate": stream.codec_context.rate, "layout": stream.codec_context.layout.name}
    if stream.type == "video":
        details["is_attached_picture"] = is_attached_picture(stream)
    return StreamInfo(stream.index, str(stream.type), codec, details)


def _chapter(chapter: Any) -> Chapter:
    unit = chapter["time_base"] or Fraction(1)
    return Chapter(float(chapter["start"] * unit), float(chapter["end"] * unit), chapter["metadata"].get("title"))
