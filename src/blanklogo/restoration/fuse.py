"""Two opinions of the background made one: un-blended J (noisy, unbiased) and the fill B0 (smooth, blind to detail).

The fill is wrong by an unknown local variance vB. It is estimated, as in an empirical Wiener filter, from how far J
strays from B0 beyond its own variance, over a window of 9 x 9 px and 5 frames:

    vB  = max(0, mean[(J - B0)^2 / vJ] / mean[1 / vJ] - mean[1] / mean[1 / vJ])
    out = (vB J + vJ B0) / (vB + vJ)

It is held below a ceiling taken from the surroundings, so that a wrong matte cannot pass for texture. On a flat
background vB is 0 and the fill wins; over texture J does. A second pass refills the strokes from the first
pass's result, which is a better B0.

Source: Lee, "Digital image enhancement and noise filtering by use of local statistics", PAMI 1980.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blanklogo.ops.windows import box_mean

Values = NDArray[np.float32]

WINDOW_PX = 9
WINDOW_FRAMES = 5


def fuse(
    unblended: Values, variance: Values, fill: Values, hole: NDArray[np.bool_], ceiling: Values
) -> tuple[Values, Values]:
    """(out, weight of the un-blended opinion in [0, 1]), each float32 [T, h, w]; meaningful inside the hole.

    Args:
        unblended: J, float32 [T, h, w].
        variance: vJ, of the same shape.
        fill: B0, of the same shape.
        hole: bool [h, w], where the mark is; only these pixels vote.
        ceiling: largest vB that the surroundings make plausible, float32 [h, w].
    """
    votes = hole.astype(np.float32)
    precision = votes / variance
    mean_precision = box_mean(precision, WINDOW_PX, WINDOW_FRAMES) + 1e-12
    strayed = box_mean((unblended - fill) ** 2 * precision, WINDOW_PX, WINDOW_FRAMES)
    expected = box_mean(votes[None], WINDOW_PX, 1)
    fill_variance = np.clip((strayed - expected) / mean_precision, 0, ceiling)
    weight = fill_variance / (fill_variance + variance)
    return fill + weight * (unblended - fill), weight
