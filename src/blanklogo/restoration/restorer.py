"""One mark at one place, taken out of a stack of crops: un-blend, fill and fuse, plane by plane."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blanklogo.ops.harmonic import FillDoubt, HarmonicFill
from blanklogo.restoration.fuse import Surroundings, fuse
from blanklogo.restoration.unblend import edge_noise, unblend_with_variance
from blanklogo.types import PlaneMatte
from blanklogo.types.arrays import Values

_STROKE_ALPHA = 0.3  # pixels more opaque than this are filled again from the first pass
_CEILING_FACTOR = 10.0  # texture under the mark may be this much stronger than around it
_CEILING_DETAIL_PX = 5.0  # structure up to this size may end under the mark
_LEAST_CEILING = 10.0  # and on a flat background a little may be there all the same


@dataclass(frozen=True, eq=False)
class Restored:
    """A restored stack.

    Attributes:
        pictures: float32 [T, h, w], code values brought to 8 bits; equal to the input outside the support.
        unblended_share: mean weight of un-blending over the support, in [0, 1]; the rest was inpainted.
    """

    pictures: Values
    unblended_share: float


class PlaneRestorer:
    """Restores one plane under one matte; what depends on the matte alone is computed once.

    Args:
        matte: of this plane.
        noise_sigma: deviation of the codec's noise, in code values brought to 8 bits.
        matte_correlation: how many neighbouring pixels share one error of the matte.
    """

    def __init__(self, matte: PlaneMatte, noise_sigma: float, matte_correlation: float) -> None:
        self._matte = matte
        self._fill = HarmonicFill(matte.support, matte.background)
        self._strokes = matte.support & (matte.alpha > _STROKE_ALPHA)
        self._refill = HarmonicFill(self._strokes, matte.background)
        self._fill_doubt = FillDoubt(matte.support, _CEILING_DETAIL_PX)
        self._noise_variance = noise_sigma**2 + edge_noise(matte)
        self._matte_correlation = matte_correlation

    def unblend(self, pictures: Values, strength: Values) -> Restored:
        """Every pixel its own way: un-blended where the mark lets light through, invented where it does not.

        Args:
            pictures: float32 [T, h, w], consecutive frames.
            strength: g of each frame, float32 [T]; a frame with g = 0 comes back as it was.
        """
        matte, support = self._matte, self._matte.support
        gain = strength[:, None, None]
        unblended = unblend_with_variance(pictures, matte, gain, self._noise_variance)
        ceiling = _CEILING_FACTOR * self._fill_doubt(pictures) + _LEAST_CEILING
        surroundings = Surroundings(support, ceiling, self._matte_correlation)
        out, weight = fuse(unblended, self._fill(pictures), surroundings)
        out = np.where(support, out, pictures)
        if self._strokes.any():
            again, again_weight = fuse(unblended, self._refill(out), surroundings)
            out = np.where(self._strokes, again, out)
            weight = np.where(self._strokes, again_weight, weight)
        out = np.where(gain > 0, out, pictures)
        return Restored(out, float(weight[:, support].mean()) if support.any() else 0.0)

    def inpaint(self, pictures: Values, strength: Values) -> Restored:
        """Everything under the mark invented from its surroundings."""
        return Restored(np.where(strength[:, None, None] > 0, self._fill(pictures), pictures), 0.0)
