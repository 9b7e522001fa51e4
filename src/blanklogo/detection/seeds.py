"""Hypotheses for marks that are there only at times: where blocks stand out from their surroundings in votes.

A scene that half holds still gathers votes over whole regions; a mark gathers them in few blocks. So blocks are
taken in order of their votes above the median of their surroundings (15x15 blocks), each with its own presence over the
windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.votes import STEP_PX, Votes
from blanklogo.types import Box

SURROUNDINGS = 15  # blocks
NUM_SEEDS = 48
LEAST_VOTES = 1.0
PRESENT = 0.5  # of the strongest window


@dataclass(frozen=True, eq=False)
class Seed:
    """One block that may belong to a mark.

    Attributes:
        box: the block, in px of the shrunk picture.
        presence: float32 [n] in [0, 1], 0 in windows without the mark.
    """

    box: Box
    presence: NDArray[np.float32]


def seeds(votes: Votes, taken: list[Box]) -> list[Seed]:
    """The blocks that stand out most, best first, no two touching, none touching a taken box."""
    left = votes.votes - cv2.blur(votes.votes, (SURROUNDINGS, SURROUNDINGS), borderType=cv2.BORDER_REFLECT)
    left[votes.votes < LEAST_VOTES] = -np.inf
    for box in taken:
        _clear(
            left, Box(*(value // STEP_PX for value in box.as_list()[:2]), *(-(-v // STEP_PX) for v in (box.x1, box.y1)))
        )
    found = []
    while len(found) < NUM_SEEDS:
        row, column = (int(value) for value in np.unravel_index(np.argmax(left), left.shape))
        if left[row, column] <= 0:
            break
        found.append(_seed(votes, row, column))
        _clear(left, Box(column, row, column + 1, row + 1))
    return found


def _clear(blocks: NDArray[np.float32], box: Box) -> None:
    blocks[max(0, box.y0 - 1) : box.y1 + 1, max(0, box.x0 - 1) : box.x1 + 1] = -np.inf


def _seed(votes: Votes, row: int, column: int) -> Seed:
    presence = votes.presence[row, column] / votes.presence[row, column].max()
    left, top = column * STEP_PX, row * STEP_PX
    return Seed(Box(left, top, left + 2 * STEP_PX, top + 2 * STEP_PX), np.where(presence >= PRESENT, presence, 0))
