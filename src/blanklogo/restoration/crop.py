"""Cutting off the edge that holds a mark: nothing is invented, something is lost."""

from __future__ import annotations

from blanklogo.errors import OptionError
from blanklogo.types import Box

_LARGEST_LOSS = 0.5


def crop_without(boxes: tuple[Box, ...], width_px: int, height_px: int, step_px: int = 2) -> Box:
    """The largest part of the frame, on the chroma grid, that holds none of the boxes.

    Marks are cut off one after the other, each at the edge that costs the least.

    Raises:
        OptionError: more than half of the picture would be lost.
    """
    kept = Box(0, 0, width_px // step_px * step_px, height_px // step_px * step_px)
    for box in boxes:
        if kept.intersection(box) is not None:
            kept = max(_cuts(kept, box, step_px), key=lambda part: part.area, default=None) or _refuse(box)
    if kept.area < (1 - _LARGEST_LOSS) * width_px * height_px:
        _refuse(boxes[0])
    return kept


def _refuse(box: Box) -> Box:
    raise OptionError(
        f"the mark at {box.as_list()} is too far from the frame's edges to be cut off",
        accepted="marks near an edge",
        hint="--mode auto, which restores what is under it",
    )


def _cuts(kept: Box, box: Box, step: int) -> list[Box]:
    """What is left when the mark is cut off at the left, right, top or bottom."""
    left, top = -(-box.x1 // step) * step, -(-box.y1 // step) * step
    right, bottom = box.x0 // step * step, box.y0 // step * step
    sides = (
        (left, kept.y0, kept.x1, kept.y1),
        (kept.x0, kept.y0, right, kept.y1),
        (kept.x0, top, kept.x1, kept.y1),
        (kept.x0, kept.y0, kept.x1, bottom),
    )
    return [Box(*side) for side in sides if side[0] < side[2] and side[1] < side[3]]
