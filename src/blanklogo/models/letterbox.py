"""Pictures into a detector's input and boxes back: scaled with the aspect kept, centred, the rest filled with grey.

For a picture of w x h px and an input of W x H: `s = min(W / w, H / h)`, the scaled size `round(s w) x round(s h)`, the
margins left and top half of what is missing. It is what Ultralytics trains and predicts with (grey 114, bilinear).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.types.arrays import Values

GREY = 114  # of 255


@dataclass(frozen=True)
class Letterbox:
    """Where a picture lies in a detector's input.

    Attributes:
        width_px, height_px: of the picture.
        input_width_px, input_height_px: of the network's input.
    """

    width_px: int
    height_px: int
    input_width_px: int
    input_height_px: int

    @property
    def scaled_px(self) -> tuple[int, int]:
        """(width, height) of the picture inside the input."""
        scale = min(self.input_width_px / self.width_px, self.input_height_px / self.height_px)
        return max(1, round(scale * self.width_px)), max(1, round(scale * self.height_px))

    @property
    def margins_px(self) -> tuple[int, int]:
        """(left, top); an odd pixel goes to the right and the bottom."""
        width, height = self.scaled_px
        return (self.input_width_px - width) // 2, (self.input_height_px - height) // 2

    def pictured(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture [h, w, channels] at its place in the input [H, W, channels]."""
        (width, height), (left, top) = self.scaled_px, self.margins_px
        whole = np.full((self.input_height_px, self.input_width_px, picture.shape[2]), GREY, np.uint8)
        if (width, height) != (self.width_px, self.height_px):
            picture = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)  # type: ignore[assignment]
        whole[top : top + height, left : left + width] = picture
        return whole

    def to_input(self, boxes: Values) -> Values:
        """Boxes [K, 4] (x0, y0, x1, y1) in px of the picture, in px of the input."""
        return boxes * self._scales + self._offsets

    def to_picture(self, boxes: Values) -> Values:
        """The inverse of `to_input`; not clipped."""
        return (boxes - self._offsets) / self._scales

    @property
    def _scales(self) -> NDArray[np.float64]:
        """x and y apart: each was rounded to whole pixels."""
        width, height = self.scaled_px
        return np.array([width / self.width_px, height / self.height_px] * 2)

    @property
    def _offsets(self) -> NDArray[np.float64]:
        return np.array(self.margins_px * 2, np.float64)


def input_tensor(pictures: Sequence[NDArray[np.uint8]], dtype: str) -> NDArray:
    """Letterboxed RGB pictures [H, W, 3], 0 to 255, as [B, 3, H, W] of 0 to 1 in the network's dtype."""
    stacked = np.stack(pictures).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(stacked.astype(np.float32) / 255).astype(dtype, copy=False)


def smallest_input_px(width_px: int, height_px: int, long_side_px: int, stride_px: int) -> tuple[int, int]:
    """(width, height) of the smallest input for a network of free size: the picture's long side becomes `long_side_px`,
    and both sides are rounded up to multiples of the stride."""
    scale = -(-long_side_px // stride_px) * stride_px / max(width_px, height_px)
    width, height = (max(stride_px, -(-round(scale * side) // stride_px) * stride_px) for side in (width_px, height_px))
    return width, height
