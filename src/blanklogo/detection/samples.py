"""What detection looks at: luma planes of sampled frames, shrunk at once to a size where marks still have strokes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

ANALYSIS_PX = 360  # shorter side; a mark's strokes at 720p are 2 px wide here, smaller loses small marks
UNSHRUNK_PX = 400  # frames up to here are looked at as they are
MOST_LENGTH_PX = 1280  # longer side, so that very long pictures stay small too
SOFT_CLIP = 6.0  # code values over two pixels; well above codec noise, well below a mark's edges


@dataclass(frozen=True, eq=False)
class LumaSample:
    """One sampled frame.

    Attributes:
        seconds: since the video's first frame.
        luma: full-resolution luma plane, uint8 [H, W].
        colour: the frame in R'G'B', uint8 [h, w, 3] of any size; None where nothing asks for it.
    """

    seconds: float
    luma: NDArray[np.uint8]
    colour: NDArray[np.uint8] | None = None

    def __repr__(self) -> str:
        return f"LumaSample({self.seconds:.3f} s, {self.luma.shape[1]}x{self.luma.shape[0]})"


def analysis_size(height_px: int, width_px: int) -> tuple[int, int]:
    """(height, width) of the shrunk picture: the shorter side 360 px (or up to 400 as is), the longer up to 1280."""
    shorter, longer = sorted((height_px, width_px))
    factor = 1.0 if shorter <= UNSHRUNK_PX else ANALYSIS_PX / shorter
    factor = min(factor, MOST_LENGTH_PX / longer)
    return max(1, round(height_px * factor)), max(1, round(width_px * factor))


def shrink(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The luma plane at `analysis_size`, area-averaged."""
    height, width = analysis_size(*luma.shape)
    if (height, width) == luma.shape:
        return luma
    return cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA)  # pyright: ignore[reportReturnType]


def gradient_field(picture: NDArray) -> NDArray[np.float32]:
    """Soft-clipped gradients: `g / sqrt(|g|² + k²)`, float32 [2, h, w] with lengths in [0, 1).

    g is the central difference (over two pixels) of the picture blurred by [1 2 1]; k is `SOFT_CLIP`. An edge of
    any contrast counts about once, so that one strong edge does not outvote a faint mark, and noise counts little.
    """
    blurred = cv2.GaussianBlur(picture, (3, 3), 0)
    dx = cv2.Sobel(blurred, cv2.CV_32F, 1, 0, ksize=1)
    dy = cv2.Sobel(blurred, cv2.CV_32F, 0, 1, ksize=1)
    scale = 1 / np.sqrt(dx * dx + dy * dy + SOFT_CLIP**2)
    return np.stack([dx * scale, dy * scale]).astype(np.float32, copy=False)
