"""Pictures for people: crops of frames side by side, enlarged, with readable labels. All arrays are B, G, R uint8."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.errors import SourceError, WriteError
from blanklogo.testbed.clips import read_planes
from blanklogo.testbed.scenery import to_bgr
from blanklogo.types import Box

Picture = NDArray[np.uint8]  # B, G, R [H, W, 3]

_PAPER = (24, 22, 20)
_INK = (245, 245, 245)


def frame_picture(path: Path, index: int) -> Picture:
    """Frame number `index` (from 0) of a file.

    Raises:
        SourceError: the file ends before it.
    """
    for planes in islice(read_planes(path), index, index + 1):
        return to_bgr(planes)
    raise SourceError(f"{path} has no frame {index}", accepted="a video with more frames")


def enlarged(picture: Picture, factor: float) -> Picture:
    """Larger, with hard pixels where the factor is whole, so that nothing is smoothed over."""
    way = cv2.INTER_NEAREST if float(factor).is_integer() else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=way), np.uint8)


def captioned(picture: Picture, words: str, height_px: int = 30) -> Picture:
    """The picture under a strip with words on it; the words shrink until they fit."""
    strip = np.empty((height_px, picture.shape[1], 3), np.uint8)
    strip[:] = _PAPER
    scale = height_px / 48
    (width, _), _ = cv2.getTextSize(words, cv2.FONT_HERSHEY_SIMPLEX, scale, 1)
    scale *= min(1.0, (picture.shape[1] - 12) / max(width, 1))
    at = (8, round(height_px * 0.68))
    cv2.putText(strip, words, at, cv2.FONT_HERSHEY_SIMPLEX, scale, _INK, 1, cv2.LINE_AA)
    return np.vstack([strip, picture])


def beside(pictures: Sequence[Picture], gap_px: int = 6) -> Picture:
    """Pictures of one height from left to right."""
    return _joined(pictures, gap_px, axis=1)


def above(pictures: Sequence[Picture], gap_px: int = 6) -> Picture:
    """Pictures of one width from top to bottom."""
    return _joined(pictures, gap_px, axis=0)


def inset(picture: Picture, part: Picture, corner: tuple[int, int], rim_px: int = 2) -> Picture:
    """A smaller picture laid onto a larger one with a bright rim, its top-left at `corner` (x, y)."""
    result = picture.copy()
    x, y = corner
    height, width = part.shape[:2]
    cv2.rectangle(result, (x - rim_px, y - rim_px), (x + width + rim_px - 1, y + height + rim_px - 1), _INK, -1)
    result[y : y + height, x : x + width] = part
    return result


def outlined(picture: Picture, box: Box, colour: tuple[int, int, int] = _INK) -> Picture:
    """The picture with a thin frame around a box."""
    result = picture.copy()
    cv2.rectangle(result, (box.x0 - 1, box.y0 - 1), (box.x1, box.y1), colour, 1, cv2.LINE_AA)
    return result


def save_picture(picture: Picture, path: Path) -> Path:
    """Write a PNG; its folder is made if it is missing.

    Raises:
        WriteError: it could not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), picture):
        raise WriteError(f"{path} could not be written", hint="a folder with room and permission")
    return path


def _joined(pictures: Sequence[Picture], gap_px: int, axis: int) -> Picture:
    shape = list(pictures[0].shape)
    shape[axis] = gap_px
    gap = np.empty(shape, np.uint8)
    gap[:] = _PAPER
    parts = [pictures[0]]
    for picture in pictures[1:]:
        parts += [gap, picture]
    return np.concatenate(parts, axis=axis)
