"""Clips as streams of 8-bit 4:2:0 planes: where frames come from, and how they get into a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from blanklogo.errors import OptionError, SourceError
from blanklogo.media.container import main_video_stream, open_input
from blanklogo.media.errors import Stage, foreign_errors
from blanklogo.media.planes import plane_views
from blanklogo.media.x264 import reproducible

Planes = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]  # Y [H, W]; U, V [H / 2, W / 2]

SAMPLE_RATE_HZ = 48_000
_AUDIO_FRAME_SAMPLES = 1024  # AAC's own frame
TONES = {"aac": "aac", "pcm": "pcm_s16le"}
_BT709 = 1  # in all three of FFmpeg's tables
_LIMITED = 1


class Clip(Protocol):
    """Frames of even width and height at a constant rate, made or decoded one at a time."""

    @property
    def name(self) -> str: ...
    @property
    def width_px(self) -> int: ...
    @property
    def height_px(self) -> int: ...
    @property
    def num_frames(self) -> int: ...
    @property
    def rate(self) -> Fraction: ...
    def frames(self) -> Iterator[Planes]: ...


@dataclass(frozen=True)
class FileClip:
    """A video file, cut to even sizes and at most `num_frames` frames, converted to 8-bit 4:2:0 where it is not."""

    path: Path
    name: str
    width_px: int
    height_px: int
    num_frames: int
    rate: Fraction

    def frames(self) -> Iterator[Planes]:
        for planes in islice(read_planes(self.path), self.num_frames):
            yield _cut(planes, self.width_px, self.height_px)


def open_clip(path: Path, limit_frames: int) -> FileClip:
    """A clip of the first `limit_frames` frames of a file; counts them by decoding, so that the length is true.

    Raises:
        SourceError: nothing in it could be decoded.
    """
    num_frames, size = 0, (0, 0)
    for planes in islice(read_planes(path), limit_frames):
        num_frames, size = num_frames + 1, planes[0].shape
    if not num_frames:
        raise SourceError(f"{path} holds no video frame", accepted="a video that FFmpeg decodes")
    with open_input(path) as container:
        rate = Fraction(main_video_stream(container, path).average_rate or 25)
    return FileClip(path, path.stem, size[1] // 2 * 2, size[0] // 2 * 2, num_frames, rate)


def read_planes(path: Path) -> Iterator[Planes]:
    """The frames of a file's first video stream, one at a time, as own copies.

    Raises:
        SourceError: it is no video.
        DecodeError: it breaks off or cannot be decoded.
    """
    with open_input(path) as container, foreign_errors(Stage.DECODE, path):
        stream = main_video_stream(container, path)
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            yield _planes_of(frame)


def write_clip(
    path: Path, frames: Iterator[Planes], rate: Fraction, codec: str, options: dict[str, str], audio: str | None = None
) -> int:
    """Encode frames, as they come, into a file; returns their number.

    Args:
        codec: an encoder for yuv420p, e.g. "libx264" or "ffv1".
        options: the encoder's own.
        audio: a tone beside the video: "aac", "pcm" or None.

    Raises:
        OptionError: another audio was asked for, or there are no frames.
        EncodeError, WriteError: the encoder or the disk refused.
    """
    if audio is not None and audio not in TONES:
        raise OptionError(f"audio {audio!r}", accepted=", ".join(TONES) + " or None")
    first = next(frames, None)
    if first is None:
        raise OptionError(f"no frames for {path}", accepted="one frame or more")
    with foreign_errors(Stage.ENCODE, path), av.open(str(path), "w") as container:
        video = _add_video(container, first, rate, codec, options)
        tone = _Tone(container, TONES[audio]) if audio else None
        num_frames = 0
        for planes in _chained(first, frames):
            container.mux(video.encode(_frame_of(planes)))
            num_frames += 1
            if tone:
                tone.write_until(num_frames / rate)
        container.mux(video.encode())
        if tone:
            container.mux(tone.stream.encode())
    return num_frames


def _chained(first: Planes, rest: Iterator[Planes]) -> Iterator[Planes]:
    yield first
    yield from rest


def _add_video(container: Any, planes: Planes, rate: Fraction, codec: str, options: dict[str, str]) -> VideoStream:
    stream = container.add_stream(codec, rate=rate, options=reproducible(codec, options))
    stream.height, stream.width = planes[0].shape
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.color_primaries = context.color_trc = context.colorspace = _BT709
    context.color_range = _LIMITED
    return stream


def _planes_of(frame: av.VideoFrame) -> Planes:
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        frame = frame.reformat(format="yuv420p")
    luma, blue, red = (plane.astype(np.uint8) for plane in plane_views(frame, np.dtype(np.uint8)))
    return luma, blue, red


def _frame_of(planes: Planes) -> av.VideoFrame:
    width = planes[0].shape[1]
    chroma = np.concatenate([planes[1].ravel(), planes[2].ravel()]).reshape(-1, width)
    return av.VideoFrame.from_ndarray(np.concatenate([planes[0], chroma]), format="yuv420p")


def _cut(planes: Planes, width_px: int, height_px: int) -> Planes:
    luma, blue, red = planes
    half = (slice(height_px // 2), slice(width_px // 2))
    return luma[:height_px, :width_px], blue[half], red[half]


class _Tone:
    """A stereo tone that swells and falls, written along with the video so that the file stays interleaved."""

    def __init__(self, container: Any, codec: str) -> None:
        self.container = container
        self.stream: AudioStream = container.add_stream(codec, rate=SAMPLE_RATE_HZ)
        self.stream.codec_context.layout = "stereo"
        self.num_samples = 0
        self.format = "fltp" if codec == "aac" else "s16"

    def write_until(self, seconds: Fraction) -> None:
        while self.num_samples < seconds * SAMPLE_RATE_HZ:
            self.container.mux(self.stream.encode(self._next_frame()))

    def _next_frame(self) -> av.AudioFrame:
        at = (self.num_samples + np.arange(_AUDIO_FRAME_SAMPLES)) / SAMPLE_RATE_HZ
        swell = 0.2 + 0.1 * np.sin(2 * np.pi * 0.5 * at)
        both = np.stack([swell * np.sin(2 * np.pi * tone * at) for tone in (220.0, 330.0)])
        if self.format == "s16":
            samples = np.rint(both.T * 32767).astype(np.int16).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="stereo")
        else:
            frame = av.AudioFrame.from_ndarray(both.astype(np.float32), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE_HZ, self.num_samples, Fraction(1, SAMPLE_RATE_HZ)
        self.num_samples += _AUDIO_FRAME_SAMPLES
        return frame
