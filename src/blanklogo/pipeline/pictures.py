"""Pictures for people: before and after, with boxes and matte drawn."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.media.frames import Frame
from blanklogo.media.output import put_bytes
from blanklogo.types import Matte, Track

Picture = NDArray[np.uint8]

_BOX_COLOUR = (60, 200, 255)  # B'G'R'
_GAP_PX = 8
_CAPTION_PX = 28


def as_bgr(frame: Frame) -> Picture:
    """A frame as it is shown, uint8 [H, W, 3] in B'G'R'."""
    return np.asarray(frame.picture.to_ndarray(format="bgr24"), np.uint8)


def with_boxes(picture: Picture, tracks: tuple[Track, ...]) -> Picture:
    """A copy with each track's box drawn."""
    drawn = picture.copy()
    thickness = max(1, round(picture.shape[0] / 400))
    for track in tracks:
        box = track.box
        cv2.rectangle(drawn, (box.x0 - 2, box.y0 - 2), (box.x1 + 1, box.y1 + 1), _BOX_COLOUR, thickness)
    return drawn


def before_after(before: Picture, after: Picture, tracks: tuple[Track, ...], mattes: tuple[Matte, ...]) -> Picture:
    """Before with boxes beside after; below, for each mark, the enlarged place before, its alpha, and after."""
    top = _row([_captioned(with_boxes(before, tracks), "before"), _captioned(after, "after")])
    rows = [top, *(_enlarged(before, after, matte, top.shape[1]) for matte in mattes)]
    return np.concatenate([_padded_to(row, top.shape[1]) for row in rows])


def write_png(picture: Picture, path: Path) -> None:
    """Whole or not at all. Raises WriteError when the disk refuses."""
    put_bytes(cv2.imencode(".png", picture)[1].tobytes(), path)


def _enlarged(before: Picture, after: Picture, matte: Matte, width: int) -> Picture:
    alpha = np.rint(255 * matte.planes[0].alpha).astype(np.uint8)
    parts = [before[matte.box.slices], cv2.cvtColor(alpha, cv2.COLOR_GRAY2BGR), after[matte.box.slices]]
    factor = (width - 2 * _GAP_PX) / 3 / matte.box.width
    size = (int(matte.box.width * factor), max(1, int(matte.box.height * factor)))
    large = [cv2.resize(part, size, interpolation=cv2.INTER_CUBIC) for part in parts]
    return _row([_captioned(part, name) for part, name in zip(large, ("before", "alpha", "after"), strict=True)])


def _captioned(picture: Picture, text: str) -> Picture:
    bar = np.full((_CAPTION_PX, picture.shape[1], 3), 24, np.uint8)
    cv2.putText(bar, text, (8, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (235, 235, 235), 1, cv2.LINE_AA)
    return np.concatenate([bar, picture])


def _row(pictures: list[Picture]) -> Picture:
    gap = np.full((pictures[0].shape[0], _GAP_PX, 3), 24, np.uint8)
    parts = [pictures[0]]
    for picture in pictures[1:]:
        parts += [gap, picture]
    return np.concatenate(parts, axis=1)


def _padded_to(row: Picture, width: int) -> Picture:
    return np.pad(row, ((0, _GAP_PX), (0, width - row.shape[1]), (0, 0)), constant_values=24)
