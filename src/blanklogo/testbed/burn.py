"""Burning a mark onto the planes of a frame, sub-pixel, in code values.

`I = (1 - g a) B + g p` on each plane, with p = a W: `over` is affine, so it holds on Y, U and V whatever their
range and matrix. The chroma alpha is the 2x2 mean of the luma alpha, as a 4:2:0 encoder would make it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.errors import OptionError
from blanklogo.testbed.clips import Planes
from blanklogo.testbed.marks import UPSCALE
from blanklogo.types import Box, Mark

MOTIONS = ("static", "hop", "fade")
FADE_PERIOD_FRAMES = 75
_RIM_PX = 2 * UPSCALE  # of nothing around a drawn mark, so that a mark that fills its picture gets soft edges too
_FLOOR = 0.002  # less opacity than half a code value at full contrast: not there


@dataclass(frozen=True)
class Placement:
    """Where a mark goes: its size against the nominal one, and its top-left corner in luma px (floats)."""

    scale: float
    x_px: float
    y_px: float


@dataclass(frozen=True, eq=False)
class PlacedMark:
    """A mark sampled onto a frame's grid, cut to its box.

    Attributes:
        box: in luma px, on even columns and rows.
        alphas: Y, U, V: float32 [h, w] in [0, 1]; chroma at half size.
        premultiplied: Y, U, V: alpha times the mark's code value, float32 [h, w].
    """

    box: Box
    alphas: tuple[NDArray[np.float32], ...]
    premultiplied: tuple[NDArray[np.float32], ...]

    def slices(self, plane_index: int) -> tuple[slice, slice]:
        """(rows, columns) of the box in plane 0 (luma), 1 or 2 (chroma)."""
        return (self.box if plane_index == 0 else self.box.subsampled(2, 2)).slices


def place(mark: Mark, placement: Placement, width_px: int, height_px: int) -> PlacedMark:
    """Sample a drawn mark (at `UPSCALE`) onto the grid of a frame of even width and height, BT.709 limited range.

    Raises:
        OptionError: the mark does not lie within the frame.
    """
    factor = placement.scale / UPSCALE
    box = _box(mark, placement, factor).aligned(2, 2, width_px, height_px)
    if not (0 <= placement.x_px <= box.x1 - 1 and 0 <= placement.y_px <= box.y1 - 1):
        raise OptionError(f"a mark at {placement.x_px:.1f},{placement.y_px:.1f}", accepted="a place within the frame")
    matrix = np.array(
        [
            [factor, 0, placement.x_px - box.x0 + (factor - 1) / 2 - _RIM_PX * factor],
            [0, factor, placement.y_px - box.y0 + (factor - 1) / 2 - _RIM_PX * factor],
        ],
        np.float32,
    )
    alpha = _sampled(mark.alpha, matrix, factor, box)
    colour = _sampled(mark.colour * mark.alpha[..., None], matrix, factor, box)
    colour[alpha < _FLOOR] = 0
    alpha[alpha < _FLOOR] = 0
    alphas, premultiplied = zip(*_to_planes(alpha, colour), strict=True)
    return PlacedMark(box, alphas, premultiplied)


def burn(planes: Planes, placed: PlacedMark, strength: float = 1.0) -> Planes:
    """New planes with the mark on them at this strength (g in [0, 1]); rounded to whole code values."""
    burned = []
    for index, plane in enumerate(planes):
        cut = placed.slices(index)
        mixed = plane[cut] * (1 - strength * placed.alphas[index]) + strength * placed.premultiplied[index]
        whole = plane.copy()
        whole[cut] = np.clip(np.rint(mixed), 0, 255)
        burned.append(whole)
    return (burned[0], burned[1], burned[2])


def strengths(motion: str, num_frames: int, place_index: int = 0, num_places: int = 1) -> NDArray[np.float64]:
    """Strength of the mark at one of its places for each frame, in [0, 1].

    `static`: 1. `hop`: 1 at one place at a time, each place visited at least twice where the clip is long enough.
    `fade`: a raised cosine from 0 to 1 and back in `FADE_PERIOD_FRAMES`.

    Raises:
        OptionError: no such motion.
    """
    index = np.arange(num_frames)
    if motion == "static":
        return np.ones(num_frames)
    if motion == "fade":
        return 0.5 - 0.5 * np.cos(2 * np.pi * index / FADE_PERIOD_FRAMES)
    if motion == "hop":
        stay_frames = max(1, num_frames // (2 * num_places))
        return (index // stay_frames % num_places == place_index).astype(float)
    raise OptionError(f"motion {motion!r}", accepted=", ".join(MOTIONS))


def _box(mark: Mark, placement: Placement, factor: float) -> Box:
    height, width = mark.alpha.shape
    return Box(
        max(0, math.floor(placement.x_px) - 1),
        max(0, math.floor(placement.y_px) - 1),
        math.ceil(placement.x_px + width * factor) + 1,
        math.ceil(placement.y_px + height * factor) + 1,
    )


def _sampled(picture: NDArray, matrix: NDArray[np.float32], factor: float, box: Box) -> NDArray[np.float32]:
    """Low-pass for the new grid (sigma 0.35 px there), then sample: the mark's soft edges without aliasing."""
    rimmed = cv2.copyMakeBorder(picture, _RIM_PX, _RIM_PX, _RIM_PX, _RIM_PX, cv2.BORDER_CONSTANT)
    smooth = cv2.GaussianBlur(rimmed, (0, 0), 0.35 / factor)
    return np.asarray(cv2.warpAffine(smooth, matrix, (box.width, box.height), flags=cv2.INTER_LINEAR), np.float32)


def _halved(plane: NDArray) -> NDArray[np.float32]:
    height, width = plane.shape
    return plane.reshape(height // 2, 2, width // 2, 2).mean((1, 3), dtype=np.float32)


def _to_planes(alpha: NDArray[np.float32], colour: NDArray[np.float32]) -> list[tuple[NDArray, NDArray]]:
    """(alpha, premultiplied code value) for Y, U, V of 8-bit BT.709, limited range."""
    red, green, blue = (colour[..., k] for k in range(3))
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    half = _halved(alpha)
    return [
        (alpha, 16 * alpha + 219 * luma),
        (half, _halved(128 * alpha + 224 / 1.8556 * (blue - luma))),
        (half, _halved(128 * alpha + 224 / 1.5748 * (red - luma))),
    ]
