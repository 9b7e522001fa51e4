"""Small films, made on the spot in any pixel format and with any time stamps, and what tests ask of results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from blanklogo.media.planes import PlaneFormat, plane_views
from blanklogo.testbed.burn import Placement, burn, place
from blanklogo.testbed.clips import Planes
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene
from blanklogo.types import Box

TIME_BASE = Fraction(1, 12800)
FAST = {"preset": "veryfast", "crf": "20"}


def marked_frames(scene: Scene, *marks: tuple[str, float, float]) -> list[Planes]:
    """A scene with marks (kind, x, y) at their nominal size."""
    placed = [place(draw_mark(kind), Placement(1.0, x, y), scene.width_px, scene.height_px) for kind, x, y in marks]
    frames = []
    for planes in scene.frames():
        for one in placed:
            planes = burn(planes, one)
        frames.append(planes)
    return frames


def write_film(
    path: Path,
    frames: Iterable[Planes],
    *,
    encoder: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    stamps: Sequence[int] | None = None,
) -> Path:
    """Frames into a file; stamps are in ticks of 1/12800 s, 25 frames a second unless given."""
    frames = list(frames)
    height, width = frames[0][0].shape
    layout = PlaneFormat.from_name(pixel_format)
    with av.open(str(path), "w") as output:
        output.container_options["video_track_timescale"] = str(TIME_BASE.denominator)
        video = output.add_stream(encoder, rate=25, time_base=TIME_BASE, options=options or FAST)
        video.width, video.height, video.pix_fmt = width, height, pixel_format
        context = video.codec_context
        context.color_primaries = context.color_trc = context.colorspace = context.color_range = 1
        for planes, stamp in zip(frames, stamps or range(0, 512 * len(frames), 512), strict=True):
            picture = av.VideoFrame(width, height, pixel_format)
            for new, plane in zip(plane_views(picture, layout.dtype, is_writeable=True), planes, strict=True):
                new[...] = plane.astype(layout.dtype) << (layout.bit_depth - 8)
            picture.pts, picture.time_base = stamp, TIME_BASE
            output.mux(video.encode(picture))
        output.mux(video.encode(None))
    return path


def luma(path: Path) -> np.ndarray:
    """All luma of a film, brought to 8 bits, float32 [T, H, W]."""
    pictures = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            layout = PlaneFormat.from_name(frame.format.name)
            pictures.append(plane_views(frame, layout.dtype)[0] / np.float32(1 << (layout.bit_depth - 8)))
    return np.stack(pictures)


def stamps_seconds(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]


def other_packets(path: Path) -> list[bytes]:
    """Every packet that is not video."""
    with av.open(str(path)) as container:
        streams = [stream for stream in container.streams if stream.type != "video"]
        return [bytes(packet) for packet in container.demux(streams) if packet.size] if streams else []


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """dB between two arrays in 0 to 255."""
    return float(10 * np.log10(255**2 / max(float(np.mean((one - other) ** 2)), 1e-6)))


def psnr_in(one: np.ndarray, other: np.ndarray, box: Box) -> float:
    rows, columns = box.slices
    return psnr(one[:, rows, columns], other[:, rows, columns])


def psnr_out(one: np.ndarray, other: np.ndarray, boxes: Iterable[Box], margin_px: int = 24) -> float:
    """dB farther than a margin from every box."""
    outside = np.ones(one.shape[1:], bool)
    for box in boxes:
        outside[box.dilated(margin_px, *outside.shape[::-1]).slices] = False
    return psnr(one[:, outside], other[:, outside])


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
