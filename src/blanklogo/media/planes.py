"""Pixel formats: which are understood, and how their planes are laid out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from av.video.frame import VideoFrame
from av.video.plane import VideoPlane
from numpy.typing import NDArray

from blanklogo.errors import UnsupportedError

Plane = NDArray[np.uint8] | NDArray[np.uint16]

ACCEPTED_FORMATS = "planar YUV 4:2:0, 4:2:2 and 4:4:4 with 8, 10 or 12 bit (yuv420p, yuvj420p, yuv422p10le, …)"

_NAME = re.compile(r"yuv(?P<full>j?)(?P<sampling>420|422|444)p(?P<depth>10le|12le)?")
_STEPS = {"420": (2, 2), "422": (2, 1), "444": (1, 1)}
_REASONS = (
    (re.compile(r"gray.*|ya\d+.*|mono.*"), "has no colour planes"),
    (re.compile(r"pal8"), "is paletted"),
    (re.compile(r"yuva.*|gbrap.*|(rgba|bgra|argb|abgr|ayuv|vuya).*"), "has an alpha plane"),
    (re.compile(r"gbr.*|[argb0x2]{3,4}\d*.*|bayer.*"), "is RGB, not YUV"),
    (re.compile(r"nv\d+.*|p[0-4]1.*|yuyv.*|yvyu.*|uyvy.*|y21.*|xv.*|vuy.*"), "interleaves its planes"),
    (re.compile(r"yuv.*be"), "is big-endian"),
)


@dataclass(frozen=True)
class PlaneFormat:
    """How a picture's three planes Y, U, V are laid out.

    Attributes:
        name: FFmpeg's name, such as "yuv420p" or "yuv422p10le".
        bit_depth: bits of a code value; 8 is stored as uint8, 10 and 12 as uint16.
        step_x: luma columns to a chroma column, 1 or 2.
        step_y: luma rows to a chroma row, 1 or 2.
        is_full_range: code values span 0 to 2**bit_depth - 1 (True) or the studio range, 16 to 235 at 8 bit (False).
    """

    name: str
    bit_depth: int
    step_x: int
    step_y: int
    is_full_range: bool

    @classmethod
    def from_name(cls, name: str, *, is_full_range: bool = False) -> PlaneFormat:
        """The format of this name; a `yuvj` name is full range whatever the tag says.

        Raises:
            UnsupportedError: the format is not among `ACCEPTED_FORMATS`.
        """
        match = _NAME.fullmatch(name)
        if match is None:
            reason = next((text for pattern, text in _REASONS if pattern.fullmatch(name)), "is not understood")
            raise UnsupportedError(
                f"the video's pixel format {name} {reason}",
                accepted=ACCEPTED_FORMATS,
                hint="convert it first, for example to yuv420p",
            )
        depth = int((match["depth"] or "8").removesuffix("le"))
        return cls(name, depth, *_STEPS[match["sampling"]], is_full_range or bool(match["full"]))

    @property
    def dtype(self) -> np.dtype:
        """uint8 or uint16 (little-endian)."""
        return np.dtype(np.uint8 if self.bit_depth == 8 else "<u2")

    @property
    def max_value(self) -> int:
        """The largest code value, 2**bit_depth - 1."""
        return (1 << self.bit_depth) - 1

    def plane_shape(self, plane_index: int, width: int, height: int) -> tuple[int, int]:
        """(rows, columns) of a plane of a picture of this size, rounded up."""
        if plane_index == 0:
            return height, width
        return -(-height // self.step_y), -(-width // self.step_x)

    def num_bytes(self, width: int, height: int) -> int:
        """Bytes of a whole picture of this size."""
        shapes = (self.plane_shape(index, width, height) for index in range(3))
        return sum(rows * columns for rows, columns in shapes) * self.dtype.itemsize


def plane_views(picture: VideoFrame, dtype: np.dtype, *, is_writeable: bool = False) -> tuple[Plane, Plane, Plane]:
    """Y, U, V of a picture as arrays [h, w] over its own memory, without the padding of its rows."""
    y, u, v = (_view(plane, dtype, is_writeable) for plane in picture.planes)
    return y, u, v


def _view(plane: VideoPlane, dtype: np.dtype, is_writeable: bool) -> Plane:
    values = np.frombuffer(memoryview(cast(Any, plane)), dtype=np.uint8)[: plane.line_size * plane.height]
    rows = values.reshape(plane.height, plane.line_size).view(dtype)[:, : plane.width]
    rows.flags.writeable = is_writeable
    return rows
