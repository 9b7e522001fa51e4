"""Un-blending with its variance.

    J = (I - g p) / (1 - g a)
    noise variance = vn / (1 - g a)^2
    matte variance = g^2 (va J^2 - 2 cov J + vp) / (1 - g a)^2

vn is the variance of the codec's noise; va, vp, cov are the matte's own (`types.PlaneMatte`): dJ/da = J / (1 - a) and
dJ/dp = -1 / (1 - a). The two are kept apart
because averaging over a window washes noise out, and a wrong matte not. Where little light gets through, or the code
value is clipped, J says nothing and its variance is huge.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from blanklogo.ops.compositing import unblend
from blanklogo.ops.windows import gradient
from blanklogo.types import PlaneMatte
from blanklogo.types.arrays import Values

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


@dataclass(frozen=True, eq=False)
class Unblended:
    """J with its two variances, each float32 [T, h, w], in code values brought to 8 bits."""

    values: Values
    noise_variance: Values
    matte_variance: Values


def unblend_with_variance(pictures: Values, matte: PlaneMatte, strength: Values, noise_variance: Values) -> Unblended:
    """What lies under the mark, and how sure that is.

    Args:
        pictures: float32 [T, h, w].
        strength: g, float32 [T, 1, 1].
        noise_variance: vn, broadcasts to the pictures.
    """
    values = unblend(pictures, matte.alpha, matte.premultiplied, strength)
    doubt = matte.alpha_variance * values**2 - 2 * matte.covariance * values + matte.premultiplied_variance
    gain = 1 / np.maximum(1 - strength * matte.alpha, 0.02) ** 2
    clipped = (pictures <= _CLIPPED[0]) | (pictures >= _CLIPPED[1])
    noise = np.where(clipped, 16 * noise_variance, noise_variance) * gain
    noise = np.where(strength * matte.alpha > _OPAQUE, _NOTHING, noise)
    return Unblended(values, noise.astype(np.float32), (strength**2 * np.maximum(doubt, 0) * gain).astype(np.float32))
