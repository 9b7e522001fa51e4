"""How strong a mark is in each frame.

With D_t = I_t - B'_t the frame minus the fill of the mark's support, and M_t = p - a B'_t what the mark at full
strength would add, gradients at a blur of 2 px are compared:

    g_t = <grad D, grad M> / <grad M, grad M>,        doubt_t = |grad D - g grad M| / (|grad M| sqrt(n)),

n the number of independent places under the mark. Blurring first makes the figure blind to the codec's noise at the
edges; its bias is about -1%. The doubt is what texture that has nothing to do with the mark gives by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blanklogo.ops.harmonic import HarmonicFill
from blanklogo.ops.windows import gradient
from blanklogo.types import PlaneMatte
from blanklogo.types.arrays import Values

_SIGMA_PX = 2.0
_PLACE_PX = 4 * np.pi * _SIGMA_PX**2  # pixels that a Gaussian of this sigma makes into one


@dataclass(frozen=True, eq=False)
class Strengths:
    """Measured strength of each picture, and its standard deviation by chance; float32 [T] each."""

    values: Values
    doubt: Values


class StrengthMeter:
    """Measures one matte's strength in luma crops; the fill is factored once."""

    def __init__(self, matte: PlaneMatte) -> None:
        self._matte = matte
        self._fill = HarmonicFill(matte.support, matte.background)
        self._num_places = max(1.0, float(matte.support.sum()) / _PLACE_PX)

    def __call__(self, pictures: Values) -> Strengths:
        """g of each picture, unbounded: about 1 with the mark, about 0 without.

        Args:
            pictures: float32 [T, h, w], code values brought to 8 bits.
        """
        pairs = zip(pictures, self._fill(pictures), strict=True)
        measured = np.array([self._one(picture, background) for picture, background in pairs], np.float32)
        return Strengths(measured[:, 0], measured[:, 1])

    def _one(self, picture: Values, background: Values) -> tuple[float, float]:
        inside = self._matte.support
        model = gradient(self._matte.premultiplied - self._matte.alpha * background, _SIGMA_PX)[:, inside]
        shown = gradient(picture - background, _SIGMA_PX)[:, inside]
        power = max(float((model * model).sum()), 1e-6)
        strength = float((model * shown).sum()) / power
        rest = float(((shown - strength * model) ** 2).sum())
        return strength, float(np.sqrt(rest / power / self._num_places))
