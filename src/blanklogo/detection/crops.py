"""What a classifier is shown of a place: the window's statistics around a box, brought to one size, and where it is.

Small things are enlarged, so that a network that halves its picture several times still sees their strokes; large ones
are shrunk until they fit with something of what is around them.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.statistics import NUM_CHANNELS

CROP_PX = (96, 192)  # (height, width)
NUM_PLANES = NUM_CHANNELS + 1
MOST_ENLARGED = 2.0
MARGIN_PX, MARGIN = 8.0, 0.5  # around a box: so much, and this share of its shorter side

Corners = tuple[float, float, float, float]


def crop(statistics: NDArray[np.uint8], corners: Corners) -> NDArray[np.uint8]:
    """The crop around a box, uint8 [4, 96, 192]: the three statistics, and 255 where the box is.

    Args:
        statistics: of a window, uint8 [3, h, w].
        corners: x0, y0, x1, y1 of the box in px, fractions included.
    """
    x0, y0, x1, y1 = corners
    scale = _scale(x1 - x0, y1 - y0)
    height, width = (round(side / scale) for side in CROP_PX)
    left, top = round((x0 + x1 - width) / 2), round((y0 + y1 - height) / 2)
    region = _region(statistics, (left, top), (height, width))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    shown = np.zeros((NUM_PLANES, *CROP_PX), np.uint8)
    for plane, source in zip(shown, region, strict=False):
        plane[:] = cv2.resize(source, (CROP_PX[1], CROP_PX[0]), interpolation=way)
    columns, rows = (_span(first, last, scale) for first, last in ((x0 - left, x1 - left), (y0 - top, y1 - top)))
    shown[-1, rows, columns] = 255
    return shown


def _scale(width: float, height: float) -> float:
    margin = MARGIN_PX + MARGIN * min(width, height)
    return min(MOST_ENLARGED, CROP_PX[1] / (width + 2 * margin), CROP_PX[0] / (height + 2 * margin))


def _span(first: float, last: float, scale: float) -> slice:
    start = max(0, round(first * scale))
    return slice(start, max(start + 1, round(last * scale)))


def _region(picture: NDArray[np.uint8], corner: tuple[int, int], size_px: tuple[int, int]) -> NDArray[np.uint8]:
    """A part of a picture [3, h, w], zero beyond its rim."""
    (left, top), (height, width) = corner, size_px
    region = np.zeros((len(picture), height, width), np.uint8)
    y0, y1 = max(0, top), min(picture.shape[1], top + height)
    x0, x1 = max(0, left), min(picture.shape[2], left + width)
    if y0 < y1 and x0 < x1:
        region[:, y0 - top : y1 - top, x0 - left : x1 - left] = picture[:, y0:y1, x0:x1]
    return region
