"""The result file: an encoded video and copies of all other streams, in the source's order."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.codec.context import Flags
from av.container import InputContainer, OutputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import PictureType
from av.video.stream import VideoStream

from blanklogo.errors import UnsupportedError
from blanklogo.media.container import is_attached_picture
from blanklogo.media.encoding import EncoderSettings
from blanklogo.media.frames import Frame
from blanklogo.media.info import MediaInfo, VideoInfo
from blanklogo.media.streams import FORMATS, add_copy, copied_streams, file_tags, is_held, stream_tags
from blanklogo.media.x264 import reproducible

_MP4_SUFFIXES = (".mp4", ".m4v", ".mov")

_MOVIE_CLOCK = 1000  # ticks a second, FFmpeg's own choice
_REORDER_ROOM = 16  # frames; no codec here reorders further

# What an MP4's own list of tags can say; FFmpeg drops other keys from it.
_ITUNES_TAG = re.compile(
    r"(title|artist|album_artist|composer|album|date|comment|genre|copyright|grouping|lyrics|description|synopsis|show"
    r"|episode_id|network|keywords|episode_sort|season_number|media_type|hd_video|gapless_playback|compilation|track"
    r"|disc|encoding_tool|creation_time|timecode|location)(-\w+)?"
)


class ResultFile:
    """A container being written. Not for several threads at once.

    Attributes:
        warnings: what could not be carried, in sentences.
        left_out: the indices of the source's streams that could not be carried.
    """

    def __init__(
        self,
        path: Path,
        source: InputContainer,
        info: MediaInfo,
        settings: EncoderSettings,
        tags: Mapping[str, str],
        *,
        coded: VideoStream | None = None,
        is_alone: bool = False,
    ) -> None:
        """
        Args:
            coded: a stream whose packets `add` will bring; None: `encode` brings frames.
            is_alone: the video and nothing else: no other streams, no tags, no chapters.

        Raises:
            UnsupportedError: the container does not hold the source's sound.
        """
        self.warnings: list[str] = []
        self._info = info
        self._settings = settings
        self._suffix = path.suffix.lower()
        self._copies: dict[int, Stream] = {}
        self._coded = coded
        self._held = set() if is_alone else self._held_streams(source)
        copied = {stream.index for stream in copied_streams(source, info.video.stream_index)}
        self.left_out = frozenset(copied - self._held)
        self._waiting: Packet | None = None
        self._last_duration = 0
        self._latest_pts: int | None = None
        self._last_dts: dict[int, int] = {}
        tags = {} if is_alone else file_tags(source) | dict(tags)
        options = _container_options(self._suffix, settings, tags) | self._movie_clock(source)
        if settings.encoder == "libsvtav1":
            os.environ.setdefault("SVT_LOG", "1")  # it writes to stderr by itself; this is its only switch
        self._output = av.open(
            f"file:{path.absolute()}",
            mode="w",
            format=FORMATS[self._suffix],
            container_options=options,
            metadata_errors="surrogateescape",
        )
        self._video = self._add_streams(source)
        if not is_alone:
            self._add_words(source, tags)

    def _held_streams(self, source: InputContainer) -> set[int]:
        held: set[int] = set()
        for stream in copied_streams(source, self._info.video.stream_index):
            if is_held(stream, self._suffix):
                held.add(stream.index)
                if stream.type == "video" and not is_attached_picture(stream):
                    self.warnings.append(f"video stream {stream.index} is copied as it is; a mark in it stays")
                continue
            name = stream.codec_context.codec.canonical_name if stream.codec_context else "of an unknown kind"
            if stream.type == "audio":
                raise UnsupportedError(
                    f"{self._suffix} does not hold the source's sound ({name})", hint="the source's own suffix, or .mkv"
                )
            self.warnings.append(
                f"{stream.type} stream {stream.index} ({name}) could not be carried into {self._suffix}"
            )
        return held

    def _movie_clock(self, source: InputContainer) -> dict[str, str]:
        """A unit in which MP4 can say exactly when each stream starts (by itself it counts in milliseconds)."""
        if self._suffix not in _MP4_SUFFIXES:
            return {}
        starts = [self._info.video.start_pts * self._info.video.time_base]
        starts += [(stream.start_time or 0) * (stream.time_base or Fraction(1)) for stream in source.streams]
        ticks_per_second = math.lcm(_MOVIE_CLOCK, *(start.denominator for start in starts if start > 0))
        return {"movie_timescale": str(ticks_per_second)} if ticks_per_second < 1 << 31 else {}

    def _add_streams(self, source: InputContainer) -> VideoStream:
        video: VideoStream | None = None
        for stream in source.streams:
            if stream.index == self._info.video.stream_index:
                video = self._add_video()
            elif stream.index in self._held:
                self._copies[stream.index] = add_copy(self._output, stream)
        assert video is not None
        return video

    def _add_video(self) -> VideoStream:
        if self._coded is None:
            return _add_encoder(self._output, self._info.video, self._settings, self._suffix)
        video = self._output.add_stream_from_template(self._coded, opaque=True)
        if self._settings.codec == "hevc" and self._suffix in _MP4_SUFFIXES:
            video.codec_context.codec_tag = "hvc1"
        video.codec_context.framerate = _frame_rate(self._info.video)
        video.set_display_matrix(self._info.video.display_matrix)
        return video

    def _add_words(self, source: InputContainer, tags: Mapping[str, str]) -> None:
        """What the source says of itself: tags, chapters, the video's own tags, the start time code."""
        self._output.metadata.update(tags)
        self._output.set_chapters(source.chapters())
        stream = source.streams[self._info.video.stream_index]
        self._video.metadata.update(stream_tags(stream))
        self._video.disposition = stream.disposition
        if timecode := _timecode(source):
            self._video.metadata["timecode"] = timecode

    def add(self, packet: Packet) -> None:
        """Writes a packet of a video that is coded already, with the times that it has."""
        assert packet.pts is not None
        if self._latest_pts is None or packet.pts > self._latest_pts:
            self._latest_pts, self._last_duration = packet.pts, packet.duration or 0
        packet.stream = self._video
        self._mux_video(packet)

    def encode(self, frame: Frame) -> None:
        """Writes one frame with its own time stamp."""
        picture = frame.picture
        picture.pts, picture.time_base = frame.pts, frame.time_base
        picture.duration = frame.duration
        # An encoder obeys the type a decoder left on a picture; only the wish for a key frame is kept.
        is_key = frame.is_key and self._settings.keeps_key_frames
        picture.pict_type = PictureType.I if is_key else PictureType.NONE
        self._last_duration = frame.duration
        for packet in self._video.encode(picture):
            self._mux_video(packet)

    def copy(self, packet: Packet) -> None:
        """Writes a packet of another stream as it is."""
        copy = self._copies.get(packet.stream_index)
        if copy is None:
            return
        if packet.dts is None:
            packet.dts = self._missing_dts(packet)
        self._last_dts[packet.stream_index] = packet.dts
        packet.stream = copy
        self._output.mux(packet)

    def _missing_dts(self, packet: Packet) -> int:
        """A decoding time for a packet without one: muxers ask for it, and for one that grows.

        Covers have no time at all; of a further video in Matroska, the first reordered frames have no such time.
        """
        if packet.pts is None:
            packet.pts = 0
        last = self._last_dts.get(packet.stream_index)
        return packet.pts - _REORDER_ROOM * (packet.duration or 1) if last is None else last + 1

    def finish(self) -> None:
        """Writes what the encoder still holds, and the file's index."""
        if self._coded is None:
            for packet in self._video.encode(None):
                self._mux_video(packet)
        if self._waiting is not None:
            if self._suffix in _MP4_SUFFIXES and self._last_duration:
                # MP4 stores durations in the order of coding, the last being that of the packet coded last. Unless
                # that packet also is shown last, how long the last picture stays would be lost.
                self._waiting.duration = self._last_duration
            self._output.mux(self._waiting)
        self._output.close()

    def _mux_video(self, packet: Packet) -> None:
        """Writes the packet before this one; the last one waits until the end is known."""
        if self._waiting is not None:
            self._output.mux(self._waiting)
        self._waiting = packet

    def abandon(self) -> None:
        """Closes the file, whatever state it is in; to be called after a failure, before it is deleted."""
        with suppress(av.error.FFmpegError, OSError, ValueError):
            self._output.close()


def _container_options(suffix: str, settings: EncoderSettings, tags: dict[str, str]) -> dict[str, str]:
    if suffix == ".avi":
        return {"avoid_negative_ts": "disabled"}  # sound that starts below zero must not push pictures off the clock
    if suffix not in _MP4_SUFFIXES:
        return {}
    flags = "+faststart"
    if not all(_ITUNES_TAG.fullmatch(key.lower()) for key in tags):
        flags += "+use_metadata_tags"  # the only way to keep keys that iTunes' list does not know
    # Without it, clocks below 10 kHz are multiplied and time stamps change their unit.
    return {"movflags": flags, "video_track_timescale": str(settings.time_base.denominator)}


def _frame_rate(video: VideoInfo) -> Fraction:
    """What the header says; every frame has its own time stamp all the same."""
    return video.average_rate or Fraction(25)


def _add_encoder(output: OutputContainer, video: VideoInfo, settings: EncoderSettings, suffix: str) -> VideoStream:
    stream = output.add_stream(
        settings.encoder,
        rate=_frame_rate(video),
        options=reproducible(settings.encoder, dict(settings.options)),
        time_base=settings.time_base,
        width=settings.width,
        height=settings.height,
        pix_fmt=settings.pixel_format,
    )
    assert isinstance(stream, VideoStream)
    context = stream.codec_context
    context.sample_aspect_ratio = video.sample_aspect_ratio
    context.color_primaries, context.color_trc = video.colour.primaries, video.colour.transfer
    context.colorspace, context.color_range = video.colour.matrix, video.colour.range
    context.thread_type = "AUTO"
    context.flags |= Flags.frame_duration
    if settings.is_interlaced:
        context.flags |= Flags.interlaced_dct | Flags.interlaced_me
        context.field_order = video.field_order
    if settings.codec == "hevc" and suffix in _MP4_SUFFIXES:
        context.codec_tag = "hvc1"  # Apple's players take no other
    stream.set_display_matrix(video.display_matrix)
    return stream


def _timecode(source: InputContainer) -> str | None:
    """The start time code; QuickTime's track for it cannot be copied, but the muxer makes one from this tag."""
    tags = [*(stream.metadata for stream in source.streams), source.metadata]
    return next((value for part in tags for key, value in part.items() if key.lower() == "timecode"), None)
