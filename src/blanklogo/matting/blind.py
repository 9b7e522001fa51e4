"""A matte learnt from the video alone.

Where the mark lies, every frame says `I_t = (1 - g_t a) B_t + g_t p`. The harmonic fill of the mark's surroundings
predicts B_t; it behaves like a conditional mean, so a regression on it (`matting.regression`) gives a and p with
little attenuation.

It is fitted in stages. The first hole is the whole box, later ones only what was found to be marked, so that the gaps
between letters become known and the prediction under the strokes gets better. Last, the light parts of the mark
(shadows, soft edges) are un-blended and join what is known, and the strokes are fitted again.

Source: Dekel, Rubinstein, Liu, Freeman, "On the effectiveness of visible watermarks", CVPR 2017, for the model.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from blanklogo.matting.evidence import novelty
from blanklogo.matting.regression import Evidence, Fit, Prior, regress
from blanklogo.matting.samples import CropSamples, box_hole
from blanklogo.ops.compositing import least_alpha
from blanklogo.ops.harmonic import FillDoubt, HarmonicFill
from blanklogo.ops.morphology import dilated, without_specks
from blanklogo.ops.windows import subsampled
from blanklogo.types import Box, Matte, PlaneMatte
from blanklogo.types.arrays import Mask, Values

_SUPPORT_MARGIN_PX = 2  # the codec smears a mark's edge by about this much
_ALPHA = (0.2, 0.5)  # prior mean and deviation: most pixels of a box are bare or translucent
_WIDE_OFFSET = 100.0  # deviation of d, in code values, while the colour is unknown
_START_OFFSET = 25.0  # deviation of d once it is; tighter at once breaks outlined marks
_NARROW_OFFSET = 6.0  # deviation of d for pixels that do not insist
_VISIBLE = 2.0  # a mean effect under this many code values is no mark
_LIGHT_ALPHA = 0.35  # below it the un-blended value can be surer than a fill
_FEW_BACKGROUNDS = 3.0  # fewer independent ones cannot tell a mark from the scene
STILL_BACKGROUNDS = 1.5  # fewer, and all frames show the same scene
_WHITE = 235.0
_NEUTRAL = 128.0
_PRIOR = Prior(*_ALPHA, _START_OFFSET, _NARROW_OFFSET)
_COLOURLESS_PRIOR = Prior(*_ALPHA, _WIDE_OFFSET, _WIDE_OFFSET)


def estimate_blind(samples: CropSamples, box: Box) -> Matte:
    """The matte of the mark inside a box, from samples of its surroundings.

    Args:
        samples: T frames; the crop must reach beyond the box.
        box: the mark's place, in luma px of the frame; may be a few px too small.
    """
    hole = box_hole(samples.crop, box)
    weights = novelty(samples.luma, ~hole)
    luma = _luma_matte(samples, hole, weights)
    chroma = (_chroma_matte(samples, plane_index, luma, weights) for plane_index in (1, 2))
    return Matte(samples.crop, (luma, *chroma), "blind", float(weights.sum()))


def num_backgrounds(samples: CropSamples, box: Box) -> float:
    """Te, the effective number of independent backgrounds that the samples show around the box."""
    return float(novelty(samples.luma, ~box_hole(samples.crop, box)).sum())


def is_still(matte: Matte) -> bool:
    """Whether a matte was learnt blindly where nothing moves: then it says where the mark is, hardly what it is."""
    return matte.origin == "blind" and matte.effective_backgrounds < _FEW_BACKGROUNDS


def _luma_matte(samples: CropSamples, hole: Mask, weights: Values) -> PlaneMatte:
    evidence = _gathered(samples, 0, hole, weights)
    support, _ = _marked(evidence, _common_colour(evidence))
    if not support.any():
        return _nothing(support)
    evidence = _gathered(samples, 0, support, weights)
    colour = _common_colour(evidence)
    support, _ = _marked(evidence, colour)
    if not support.any():
        return _nothing(support)
    evidence = _gathered(samples, 0, support, weights)
    support, fit = _marked(evidence, colour)
    if not support.any():
        return _nothing(support)
    through = _seen_through(fit, evidence, support)
    return _as_plane_matte(regress(through, colour, _PRIOR), through.mean_background(), support)


def _gathered(samples: CropSamples, plane_index: int, hole: Mask, weights: Values) -> Evidence:
    stack = samples.values(plane_index)
    floor = FillDoubt(hole)(stack) + 1.0
    return Evidence(stack, HarmonicFill(hole)(stack), samples.strength, weights, floor, hole)


def _common_colour(evidence: Evidence) -> float:
    """W, the colour that most of the mark has: the median of p / a over the surer half of the marked pixels."""
    fit = regress(evidence, _NEUTRAL, _COLOURLESS_PRIOR)
    marked = evidence.hole & (fit.alpha > 0.15)
    if marked.sum() < 20:
        return _WHITE
    sure = marked & (fit.alpha_variance <= np.median(fit.alpha_variance[marked]))
    return float(np.clip(np.median(_NEUTRAL + fit.offset[sure] / fit.alpha[sure]), 16, _WHITE))


def _marked(evidence: Evidence, colour: float) -> tuple[Mask, Fit]:
    """Pixels whose mean change, or whose alpha, is more than three deviations from nothing, and a margin; the fit."""
    fit = regress(evidence, colour, _PRIOR)
    effect = np.abs(fit.effect(evidence.mean_background()))
    deviation = np.sqrt(np.maximum(fit.noise_variance, evidence.floor) / evidence.num_effective)
    if evidence.num_effective < _FEW_BACKGROUNDS:  # time says nothing: whatever the fill does not explain may be mark
        deviation = np.zeros_like(deviation)
    changed = effect > np.maximum(3 * deviation, _VISIBLE)
    opaque = (fit.alpha > 0.08) & (fit.alpha > 3 * np.sqrt(fit.alpha_variance))
    core = without_specks(evidence.hole & (changed | opaque))
    return dilated(core, _SUPPORT_MARGIN_PX) & evidence.hole, fit


def _seen_through(fit: Fit, evidence: Evidence, support: Mask) -> Evidence:
    """The same samples with a better background under the strokes: light parts, un-blended, join what is known.

    Shadows and soft edges let most of the light through, so their un-blended value is surer than a fill. They keep
    their own first prediction, since a value may not be its own evidence.
    """
    gain = evidence.strength[:, None, None]
    mark = gain * (fit.alpha * fit.colour + fit.offset)
    unblended = (evidence.picture - mark) / np.maximum(1 - gain * fit.alpha, 0.1)
    doubt = fit.unblend_variance(unblended.mean(axis=0))
    is_light = support & (fit.alpha < _LIGHT_ALPHA) & (doubt < 0.5 * evidence.floor)
    strokes = support & ~is_light
    if not is_light.any() or not strokes.any():
        return replace(evidence, hole=support)
    better = HarmonicFill(strokes)(np.where(is_light, unblended, evidence.picture))
    floor = np.where(strokes, np.minimum(evidence.floor, FillDoubt(strokes)(unblended) + 1.0), evidence.floor)
    return replace(evidence, background=np.where(strokes, better, evidence.background), floor=floor, hole=support)


def _as_plane_matte(fit: Fit, mean_background: Values, support: Mask) -> PlaneMatte:
    """The fit as a matte that a mark can have: 0 <= alpha <= 1 and a colour within 0 to 255.

    The mean effect e = p - a B is the best determined of all and is kept: alpha is raised to the least that allows
    e at all.
    """
    colour = fit.colour
    effect = fit.effect(mean_background)
    alpha = np.clip(fit.alpha, least_alpha(effect, mean_background), 1)
    variance = colour**2 * fit.alpha_variance + 2 * colour * fit.covariance + fit.offset_variance
    return PlaneMatte(
        alpha=np.where(support, alpha, 0),
        premultiplied=np.where(support, np.clip(effect + alpha * mean_background, 0, 255), 0),
        alpha_variance=np.where(support, fit.alpha_variance, 0),
        premultiplied_variance=np.where(support, variance, 0),
        covariance=np.where(support, colour * fit.alpha_variance + fit.covariance, 0),
        support=support,
    )


def _nothing(support: Mask) -> PlaneMatte:
    nothing = np.zeros(support.shape, np.float32)
    return PlaneMatte(nothing, nothing, nothing, nothing, nothing, support)


def _chroma_matte(samples: CropSamples, plane_index: int, luma: PlaneMatte, weights: Values) -> PlaneMatte:
    """A chroma plane's matte: alpha is the mean of luma's, only the colour is new."""
    steps = samples.steps(plane_index)
    support = subsampled(luma.support.astype(np.float32), *steps) > 0
    if not support.any():
        return _nothing(support)
    deviation = np.sqrt(subsampled(luma.alpha_variance, *steps)) + 0.01
    prior = Prior(subsampled(luma.alpha, *steps), deviation, _START_OFFSET, _START_OFFSET)
    evidence = _gathered(samples, plane_index, support, weights)
    return _as_plane_matte(regress(evidence, _NEUTRAL, prior), evidence.mean_background(), support)
