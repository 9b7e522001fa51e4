"""How hostile files are put together: packets into a container, and bytes into an MP4's boxes."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterable
from fractions import Fraction
from functools import cache
from typing import Any

import av
import numpy as np


def video(
    codec: str = "mpeg4",
    size: tuple[int, int] = (64, 64),
    num_frames: int = 3,
    pixel_format: str = "yuv420p",
    container: str = "matroska",
    stamps: Callable[[int], int] | None = None,
    options: dict[str, str] | None = None,
    more: Callable[[Any, Any], None] | None = None,
) -> bytes:
    """A plain video.

    Args:
        stamps: of each packet, in thousandths of a second; None: 25 a second.
        more: is given the container and the video's stream, before its first packet.
    """
    held = io.BytesIO()
    with av.open(held, "w", format=container) as output:
        stream = output.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        if more is not None:
            more(output, stream)
        frames = (_picture(size, pixel_format, index) for index in range(num_frames))
        packets = [packet for frame in (*frames, None) for packet in stream.encode(frame)]
        for index, packet in enumerate(packets):
            if stamps is not None:
                packet.pts = packet.dts = stamps(index)
                packet.time_base = Fraction(1, 1000)
            output.mux(packet)
    return held.getvalue()


def repeated(num_packets: int, container: str, every: int = 40) -> bytes:
    """One key frame, again and again: a few bytes each."""
    held = io.BytesIO()
    with av.open(held, "w", format=container) as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        data = bytes(next(iter(stream.encode(_picture((16, 16), "yuv420p", 0)))))
        stream.encode(None)
        for index in range(num_packets):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts = stream, index * every, index * every
            packet.time_base, packet.is_keyframe = Fraction(1, 1000), True
            output.mux(packet)
    return held.getvalue()


def claimed(codec: str, size: tuple[int, int], data: Iterable[bytes], container: str = "matroska") -> bytes:
    """Packets that are not what the header says of them."""
    held = io.BytesIO()
    with av.open(held, "w", format=container) as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for index, piece in enumerate(data):
            packet = av.Packet(piece)
            packet.stream, packet.pts, packet.dts = stream, index * 40, index * 40
            packet.time_base, packet.is_keyframe = Fraction(1, 1000), True
            output.mux(packet)
    return held.getvalue()


@cache
def packets_of(codec: str, size: tuple[int, int], num_frames: int = 1, **options: str) -> list[bytes]:
    """What an encoder makes of pictures of one colour."""
    context = av.CodecContext.create(codec, "w")
    context.width, context.height = size
    context.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    context.time_base, context.options = Fraction(1, 25), options
    frames = (_picture(size, context.pix_fmt, index) for index in range(num_frames))
    return [bytes(packet) for frame in (*frames, None) for packet in context.encode(frame)]


def sound(container: str, codec: str = "aac", num_frames: int = 20) -> bytes:
    """Sound and nothing else."""
    held = io.BytesIO()
    with av.open(held, "w", format=container) as output:
        add_sound(output, codec, num_frames)
    return held.getvalue()


def add_sound(
    output: Any, codec: str = "aac", num_frames: int = 20, num_samples: int = 1024, apart: int = 1, num_streams: int = 1
) -> None:
    """Some silence, in so many streams; the frames are so many of their own lengths apart."""
    streams = [output.add_stream(codec, rate=8000) for _ in range(num_streams)]
    form, kind = ("fltp", np.float32) if codec == "aac" else ("s16", np.int16)
    for stream in streams:
        stream.codec_context.layout = "mono"
    for stream in streams:
        for index in range(num_frames):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, num_samples), kind), form, "mono")
            frame.sample_rate, frame.pts, frame.time_base = 8000, index * num_samples * apart, Fraction(1, 8000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def grown(clip: bytes, path: tuple[str, ...], payload: Callable[[bytes], bytes]) -> bytes:
    """An MP4, its boxes behind its pictures, with another payload of the first box at this path."""
    head, box, tail = _found(clip, path[0])
    inner = grown(box, path[1:], payload) if len(path) > 1 else payload(box)
    return head + struct.pack(">I", 8 + len(inner)) + path[0].encode() + inner + tail


def _found(data: bytes, name: str) -> tuple[bytes, bytes, bytes]:
    """What is before the box, its payload, and what is after it."""
    at = 0
    while at + 8 <= len(data):
        size = struct.unpack_from(">I", data, at)[0]
        if data[at + 4 : at + 8] == name.encode():
            return data[:at], data[at + 8 : at + size], data[at + size :]
        at += size
    raise ValueError(f"no box {name}")


def _picture(size: tuple[int, int], pixel_format: str, index: int) -> av.VideoFrame:
    frame = av.VideoFrame(*size, pixel_format)
    for plane in frame.planes:
        plane.update(bytes([16 + index % 200]) * plane.buffer_size)
    frame.pts, frame.time_base = index, Fraction(1, 25)
    return frame
