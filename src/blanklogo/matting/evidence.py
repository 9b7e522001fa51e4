"""How much the samples can say: the effective number of independent backgrounds.

`Te = sum_t E_x[h_t^2] / (T E_x[(mean_t h_t)^2])`, with h the high-pass of the pixels around the mark: T independent
backgrounds average out and give T, a tripod repeats itself and gives 1. It is the switch between un-blending and
inventing: on a tripod, what is behind the mark cannot be told from the mark.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blanklogo.ops.windows import blurred

_HIGH_PASS_SIGMA_PX = 2.0


def effective_backgrounds(stack: NDArray[np.float32], known: NDArray[np.bool_]) -> float:
    """Te, in [1, T], of a luma stack [T, h, w] over the pixels of a bool mask [h, w] that no mark touches."""
    if not known.any():
        return 1.0
    high = (stack - blurred(stack, _HIGH_PASS_SIGMA_PX))[:, known]
    repeated = float(np.mean(high.mean(axis=0) ** 2))
    return float(np.clip(np.mean(high**2) / max(repeated, 1e-6), 1.0, len(stack)))
