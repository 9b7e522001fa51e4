"""A matte from the mark's own picture: where exactly it lies, how large it is, how strong.

The mean of the samples shows `mean I - mean B' = g (p - a mean B')` with B' the fill of the mark's support. Gradients
of both sides are compared, first blurred, then sharper; scale and place minimise

    E(s, x, y) = || grad D - g grad M(s, x, y) ||^2,   g = <grad D, grad M> / <grad M, grad M>,

by the simplex method, to about 0.01 px. The matrix (BT.709, BT.601) is the one whose chroma fits the samples better.

Source: Nelder, Mead, "A simplex method for function minimization", 1965.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.errors import OptionError
from blanklogo.matting.evidence import novelty
from blanklogo.matting.samples import CropSamples
from blanklogo.ops.colour import rgb_to_yuv
from blanklogo.ops.harmonic import HarmonicFill
from blanklogo.ops.morphology import dilated
from blanklogo.ops.windows import gradient, subsampled
from blanklogo.types import Mark, Matte, PlaneMatte
from blanklogo.types.arrays import Values

_VISIBLE_ALPHA = 0.01
_SUPPORT_MARGIN_PX = 2
_EDGE_DOUBT_PX = 0.12  # what is left of misplacement and of unlike resampling, as a shift of the edges
_BLUR_DOUBT = 0.12  # squared px: what resampling may have blurred more or less than ours
_ALPHA_DOUBT = 0.008  # relative: the picture's own quantisation and the burner's rounding


@dataclass(frozen=True)
class Placement:
    """Where a mark's picture lies: its top-left in px of the frame (or crop), and px a pixel of the picture."""

    x: float
    y: float
    scale: float


def placed(picture: Values, placement: Placement, height_px: int, width_px: int) -> Values:
    """A mark's channel(s) [H, W] or [H, W, C] sampled onto a crop of this size; zero beyond the picture.

    Cubic, after a low-pass when shrinking. Alpha must come premultiplied into colours, or edges fringe.
    """
    scale = placement.scale
    if scale < 0.9:  # the part of the pixel's footprint that cubic interpolation does not average
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.4 * np.sqrt(1 / scale**2 - 1)), np.float32)
    shift = (scale - 1) / 2
    matrix = np.array([[scale, 0, placement.x + shift], [0, scale, placement.y + shift]], np.float32)
    return np.asarray(cv2.warpAffine(picture, matrix, (width_px, height_px), flags=cv2.INTER_CUBIC), np.float32)


def register(samples: CropSamples, mark: Mark, guess: Placement) -> Matte:
    """The matte of a known mark.

    Args:
        samples: frames in which the mark is there; the crop holds all of it.
        mark: its picture.
        guess: in px of the crop, right to a few px and per cent.

    Raises:
        OptionError: nothing of the mark lies in the crop.
    """
    matrix = _best_matrix(samples, mark, guess)
    channels = _premultiplied(mark, matrix, samples.format.is_full_range)
    placement = _refined(samples, channels, guess)
    alpha, *colours = _channels_at(channels, placement, samples)
    planes = [_plane_matte(alpha, colour, samples, index) for index, colour in enumerate(colours)]
    num_backgrounds = float(novelty(samples.luma, ~planes[0].support).sum())
    return Matte(samples.crop, tuple(planes), "known", num_backgrounds)


def _premultiplied(mark: Mark, matrix: str, is_full_range: bool) -> Values:
    """[H, W, 4]: alpha, and alpha times Y, U, V in code values."""
    yuv = rgb_to_yuv(mark.colour, matrix, is_full_range)
    return np.dstack([mark.alpha, mark.alpha[..., None] * yuv]).astype(np.float32)


def _channels_at(channels: Values, placement: Placement, samples: CropSamples) -> list[Values]:
    height, width = samples.crop.height, samples.crop.width
    sampled = placed(channels, placement, height, width)
    alpha = np.clip(sampled[..., 0], 0, 1)
    alpha[alpha < _VISIBLE_ALPHA / 4] = 0
    if not alpha.any():
        raise OptionError("the mark picture lies outside the frame")
    return [alpha, *(np.where(alpha > 0, sampled[..., 1 + k], 0) for k in range(3))]


def _refined(samples: CropSamples, channels: Values, guess: Placement) -> Placement:
    from scipy.optimize import minimize  # takes longer to import than everything else; only known marks need it

    mean = samples.luma.mean(axis=0)
    alpha, *_ = _channels_at(channels, guess, samples)
    hole = dilated(alpha > _VISIBLE_ALPHA, 4)
    background = HarmonicFill(hole)(mean[None])[0]
    start = np.array([guess.x, guess.y, guess.scale])
    for sigma_px, step_px in ((2.0, 1.5), (1.0, 0.7), (0.6, 0.3)):
        target = gradient(mean - background, sigma_px)[:, hole]

        def error(v: NDArray, sigma_px: float = sigma_px, target: Values = target) -> float:
            here = placed(channels[..., :2], Placement(*v), *mean.shape)
            model = gradient(here[..., 1] - here[..., 0] * background, sigma_px)[:, hole]
            power = float((model * model).sum())
            return float((target * target).sum()) - float((model * target).sum()) ** 2 / max(power, 1e-6)

        steps = np.diag([step_px, step_px, 0.01 * step_px])
        simplex = np.vstack([start, start + steps])
        options = {"initial_simplex": simplex, "maxiter": 90, "xatol": 1e-3, "fatol": 1e-3}
        start = minimize(error, start, method="Nelder-Mead", options=options).x
    return Placement(*map(float, start))


def _best_matrix(samples: CropSamples, mark: Mark, guess: Placement) -> str:
    """The matrix whose chroma explains the samples better; the two differ for coloured marks only."""
    errors = {}
    for matrix in ("bt709", "bt601"):
        alpha, _, *chroma = _channels_at(_premultiplied(mark, matrix, samples.format.is_full_range), guess, samples)
        errors[matrix] = sum(_misfit(alpha, colour, samples, 1 + k) for k, colour in enumerate(chroma))
    return min(errors, key=errors.__getitem__)


def _misfit(alpha: Values, colour: Values, samples: CropSamples, plane_index: int) -> float:
    step_x, step_y = samples.steps(plane_index)
    mean = samples.values(plane_index).mean(axis=0)
    small_alpha, small_colour = subsampled(alpha, step_x, step_y), subsampled(colour, step_x, step_y)
    hole = dilated(small_alpha > _VISIBLE_ALPHA, 2)
    background = HarmonicFill(hole)(mean[None])[0]
    return float(np.mean((mean - (1 - small_alpha) * background - small_colour)[hole] ** 2))


def _plane_matte(alpha: Values, colour: Values, samples: CropSamples, plane_index: int) -> PlaneMatte:
    step_x, step_y = samples.steps(plane_index)
    alpha, colour = subsampled(alpha, step_x, step_y), subsampled(colour, step_x, step_y)
    alpha_slope, colour_slope = _edge_doubt(alpha), _edge_doubt(colour)
    support = dilated(alpha > _VISIBLE_ALPHA, _SUPPORT_MARGIN_PX if plane_index == 0 else 1)
    return PlaneMatte(
        alpha,
        colour,
        (alpha_slope**2).sum(axis=0) + (_ALPHA_DOUBT * alpha) ** 2,
        (colour_slope**2).sum(axis=0) + (_ALPHA_DOUBT * colour) ** 2,
        (alpha_slope * colour_slope).sum(axis=0) + _ALPHA_DOUBT**2 * alpha * colour,
        support,
    )


def _edge_doubt(values: Values) -> Values:
    """[3, h, w]: the change that a doubtful shift along x, along y, and a doubtful blur would make."""
    blur = 0.5 * _BLUR_DOUBT * cv2.Laplacian(values, cv2.CV_32F)
    return np.concatenate([_EDGE_DOUBT_PX * gradient(values), blur[None]])
