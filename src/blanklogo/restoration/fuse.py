"""Two opinions of the background made one: un-blended J (noisy, unbiased) and the fill B0 (smooth, blind to detail).

First the fill is set right at large: the mean of J - B0 over a window of 9 x 9 px and 5 frames is nearly free of
noise, so as much of it is added to B0 as stands above its own variance,

    L  = sum[w (J - B0)] / sum[w],   w = 1 / vJ,      vL = sum[w^2 (cn vn + cm vm)] / sum[w]^2,
    B1 = B0 + L max(0, 1 - vL / L^2),

with cn and cm how many neighbours share one error of the codec (vn) or of the matte (vm, which lasts over all
frames).

Then, pixel by pixel, an empirical Wiener filter: B1 is wrong by an unknown local variance vB, estimated from how far
J strays from B1 beyond its own variance over the same window,

    vB  = max(0, mean[(J - B1)^2 / vJ] / mean[1 / vJ] - mean[1] / mean[1 / vJ])
    out = (vB J + vJ B1) / (vB + vJ)

vB is held below a ceiling taken from the surroundings, so that a wrong matte cannot pass for texture. On a flat
background vB is 0 and the fill wins; over texture J does.

Source: Lee, "Digital image enhancement and noise filtering by use of local statistics", PAMI 1980.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blanklogo.ops.windows import box_mean
from blanklogo.restoration.unblend import Unblended
from blanklogo.types.arrays import Mask, Values

WINDOW_PX = 9
WINDOW_FRAMES = 5
_NOISE_CORRELATION = 12.0  # the codec's noise comes in blocks and lasts: so many pixels count as one


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What is known of a mark's place.

    Attributes:
        hole: bool [h, w], where the mark is; only these pixels vote.
        ceiling: largest vB that the surroundings make plausible, float32 [h, w].
        matte_correlation: cm, how many neighbouring pixels share one error of the matte.
    """

    hole: Mask
    ceiling: Values
    matte_correlation: float


def fuse(unblended: Unblended, fill: Values, surroundings: Surroundings) -> tuple[Values, Values]:
    """(out, share of the un-blended opinion in it, in [0, 1]), each float32 [T, h, w]; meaningful inside the hole.

    Args:
        unblended: J and its variances, [T, h, w].
        fill: B0, float32 of the same shape.
        surroundings: what is known of the place.
    """
    votes = surroundings.hole.astype(np.float32)
    precision = votes / (unblended.noise_variance + unblended.matte_variance)
    mean_precision = box_mean(precision, WINDOW_PX, WINDOW_FRAMES) + 1e-12
    offset, trust = _offset(unblended, fill, precision, mean_precision, surroundings)
    level = fill + offset
    strayed = box_mean((unblended.values - level) ** 2 * precision, WINDOW_PX, WINDOW_FRAMES)
    expected = box_mean(votes[None], WINDOW_PX, 1)
    level_variance = np.clip((strayed - expected) / mean_precision, 0, surroundings.ceiling)
    weight = level_variance / (level_variance + unblended.noise_variance + unblended.matte_variance)
    return level + weight * (unblended.values - level), weight + (1 - weight) * trust


def _offset(
    unblended: Unblended, fill: Values, precision: Values, mean_precision: Values, surroundings: Surroundings
) -> tuple[Values, Values]:
    """How far the fill is off at large, as far as that is sure, L max(0, 1 - vL / L^2); and the last factor."""
    mean = box_mean((unblended.values - fill) * precision, WINDOW_PX, WINDOW_FRAMES) / mean_precision
    num_frames = min(WINDOW_FRAMES, len(fill))
    correlated = _NOISE_CORRELATION * unblended.noise_variance
    correlated = correlated + surroundings.matte_correlation * num_frames * unblended.matte_variance
    spread = box_mean(correlated * precision**2, WINDOW_PX, WINDOW_FRAMES)
    variance = spread / (WINDOW_PX * WINDOW_PX * num_frames * mean_precision**2)
    reach = 2 * np.sqrt(surroundings.ceiling)
    trust = np.maximum(0, 1 - variance / np.maximum(mean**2, 1e-6))
    return np.clip(mean * trust, -reach, reach), trust
