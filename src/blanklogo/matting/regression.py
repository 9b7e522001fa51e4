"""The straight line that each pixel under a mark draws over time.

    y_t = I_t - B'_t = a g_t (W - B'_t) + d g_t + noise,        p = a W + d,

fitted by weighted least squares with normal priors on a and d and Cauchy weights against frames in which the
prediction B' failed; the inverse of the normal matrix is the covariance of (a, d). A frame counts as much as it is
new (`matting.evidence`). The prior on d widens where a pixel insists (outlines, second colours) and holds the others
to the common colour W.

Source: Holland, Welsch, "Robust regression using iteratively reweighted least-squares", 1977.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blanklogo.ops.windows import blurred
from blanklogo.types.arrays import Mask, Values

_NUM_ITERATIONS = 6
_CAUCHY = 5.3  # squared tuning constant: 95% efficiency under normal noise
_LEAST_NOISE = 2.0  # variance; a codec leaves at least this


@dataclass(frozen=True, eq=False)
class Prior:
    """Normal prior of alpha, and the deviation that the offset d starts and ends with, in code values.

    `alpha_mean` and `alpha_deviation` are numbers, or arrays [h, w].
    """

    alpha_mean: float | Values
    alpha_deviation: float | Values
    start_offset: float
    end_offset: float


@dataclass(frozen=True, eq=False)
class Evidence:
    """Samples of one plane with their predicted background.

    Attributes:
        picture: I, [T, h, w].
        background: B', [T, h, w].
        strength: g of each frame, [T].
        weight: of each frame, [T]; their sum is Te.
        floor: least noise variance, [h, w]: what the prediction may be wrong by.
        hole: where there is something to fit, [h, w].
    """

    picture: Values
    background: Values
    strength: Values
    weight: Values
    floor: Values
    hole: Mask

    @property
    def num_effective(self) -> float:
        """Te."""
        return float(self.weight.sum())

    def mean_background(self) -> Values:
        """[h, w], frames counted by their weight."""
        return np.tensordot(self.weight, self.background, axes=1) / self.num_effective


@dataclass(frozen=True, eq=False)
class Fit:
    """Alpha and offset of each pixel [h, w] with their covariance, the noise variance, and W; 0 outside the hole."""

    alpha: Values
    offset: Values
    alpha_variance: Values
    offset_variance: Values
    covariance: Values
    noise_variance: Values
    colour: float

    def effect(self, background: Values) -> Values:
        """Change that the mark makes to a background."""
        return self.alpha * (self.colour - background) + self.offset

    def unblend_variance(self, values: Values) -> Values:
        """What the matte's own doubt adds to the variance of un-blended values, before division by (1 - a)^2."""
        distance = values - self.colour
        return self.alpha_variance * distance**2 - 2 * self.covariance * distance + self.offset_variance


@dataclass(frozen=True, eq=False)
class _Line:
    """The fit of N pixels, flat."""

    alpha: Values
    offset: Values
    alpha_variance: Values
    offset_variance: Values
    covariance: Values


def regress(evidence: Evidence, colour: float, prior: Prior) -> Fit:
    """Fits all pixels of the hole at once.

    Args:
        colour: W, in code values.
    """
    hole = evidence.hole
    y = (evidence.picture - evidence.background)[:, hole]
    z = evidence.strength[:, None]
    x = (colour - evidence.background[:, hole]) * z
    floor = evidence.floor[hole]
    noise = np.maximum(floor, 1.0)
    robust = np.ones_like(y)
    offset_precision = np.full(y.shape[1], 1 / prior.start_offset**2, np.float32)
    line = _solved(x, y, z, robust * evidence.weight[:, None] / noise, _precisions(prior, hole, offset_precision))
    for iteration in range(_NUM_ITERATIONS - 1):
        residual = y - line.alpha * x - line.offset * z
        share = robust * evidence.weight[:, None]
        spread = (share * residual**2).sum(0) / share.sum(0)
        noise = np.maximum(_smoothed(spread, hole, 1.0) + _LEAST_NOISE, floor / evidence.num_effective)
        robust = 1 / (1 + residual**2 / (noise * _CAUCHY))
        if iteration >= 1 and prior.end_offset < prior.start_offset:
            offset_precision = 1 / (prior.end_offset**2 + _smoothed(line.offset**2, hole, 0.8))
        line = _solved(x, y, z, robust * evidence.weight[:, None] / noise, _precisions(prior, hole, offset_precision))
    parts = (line.alpha, line.offset, line.alpha_variance, line.offset_variance, line.covariance, noise)
    return Fit(*(_scattered(part, hole) for part in parts), colour=colour)


def _precisions(prior: Prior, hole: Mask, offset_precision: Values) -> tuple[Values, Values, Values]:
    """(precision of alpha, its product with the mean, precision of the offset), each flat over the hole."""
    mean = np.broadcast_to(prior.alpha_mean, hole.shape)[hole]
    precision = 1 / np.square(np.broadcast_to(prior.alpha_deviation, hole.shape)[hole])
    return precision, precision * mean, offset_precision


def _solved(x: Values, y: Values, z: Values, weight: Values, prior: tuple[Values, Values, Values]) -> _Line:
    """The 2 x 2 normal equations of each pixel, in closed form."""
    alpha_precision, alpha_pull, offset_precision = prior
    wx, wz = weight * x, weight * z
    xx, xz, zz = (wx * x).sum(0) + alpha_precision, (wx * z).sum(0), (wz * z).sum(0) + offset_precision
    xy, zy = (wx * y).sum(0) + alpha_pull, (wz * y).sum(0)
    determinant = xx * zz - xz * xz
    parts = (
        (xy * zz - zy * xz) / determinant,
        (zy * xx - xy * xz) / determinant,
        zz / determinant,
        xx / determinant,
        -xz / determinant,
    )
    return _Line(*(part.astype(np.float32) for part in parts))  # float64 in the iteration would double its time


def _scattered(flat: Values, hole: Mask) -> Values:
    values = np.zeros(hole.shape, np.float32)
    values[hole] = flat
    return values


def _smoothed(flat: Values, hole: Mask, sigma_px: float) -> Values:
    """A Gaussian mean over those neighbours that are in the hole, flat."""
    total = blurred(_scattered(flat, hole), sigma_px)
    count = blurred(hole.astype(np.float32), sigma_px)
    return total[hole] / count[hole]
