"""How strong a mark is in each frame.

With D_t = I_t - B'_t the frame minus the fill of the mark's support, and M_t = p - a B'_t what the mark at full
strength would add, gradients at a blur of 2 px are compared: `g_t = <grad D, grad M> / <grad M, grad M>`. Blurring
first makes the figure blind to the codec's noise at the edges; its bias is about -1%.
"""

from __future__ import annotations

import numpy as np

from blanklogo.ops.harmonic import HarmonicFill
from blanklogo.ops.windows import gradient
from blanklogo.types import PlaneMatte
from blanklogo.types.arrays import Values

_SIGMA_PX = 2.0


class StrengthMeter:
    """Measures one matte's strength in luma crops; the fill is factored once."""

    def __init__(self, matte: PlaneMatte) -> None:
        self._matte = matte
        self._fill = HarmonicFill(matte.support)

    def __call__(self, pictures: Values) -> Values:
        """g of each picture, float32 [T], unbounded: about 1 with the mark, about 0 without.

        Args:
            pictures: float32 [T, h, w], code values brought to 8 bits.
        """
        backgrounds = self._fill(pictures)
        return np.array(
            [self._one(picture, background) for picture, background in zip(pictures, backgrounds, strict=True)],
            np.float32,
        )

    def _one(self, picture: Values, background: Values) -> float:
        inside = self._matte.support
        model = gradient(self._matte.premultiplied - self._matte.alpha * background, _SIGMA_PX)[:, inside]
        shown = gradient(picture - background, _SIGMA_PX)[:, inside]
        return float((model * shown).sum() / max(float((model * model).sum()), 1e-6))
