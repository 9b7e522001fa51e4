"""The same pattern at two places: likeness of templates, and the search for a template in the whole frame.

Likeness is the highest normalised correlation of two templates over shifts. The search averages over some windows

    n(x, y) = |sum <T, m shifted by (x, y)>| / (|T| |m under T's pixels|)

and tells where it is highest, and how distinctly: a template fits scenes here and there, a mark fits it at one place.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.record import Record
from blanklogo.types import Box

LEAST_ENERGY_SHARE = 0.15  # of the template's energy: with less than this under it there is no mark


@dataclass(frozen=True)
class Fit:
    """Where a template fits best: mean correlation in [0, 1], and its ratio to the best one elsewhere."""

    box: Box
    correlation: float
    distinctness: float


def likeness(first: NDArray[np.float32], second: NDArray[np.float32]) -> tuple[float, int, int]:
    """Likeness of two templates, float32 [2, h, w] of any sizes, in [0, 1], and where.

    Returns:
        (likeness, x, y): the second's top-left lies at (x, y) of the first's.
    """
    top, left = second.shape[1], second.shape[2]
    canvas = np.pad(first, ((0, 0), (top, top), (left, left)))
    answers = np.abs(_correlation(canvas, second))
    row, column = (int(value) for value in np.unravel_index(np.argmax(answers), answers.shape))
    scale = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(answers[row, column]) / max(scale, 1e-6), column - left, row - top


def search(record: Record, template: NDArray[np.float32], windows: NDArray[np.int64]) -> Fit:
    """Where in the given windows the template fits best."""
    pixels = (np.abs(template).sum(0) > 0).astype(np.float32)
    norm = float(np.linalg.norm(template))
    total = np.zeros(1, np.float32)
    for index in windows:
        field = record.windows[index].field.astype(np.float32) / 127
        energy = cv2.matchTemplate((field**2).sum(0), pixels, cv2.TM_CCORR)
        scale = norm * np.sqrt(np.maximum(energy, LEAST_ENERGY_SHARE * norm**2))
        total = total + np.abs(_correlation(field, template)) / scale
    row, column = (int(value) for value in np.unravel_index(np.argmax(total), total.shape))
    height, width = pixels.shape
    best = float(total[row, column])
    total[max(0, row - height // 2) : row + height // 2 + 1, max(0, column - width // 2) : column + width // 2 + 1] = 0
    box = Box(column, row, column + width, row + height)
    return Fit(box, best / len(windows), best / max(float(total.max()), 1e-6))


def _correlation(field: NDArray[np.float32], template: NDArray[np.float32]) -> NDArray[np.float32]:
    """`sum <T, m shifted>` at every shift that stays inside, float32."""
    across = cv2.matchTemplate(field[0], template[0], cv2.TM_CCORR)
    return np.asarray(across + cv2.matchTemplate(field[1], template[1], cv2.TM_CCORR), np.float32)
