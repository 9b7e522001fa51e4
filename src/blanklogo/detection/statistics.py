"""What a network is shown: not a frame but what a few seconds of one shot have in common.

Three pictures of one size, each uint8:

0. the mean luma: noise and what moves fade, what stays becomes clear;
1. the deviation over time, `DEVIATION_SCALE * ln(1 + deviation)`: what is burned in does not take part in the scene's
   light, noise and motion;
2. the coherence of gradients, 255 times the length of their mean (`samples.gradient_field`): lines that stay while the
   scene behind them moves.

On a tripod the last two say little and the first one must do; on moving footage the last one alone nearly suffices.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.samples import gradient_field

NUM_CHANNELS = 3
DEVIATION_SCALE = 50.0  # a deviation of 1 code value gives 35, of 10 gives 120, of 100 gives 231


def window_statistics(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The three pictures of a window, uint8 [3, h, w].

    Args:
        pictures: shrunk luma of one shot, uint8 [h, w] each, one or more.
    """
    total = np.zeros(pictures[0].shape, np.float32)
    squares = np.zeros_like(total)
    field = np.zeros((2, *total.shape), np.float32)
    for picture in pictures:
        values = picture.astype(np.float32)
        total += values
        squares += values * values
        field += gradient_field(picture)
    mean = total / len(pictures)
    deviation = np.sqrt(np.maximum(squares / len(pictures) - mean * mean, 0))
    coherence = np.sqrt(field[0] ** 2 + field[1] ** 2) * (255 / len(pictures))
    stacked = np.stack([mean, DEVIATION_SCALE * np.log1p(deviation), coherence])
    return np.clip(np.rint(stacked), 0, 255).astype(np.uint8)
