"""Streaming frames out of a file, in the order of presentation, with bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from blanklogo.errors import DecodeError, UnsupportedError
from blanklogo.media.container import check_is_file, main_video_stream, open_input
from blanklogo.media.errors import Stage, foreign_errors
from blanklogo.media.frames import Frame, upright
from blanklogo.media.info import MediaInfo
from blanklogo.media.planes import PlaneFormat
from blanklogo.media.probe import describe
from blanklogo.media.strangers import too_many_frames
from blanklogo.types import MediaLimits

# What a decoder says of a packet that it cannot use; anything else (memory, disk) is not the packet's fault.
DAMAGE = (av.error.InvalidDataError, av.error.UndefinedError, av.error.PatchWelcomeError, av.error.ArgumentError)


class VideoReader:
    """A video's frames, one after the other::

        with VideoReader("clip.mp4") as reader:
            for frame in reader:
                ...

    Frames are what FFmpeg gives for the whole file: edit lists are respected, time stamps are the file's own.
    A damaged packet never ends the reading: the decoder conceals what it can, and the rest is counted.

    Args:
        limits: of a stranger's video; None: it is the user's own.

    Attributes:
        info: what `probe` tells of the file.
        num_frames: given out so far.
        num_damaged_frames: so far, frames with concealed parts and frames that could not be decoded at all.
        num_lost_frames: so far, those of the damaged that could not be decoded at all.
        num_restamped_frames: so far, frames whose time stamp was missing or ran backwards.
        start_seconds: where the first packet of any stream starts, on the file's clock.
        end_seconds: so far, where the last packet of any stream ends, on the file's clock.

    Raises:
        SourceError, UnsupportedError, TooLargeError: as `probe` does, on construction.
        DecodeError: while iterating, if not one frame could be read.
        UnsupportedError: while iterating, when frames change their size or their format.
        TooLargeError: while iterating, when there are more frames than the limits allow.
    """

    def __init__(self, path: Path | str, limits: MediaLimits | None = None) -> None:
        self.path = Path(path)
        self._limits = limits
        self.num_frames = 0
        self.num_damaged_frames = 0
        self.num_lost_frames = 0
        self.num_restamped_frames = 0
        self.end_seconds = 0.0
        self._num_packets = 0
        self._last_pts: int | None = None
        self._last_duration = 0
        size_bytes = check_is_file(self.path).st_size
        with open_input(self.path, limits) as container:
            self.info: MediaInfo = describe(container, self.path, size_bytes, limits)
        self.container: InputContainer = open_input(self.path, limits)
        self._stream: VideoStream = main_video_stream(self.container, self.path, limits)
        self._stream.thread_type = "AUTO"
        self.start_seconds = (self.container.start_time or 0) / av.time_base

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Gives the file and the decoder back; iterating ends."""
        self.container.close()

    def __iter__(self) -> Iterator[Frame]:
        """Frames from the first to the last, once."""
        for item in self._items(self._stream):
            if isinstance(item, Frame):
                yield item

    def items(self) -> Iterator[Frame | Packet]:
        """Frames of the video and undecoded packets of all other streams, in the file's order, once."""
        return self._items(*self.container.streams)

    def packets(self) -> Iterator[Packet]:
        """Undecoded packets of all streams, in the file's order, once."""
        for packet in self._packets(*self.container.streams):
            if packet.size:
                yield packet

    def seek(self, pts: int) -> None:
        """Goes to a key frame of the video that is coded before this time stamp; to be called before iterating.

        Frames are then numbered from there, and what the decoder gives before it has come to the first key frame
        may be spoilt.
        """
        with foreign_errors(Stage.DECODE, self.path):
            self.container.seek(pts, stream=self._stream)

    def _items(self, *streams: Stream) -> Iterator[Frame | Packet]:
        for packet in self._packets(*streams):
            if self.is_of_video(packet):
                self._num_packets += bool(packet.size) and not packet.is_discard
                yield from self._decoded(packet)
            elif packet.size:
                yield packet
        self._count_silent_losses()
        if not self.num_frames:
            raise DecodeError(f"not one frame of {self.path} could be decoded", hint="check the file")

    def is_of_video(self, packet: Packet) -> bool:
        """Whether a packet belongs to the video that is worked on."""
        # The packet that flushes a decoder has no bytes, and 0 for its index, whichever stream it is for.
        is_flush = not packet.size
        return packet.stream is self._stream and (is_flush or packet.stream_index == self._stream.index)

    def _packets(self, *streams: Stream) -> Iterator[Packet]:
        """All packets; a file that breaks off ends early, and the decoder still gives what it holds."""
        packets = self.container.demux(*streams)
        with foreign_errors(Stage.DECODE, self.path):
            while True:
                try:
                    packet = next(packets, None)
                except DAMAGE:
                    self._count_lost()
                    flush = Packet()
                    flush.stream = self._stream
                    yield flush
                    return
                if packet is None:
                    return
                if packet.dts is not None:
                    end_seconds = float((packet.dts + (packet.duration or 0)) * packet.time_base)
                    self.end_seconds = max(self.end_seconds, end_seconds)
                yield packet

    def _decoded(self, packet: Packet) -> Iterator[Frame]:
        with foreign_errors(Stage.DECODE, self.path):
            if packet.pts is None and not self.info.video.has_b_frames:
                packet.pts = packet.dts  # AVI knows one time only
            try:
                pictures = packet.decode()
            except DAMAGE:
                self._count_lost()
                return
            except av.error.EOFError:  # a second flush, after a file that broke off
                return
        for picture in pictures:
            yield self._frame(picture)

    def _count_lost(self) -> None:
        self.num_lost_frames += 1
        self.num_damaged_frames += 1

    def _count_silent_losses(self) -> None:
        """Frames that a decoder drops without a word, such as those before the first key frame."""
        video = self.info.video
        # Elsewhere a packet may be half a picture (fields), or one that is never shown (VP8, packed MPEG-4).
        if video.codec in ("h264", "hevc") and not video.is_interlaced:
            silent = max(0, self._num_packets - self.num_frames - self.num_lost_frames)
            self.num_lost_frames += silent
            self.num_damaged_frames += silent

    def _frame(self, picture: VideoFrame) -> Frame:
        video = self.info.video
        pts = self._stamp(picture)
        is_full_range = video.format.is_full_range
        frame = Frame(
            index=self.num_frames,
            pts=pts,
            time_base=video.time_base,
            seconds=float((pts - video.start_pts) * video.time_base),
            duration=picture.duration,
            format=PlaneFormat.from_name(picture.format.name, is_full_range=is_full_range),
            is_key=picture.key_frame,
            is_damaged=picture.is_corrupt,
            picture=upright(picture, video.time_base),
        )
        self._check(frame)
        self.num_frames += 1
        self.num_damaged_frames += frame.is_damaged
        return frame

    def _check(self, frame: Frame) -> None:
        video = self.info.video
        if self._limits is not None and frame.index >= self._limits.max_frames:
            raise too_many_frames(self.path, self._limits)
        if frame.format.name != video.format.name:
            raise UnsupportedError(f"frame {frame.index} is {frame.format.name}, the first was {video.format.name}")
        if (frame.width, frame.height) != (video.width, video.height):
            raise UnsupportedError(
                f"frame {frame.index} is {frame.width}x{frame.height} px, the first was {video.width}x{video.height}: "
                "the video changes its size",
                hint="split the video where it changes",
            )

    def _stamp(self, picture: VideoFrame) -> int:
        """The picture's time stamp; one that is missing or does not grow is mended by the least change."""
        pts = picture.pts if picture.pts is not None else picture.dts
        if self._last_pts is not None and (pts is None or pts <= self._last_pts):
            pts = self._last_pts + (max(1, self._last_duration) if pts is None else 1)
            self.num_restamped_frames += 1
        self._last_pts = self.info.video.start_pts if pts is None else pts
        self._last_duration = picture.duration
        return self._last_pts
