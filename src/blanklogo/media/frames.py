"""One decoded picture: its planes to read, its time, and copies of it with something changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import av
import numpy as np
from av.filter import Graph
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from blanklogo.errors import OptionError
from blanklogo.media.planes import Plane, PlaneFormat, plane_views
from blanklogo.types import Box


@dataclass(frozen=True, eq=False)
class Patch:
    """New code values for a part of one plane.

    Attributes:
        plane_index: 0 Y, 1 U, 2 V.
        row: of the plane, from 0, where the first row of `values` goes.
        column: of the plane, from 0.
        values: code values [h, w]; rounded and cut to the format's range when they are not integers.
    """

    plane_index: int
    row: int
    column: int
    values: NDArray

    def __repr__(self) -> str:
        return f"Patch(plane {self.plane_index}, row {self.row}, column {self.column}, {self.values.shape})"


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture of the video. Never written to: `patched` and `cropped` give new ones.

    Attributes:
        index: from 0, in order of presentation.
        pts: time stamp, in ticks of `time_base`, as the file has it.
        time_base: seconds of a tick.
        seconds: since the video's first frame.
        duration: in ticks, 0 if unknown.
        format: how the planes are laid out.
        is_key: the source could be entered here.
        is_damaged: the decoder had to conceal something.
        picture: FFmpeg's own frame, with its side data and colour tags; shared with the decoder, read only.
    """

    index: int
    pts: int
    time_base: Fraction
    seconds: float
    duration: int
    format: PlaneFormat
    is_key: bool
    is_damaged: bool
    picture: VideoFrame

    @property
    def width(self) -> int:
        return self.picture.width

    @property
    def height(self) -> int:
        return self.picture.height

    @cached_property
    def planes(self) -> tuple[Plane, Plane, Plane]:
        """Y, U, V as read-only arrays [h, w], uint8 or uint16."""
        return plane_views(self.picture, self.format.dtype)

    def patched(self, patches: Sequence[Patch]) -> Frame:
        """The frame with some values changed; the picture is copied once, everything else is kept.

        Raises:
            OptionError: a patch lies outside its plane.
        """
        if not patches:
            return self
        picture = _filtered(self, "copy")
        planes = plane_views(picture, self.format.dtype, is_writeable=True)
        for patch in patches:
            _write(planes[patch.plane_index], patch, self.format)
        return replace(self, picture=picture)

    def cropped(self, box: Box) -> Frame:
        """The part of the frame inside a box, without copying.

        Raises:
            OptionError: the box lies outside the frame, or its corner is not on the chroma grid.
        """
        if not Box(0, 0, self.width, self.height).contains(box):
            raise OptionError(f"{box} lies outside the frame", accepted=f"inside {self.width}x{self.height} px")
        if box.x0 % self.format.step_x or box.y0 % self.format.step_y:
            step = f"x0 a multiple of {self.format.step_x}, y0 of {self.format.step_y}"
            raise OptionError(f"{box} does not start on the chroma grid", accepted=step)
        arguments = f"{box.width}:{box.height}:{box.x0}:{box.y0}:exact=1"
        return replace(self, picture=_filtered(self, "crop", arguments))

    def __repr__(self) -> str:
        return f"Frame({self.index}, {self.seconds:.3f} s, {self.format.name} {self.width}x{self.height})"


def _write(plane: Plane, patch: Patch, layout: PlaneFormat) -> None:
    height, width = patch.values.shape
    rows, columns = slice(patch.row, patch.row + height), slice(patch.column, patch.column + width)
    if min(patch.row, patch.column) < 0 or rows.stop > plane.shape[0] or columns.stop > plane.shape[1]:
        raise OptionError(f"{patch} lies outside its plane of {plane.shape}", accepted="patches inside the plane")
    values = patch.values
    if values.dtype != layout.dtype:
        values = np.clip(np.rint(values), 0, layout.max_value)
    plane[rows, columns] = values


def upright(picture: VideoFrame, time_base: Fraction) -> VideoFrame:
    """The picture with its rows stored from top to bottom (some decoders store them upside down)."""
    if all(plane.line_size > 0 for plane in picture.planes):
        return picture
    return _run(picture, time_base, "copy", None)


def _filtered(frame: Frame, name: str, arguments: str | None = None) -> VideoFrame:
    return _run(frame.picture, frame.time_base, name, arguments)


def _run(picture: VideoFrame, time_base: Fraction, name: str, arguments: str | None) -> VideoFrame:
    """One picture through one FFmpeg filter.

    PyAV cannot clone a frame with its side data (captions, HDR, user data); FFmpeg's filters do, at C speed.
    """
    graph = Graph()
    graph.threads = 1  # a pool of threads for one picture costs more than the filter
    source = graph.add(
        "buffer",
        video_size=f"{picture.width}x{picture.height}",
        pix_fmt=picture.format.name,
        time_base=str(time_base),
        colorspace=str(int(picture.colorspace)),
        range=str(int(picture.color_range)),
    )
    step, sink = graph.add(name, arguments), graph.add("buffersink")
    source.link_to(step)
    step.link_to(sink)
    graph.configure()
    source.push(picture)
    result = sink.pull()
    assert isinstance(result, av.VideoFrame)
    return result


def retagged(frame: Frame, name: str) -> Frame:
    """The same code values under another name of the same layout (yuvj420p as yuv420p), range kept as a tag."""
    source = frame.picture
    picture = VideoFrame(source.width, source.height, name)
    for old, new in zip(frame.planes, plane_views(picture, frame.format.dtype, is_writeable=True), strict=True):
        new[...] = old
    picture.pts, picture.time_base, picture.duration = frame.pts, frame.time_base, frame.duration
    picture.color_range, picture.colorspace = 2, source.colorspace
    picture.color_primaries, picture.color_trc = source.color_primaries, source.color_trc
    return replace(frame, picture=picture)
