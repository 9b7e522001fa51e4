"""A matte learnt from the video alone.

Where the mark lies, every frame says `I_t = (1 - g_t a) B_t + g_t p`. A predictor B' of the background (the harmonic fill
of the mark's surroundings, which behaves like a conditional mean) turns that into a straight line for each pixel,

    I_t - B'_t = a g_t (W - B'_t) + d g_t + noise,        p = a W + d,

with W one colour common to the mark. It is fitted by weighted least squares with normal priors on a and d and Cauchy
weights against frames in which the prediction failed; the inverse of the normal matrix is the covariance of (a, d). The T
frames count as Te independent ones (`matting.evidence`). The prior on d widens where a pixel insists (outlines, second
colours) and holds the others to the common colour.

The fit is repeated: the first hole is the whole box, later ones only what was found to be marked, so that the gaps
between letters become known and the prediction under the strokes gets better.

Sources: Dekel, Rubinstein, Liu, Freeman, "On the effectiveness of visible watermarks", CVPR 2017, for the model;
Holland, Welsch, "Robust regression using iteratively reweighted least-squares", 1977, for the weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.matting.evidence import effective_backgrounds
from blanklogo.matting.samples import CropSamples
from blanklogo.ops.harmonic import HarmonicFill, fill_variance
from blanklogo.ops.morphology import dilated, without_specks
from blanklogo.ops.windows import subsampled
from blanklogo.types import Box, Matte, PlaneMatte

Values = NDArray[np.float32]

_NUM_STAGES = 3
_BOX_MARGIN_PX = 3  # a detector's box may cut a soft edge
_SUPPORT_MARGIN_PX = 2  # the codec smears a mark's edge by about this much
_ALPHA_PRIOR = (0.2, 0.5)  # mean and deviation: most pixels of a box are bare or translucent
_WIDE_OFFSET = 100.0  # deviation of d, in code values, while the colour is unknown
_START_OFFSET = 25.0  # deviation of d once it is; tighter at once breaks outlined marks
_NARROW_OFFSET = 6.0  # deviation of d for pixels that do not insist
_CAUCHY = 5.3  # squared tuning constant: 95% efficiency under normal noise
_VISIBLE = 2.0  # a mean effect under this many code values is no mark


@dataclass(frozen=True, eq=False)
class _Prior:
    """Normal prior of alpha, and the deviation that the offset d starts and ends with."""

    alpha: float | Values
    alpha_deviation: float | Values
    start_offset: float
    end_offset: float


@dataclass(frozen=True, eq=False)
class _Fit:
    """Alpha and offset of each pixel with their covariance, and the noise variance."""

    alpha: Values
    offset: Values
    alpha_variance: Values
    offset_variance: Values
    covariance: Values
    noise_variance: Values
    colour: float

    def effect(self, background: Values) -> Values:
        """Mean change that the mark makes to a background."""
        return self.alpha * (self.colour - background) + self.offset


@dataclass(frozen=True, eq=False)
class _Evidence:
    """Samples of one plane with their predicted background."""

    picture: Values
    background: Values
    strength: Values
    num_effective: float
    floor: Values  # least noise variance [h, w]: what the prediction may be wrong by


def estimate_blind(samples: CropSamples, box: Box) -> Matte:
    """The matte of the mark inside a box, from samples of its surroundings.

    Args:
        samples: T frames; the crop must reach beyond the box.
        box: the mark's place, in luma px of the frame; may be a few px too small.
    """
    luma = samples.luma
    hole = _box_hole(samples, box)
    num_effective = effective_backgrounds(luma, ~hole)
    fit, support = _fit_luma(samples, hole, num_effective)
    planes = [_as_plane_matte(fit, support)]
    for plane_index in (1, 2):
        planes.append(_fit_chroma(samples, plane_index, planes[0], num_effective))
    return Matte(samples.crop, tuple(planes), "blind", num_effective)


def _box_hole(samples: CropSamples, box: Box) -> NDArray[np.bool_]:
    crop = samples.crop
    hole = np.zeros((crop.height, crop.width), bool)
    y0, x0 = max(0, box.y0 - crop.y0 - _BOX_MARGIN_PX), max(0, box.x0 - crop.x0 - _BOX_MARGIN_PX)
    hole[y0 : box.y1 - crop.y0 + _BOX_MARGIN_PX, x0 : box.x1 - crop.x0 + _BOX_MARGIN_PX] = True
    return hole


def _fit_luma(samples: CropSamples, hole: NDArray[np.bool_], num_effective: float) -> tuple[_Fit, NDArray[np.bool_]]:
    colour = None
    for stage in range(_NUM_STAGES):
        evidence = _gather(samples.luma, hole, samples.strength, num_effective)
        if stage < 2 or colour is None:
            colour = _common_colour(evidence, hole)
        fit = _regress(evidence, colour, _Prior(*_ALPHA_PRIOR, _START_OFFSET, _NARROW_OFFSET))
        support = dilated(_marked(fit, evidence, hole), _SUPPORT_MARGIN_PX) & hole
        if not support.any():
            break
        hole = support
    return fit, support


def _gather(stack: Values, hole: NDArray[np.bool_], strength: Values, num_effective: float) -> _Evidence:
    background = HarmonicFill(hole)(stack)
    return _Evidence(stack, background, strength[:, None, None], num_effective, fill_variance(stack, hole) + 1.0)


def _common_colour(evidence: _Evidence, hole: NDArray[np.bool_]) -> float:
    """W, the colour that most of the mark has: the median of p / a over the surer half of the marked pixels."""
    fit = _regress(evidence, 128.0, _Prior(*_ALPHA_PRIOR, _WIDE_OFFSET, _WIDE_OFFSET))
    marked = hole & (fit.alpha > 0.15)
    if marked.sum() < 20:
        return 235.0
    sure = marked & (fit.alpha_variance <= np.median(fit.alpha_variance[marked]))
    return float(np.clip(np.median(128.0 + fit.offset[sure] / fit.alpha[sure]), 16, 235))


def _regress(evidence: _Evidence, colour: float, prior: _Prior) -> _Fit:
    """Weighted least squares of `y = a x + d z`, x = g (W - B'), z = g, reweighted against outlying frames."""
    y = evidence.picture - evidence.background
    z = evidence.strength
    x = (colour - evidence.background) * z
    share = evidence.num_effective / len(y)
    alpha_precision = 1 / np.square(prior.alpha_deviation)
    offset_precision = np.full(y.shape[1:], 1 / prior.start_offset**2, np.float32)
    noise = np.maximum(evidence.floor, 1.0)
    robust = np.ones_like(y)
    for iteration in range(6):
        weight = robust * (share / noise)
        xx = (weight * x * x).sum(0) + alpha_precision
        xz = (weight * x * z).sum(0)
        zz = (weight * z * z).sum(0) + offset_precision
        xy = (weight * x * y).sum(0) + alpha_precision * prior.alpha
        zy = (weight * z * y).sum(0)
        determinant = xx * zz - xz * xz
        alpha, offset = (xy * zz - zy * xz) / determinant, (zy * xx - xy * xz) / determinant
        residual = y - alpha * x - offset * z
        spread = (robust * residual**2).sum(0) / robust.sum(0)
        noise = np.maximum(cv2.GaussianBlur(spread, (0, 0), 1.0) + 2.0, evidence.floor / evidence.num_effective)
        robust = 1 / (1 + residual**2 / (noise * _CAUCHY))
        if iteration >= 2 and prior.end_offset < prior.start_offset:
            offset_precision = 1 / (prior.end_offset**2 + cv2.GaussianBlur(offset**2, (0, 0), 0.8))
    parts = (alpha, offset, zz / determinant, xx / determinant, -xz / determinant, noise)
    return _Fit(*(part.astype(np.float32) for part in parts), colour)


def _marked(fit: _Fit, evidence: _Evidence, hole: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels whose mean change, or whose alpha, is more than three deviations from nothing."""
    effect = np.abs(fit.effect(evidence.background.mean(axis=0)))
    deviation = np.sqrt(np.maximum(fit.noise_variance, evidence.floor) / evidence.num_effective)
    changed = effect > np.maximum(3 * deviation, _VISIBLE)
    opaque = (fit.alpha > 0.08) & (fit.alpha > 3 * np.sqrt(fit.alpha_variance))
    return without_specks(hole & (changed | opaque))


def _as_plane_matte(fit: _Fit, support: NDArray[np.bool_]) -> PlaneMatte:
    colour = fit.colour
    variance = colour**2 * fit.alpha_variance + 2 * colour * fit.covariance + fit.offset_variance
    parts = (
        np.clip(fit.alpha, 0, 1),
        fit.alpha * colour + fit.offset,
        fit.alpha_variance,
        variance,
        colour * fit.alpha_variance + fit.covariance,
    )
    return PlaneMatte(*(np.where(support, part, 0) for part in parts), support)


def _fit_chroma(samples: CropSamples, plane_index: int, luma: PlaneMatte, num_effective: float) -> PlaneMatte:
    """A chroma plane's matte: alpha is the mean of luma's, only the colour is new."""
    step_x, step_y = samples.steps(plane_index)
    stack = samples.values(plane_index)
    alpha, variance, covered = (
        subsampled(part, step_x, step_y) for part in (luma.alpha, luma.alpha_variance, luma.support.astype(np.float32))
    )
    support = covered > 0
    if not support.any():
        nothing = np.zeros_like(alpha)
        return PlaneMatte(nothing, nothing, nothing, nothing, nothing, support)
    evidence = _gather(stack, support, samples.strength, num_effective)
    prior = _Prior(alpha, np.sqrt(variance) + 0.01, _START_OFFSET, _START_OFFSET)
    return _as_plane_matte(_regress(evidence, 128.0, prior), support)
