"""How much the samples can say: how many independent backgrounds they show.

A tripod shows one background however long it stands, a cut brings a new one, a pan ever new ones. With h_t the high-
pass of the pixels around the mark and c_ts the correlation of h_t with h_s, a frame counts as

    w_t = 1 / sum_s c_ts^2,        Te = sum_t w_t:

T copies of one frame count 1/T each and Te is 1; T unrelated frames count 1 each and Te is T. A long still shot does
not outvote the short ones beside it. Te is the switch between un-blending and inventing: where it is 1, what lies
behind the mark cannot be told from the mark.

Source: the weighting is that of related sequences, Henikoff, Henikoff, "Position-based sequence weights", 1994.
"""

from __future__ import annotations

import numpy as np

from blanklogo.ops.windows import blurred
from blanklogo.types.arrays import Mask, Values

_HIGH_PASS_SIGMA_PX = 2.0


def novelty(stack: Values, known: Mask) -> Values:
    """w of each frame, float32 [T] in [1/T, 1], from a luma stack [T, h, w] and the pixels no mark touches [h, w]."""
    if not known.any():
        return np.full(len(stack), 1 / len(stack), np.float32)
    high = (stack - blurred(stack, _HIGH_PASS_SIGMA_PX))[:, known]
    length = np.sqrt((high**2).sum(axis=1, keepdims=True))
    unit = high / np.maximum(length, 1e-6)
    return (1 / ((unit @ unit.T) ** 2).sum(axis=1).clip(min=1.0)).astype(np.float32)
