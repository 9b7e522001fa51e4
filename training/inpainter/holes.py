"""What hides the truth in a crop: marks as they are drawn, and shapes that no mark has.

Half of them are drawn marks, whose strokes are what is mostly to be filled; the others are scribbles, boxes, discs and
blobs, so that the net learns to go on with a picture and not to know letters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.types.arrays import Mask, Values

Draw = Callable[[np.random.Generator], tuple[Values, Values]]
"""Draws a mark: alpha [h, w] in [0, 1] and colour R'G'B' [h, w, 3], at the size at which it shall be burned in."""

_MARK_SHARE = 0.6
_LEAST_ALPHA = 0.01  # as a mark's support is taken from its picture
_SHARES = (0.01, 0.45)  # of a crop that may be hole
_LEAST_RIM_PX = 4  # of the crop that stays known all around


@dataclass(frozen=True, eq=False)
class Cover:
    """What lies over a crop.

    Attributes:
        alpha: float32 [h, w].
        colour: R'G'B', float32 [h, w, 3] in [0, 1].
        hole: bool [h, w]: what is to be filled, the mark and a margin.
    """

    alpha: Values
    colour: Values
    hole: Mask


def cover(height_px: int, width_px: int, draw: Draw, rng: np.random.Generator) -> Cover:
    """A cover of a crop of this size, of a share of it that leaves enough to see."""
    while True:
        if rng.random() < _MARK_SHARE:
            alpha, colour = _placed(*draw(rng), height_px, width_px, rng)
        else:
            alpha = _SHAPES[int(rng.integers(len(_SHAPES)))](height_px, width_px, rng)
            colour = np.broadcast_to(rng.random(3).astype(np.float32), (*alpha.shape, 3))
        margin = 2 * int(rng.choice([1, 2, 2, 3])) + 1
        hole = cv2.dilate((alpha > _LEAST_ALPHA).astype(np.uint8), np.ones((margin, margin), np.uint8)).astype(bool)
        rim = np.ones_like(hole)
        rim[_LEAST_RIM_PX:-_LEAST_RIM_PX, _LEAST_RIM_PX:-_LEAST_RIM_PX] = False
        hole &= ~rim
        if _SHARES[0] < hole.mean() < _SHARES[1]:
            return Cover(np.where(hole, alpha, 0), colour, hole)


def _placed(
    alpha: Values, colour: Values, height_px: int, width_px: int, rng: np.random.Generator
) -> tuple[Values, Values]:
    """A mark somewhere on the crop, or as much of a larger one as goes on it."""
    room_y, room_x = height_px - alpha.shape[0], width_px - alpha.shape[1]
    top, left = (int(rng.integers(min(0, room), max(0, room) + 1)) for room in (room_y, room_x))
    matrix = np.array([[1, 0, left + rng.uniform(-0.5, 0.5)], [0, 1, top + rng.uniform(-0.5, 0.5)]], np.float32)
    size = (width_px, height_px)
    moved = np.asarray(cv2.warpAffine(alpha, matrix, size, flags=cv2.INTER_LINEAR), np.float32)
    paint = cv2.warpAffine(colour, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return moved, np.asarray(paint, np.float32)


def _softened(canvas: NDArray[np.uint8], rng: np.random.Generator) -> Values:
    soft = cv2.GaussianBlur(canvas, (0, 0), rng.uniform(0.35, 0.8))
    return (np.asarray(soft, np.float32) / 255 * rng.uniform(0.9, 1)).astype(np.float32)


def _scribble(height_px: int, width_px: int, rng: np.random.Generator) -> Values:
    """Polylines of one pen, turning as handwriting does."""
    canvas = np.zeros((height_px, width_px), np.uint8)
    pen_px = int(rng.integers(2, 15))
    for _ in range(int(rng.integers(1, 7))):
        num_points = int(rng.integers(3, 14))
        turns = np.cumsum(rng.normal(0, 0.9, num_points)) + rng.uniform(0, 2 * np.pi)
        steps = rng.uniform(5, 28, num_points)[:, None] * np.stack([np.cos(turns), np.sin(turns)], 1)
        points = rng.uniform((0, 0), (width_px, height_px)) + np.cumsum(steps, 0)
        cv2.polylines(canvas, [np.rint(points).astype(np.int32)], False, 255, pen_px, cv2.LINE_AA)
    return _softened(canvas, rng)


def _boxes(height_px: int, width_px: int, rng: np.random.Generator) -> Values:
    """One to three upright boxes, as wide as marks are."""
    canvas = np.zeros((height_px, width_px), np.uint8)
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        tall, wide = int(rng.uniform(0.08, 0.65) * height_px), int(rng.uniform(0.08, 0.75) * width_px)
        y, x = int(rng.integers(0, height_px - tall)), int(rng.integers(0, width_px - wide))
        canvas[y : y + tall, x : x + wide] = 255
    return _softened(canvas, rng)


def _rounds(height_px: int, width_px: int, rng: np.random.Generator) -> Values:
    """Ellipses and rings."""
    canvas = np.zeros((height_px, width_px), np.uint8)
    for _ in range(int(rng.integers(1, 6))):
        centre = (int(rng.integers(width_px)), int(rng.integers(height_px)))
        axes = (int(rng.integers(4, 40)), int(rng.integers(4, 40)))
        pen_px = -1 if rng.random() < 0.4 else int(rng.integers(2, 12))
        cv2.ellipse(canvas, centre, axes, float(rng.uniform(0, 180)), 0, 360, 255, pen_px, cv2.LINE_AA)
    return _softened(canvas, rng)


def _polygons(height_px: int, width_px: int, rng: np.random.Generator) -> Values:
    """Filled corners: icons."""
    canvas = np.zeros((height_px, width_px), np.uint8)
    for _ in range(int(rng.integers(1, 5))):
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 8))))
        spokes = rng.uniform(5, 40) * rng.uniform(0.4, 1, (len(angles), 1))
        points = rng.uniform((0, 0), (width_px, height_px)) + spokes * np.stack([np.cos(angles), np.sin(angles)], 1)
        cv2.fillPoly(canvas, [np.rint(points).astype(np.int32)], 255, cv2.LINE_AA)
    return _softened(canvas, rng)


_SHAPES = (_scribble, _scribble, _boxes, _rounds, _polygons)
