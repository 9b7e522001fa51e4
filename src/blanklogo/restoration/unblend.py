"""Un-blending with its variance.

    J  = (I - g p) / (1 - g a)
    vJ = [vn + g^2 (va J^2 - 2 cov J + vp)] / (1 - g a)^2

vn is the variance of the codec's noise; va, vp, cov are the matte's own (`types.PlaneMatte`): dJ/da = J / (1 - a) and
dJ/dp = -1 / (1 - a). Where little light gets through, or the code value is clipped, J says nothing and vJ is huge.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.ops.compositing import unblend
from blanklogo.ops.windows import gradient
from blanklogo.types import PlaneMatte

Values = NDArray[np.float32]

_OPAQUE = 0.9  # above it noise grows more than tenfold: nothing true is left
_NOTHING = 1e9  # a variance that outweighs any code value
_CLIPPED = (1.0, 254.0)
_MID_GREY = 110.0
# The codec's error near a mark's edges grows with the edges' energy; the share was fitted on x264 at crf 18 to 28.
_EDGE_SHARE = 0.01
_EDGE_REACH_PX = 2.5


def edge_noise(matte: PlaneMatte) -> Values:
    """Variance of the codec's extra error around the mark's own edges, float32 [h, w], at full strength."""
    edges = gradient(matte.premultiplied - matte.alpha * _MID_GREY)
    return _EDGE_SHARE * cv2.GaussianBlur((edges**2).sum(axis=0), (0, 0), _EDGE_REACH_PX)


def unblend_with_variance(
    pictures: Values, matte: PlaneMatte, strength: Values, noise_variance: Values
) -> tuple[Values, Values]:
    """(J, vJ), each float32 [T, h, w], in code values brought to 8 bits.

    Args:
        pictures: float32 [T, h, w].
        strength: g, float32 [T, 1, 1].
        noise_variance: vn, broadcasts to the pictures.
    """
    background = unblend(pictures, matte.alpha, matte.premultiplied, strength)
    matte_variance = (
        matte.alpha_variance * background**2 - 2 * matte.covariance * background + matte.premultiplied_variance
    )
    through = np.maximum(1 - strength * matte.alpha, 0.02)
    variance = (noise_variance + strength**2 * np.maximum(matte_variance, 0)) / through**2
    clipped = (pictures <= _CLIPPED[0]) | (pictures >= _CLIPPED[1])
    variance = np.where(clipped, 16 * variance, variance)
    variance = np.where(strength * matte.alpha > _OPAQUE, _NOTHING, variance)
    return background, variance.astype(np.float32)
