"""What a matte is learnt from: the same crop of frames spread over the video."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from blanklogo.errors import OptionError
from blanklogo.media.planes import PlaneFormat
from blanklogo.types import Box
from blanklogo.types.arrays import Mask, Values

_BOX_MARGIN_PX = 3  # a box, detected or drawn by hand, may cut a soft edge


@dataclass(frozen=True, eq=False)
class CropSamples:
    """A crop of T frames.

    Attributes:
        crop: the place, in luma px, on the chroma grid.
        seconds: float [T], since the video's first frame.
        planes: Y, U, V as code values [T, h, w] in the video's own depth.
        format: of the planes.
        strength: float32 [T] in [0, 1], of the mark at these times, up to a common factor.
    """

    crop: Box
    seconds: NDArray[np.float64]
    planes: tuple[NDArray, NDArray, NDArray]
    format: PlaneFormat
    strength: Values

    def __post_init__(self) -> None:
        if not len(self.seconds):
            raise OptionError("there are no samples", accepted="one frame or more with the mark")

    def __len__(self) -> int:
        return len(self.seconds)

    def __repr__(self) -> str:
        return f"CropSamples({len(self)} of {self.crop})"

    def values(self, plane_index: int) -> Values:
        """A plane's code values brought to 8 bits, float32 [T, h, w]."""
        return self.planes[plane_index].astype(np.float32) / (1 << (self.format.bit_depth - 8))

    @cached_property
    def luma(self) -> Values:
        return self.values(0)

    def within(self, box: Box) -> CropSamples:
        """The part inside a box, which lies in the crop and on the chroma grid."""
        moved = Box(box.x0 - self.crop.x0, box.y0 - self.crop.y0, box.x1 - self.crop.x0, box.y1 - self.crop.y0)
        parts = (moved, *(moved.subsampled(self.format.step_x, self.format.step_y),) * 2)
        y, u, v = (
            plane[:, part.y0 : part.y1, part.x0 : part.x1] for plane, part in zip(self.planes, parts, strict=True)
        )
        return CropSamples(box, self.seconds, (y, u, v), self.format, self.strength)

    def steps(self, plane_index: int) -> tuple[int, int]:
        """(x, y) subsampling of a plane."""
        return (1, 1) if plane_index == 0 else (self.format.step_x, self.format.step_y)


def box_hole(crop: Box, box: Box) -> Mask:
    """Where a box lies in a crop, a little grown, bool [h, w]; some of the crop is always left known.

    Args:
        box: in luma px of the frame; may be a few px too small.
    """
    hole = np.zeros((crop.height, crop.width), bool)
    y0, x0 = max(0, box.y0 - crop.y0 - _BOX_MARGIN_PX), max(0, box.x0 - crop.x0 - _BOX_MARGIN_PX)
    hole[y0 : box.y1 - crop.y0 + _BOX_MARGIN_PX, x0 : box.x1 - crop.x0 + _BOX_MARGIN_PX] = True
    if hole.all():  # a box as large as the frame leaves nothing to fill from; its rim is the best guess
        hole[[0, -1]] = hole[:, [0, -1]] = False
    return hole
