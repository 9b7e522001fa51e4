"""One mark at several places: candidates whose patterns are alike and whose times exclude each other.

Likeness of two places is the highest normalised correlation of their templates over shifts. Where none of a mark's known
places holds it for a while, its template is searched for in the whole frame: per window the normalised correlation

    n(x, y) = |sum <T, m shifted by (x, y)>| / (|T| |m under T's pixels|)

is averaged over those windows, and the place where it is highest is tested like any other.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.record import Record
from blanklogo.types import Box

LIKE = 0.45  # of two places of one mark; unrelated text of one size stays under 0.3
PAD_PX = 10
LEAST_ENERGY_SHARE = 0.15  # of the template's energy: less than this under it is no mark


def likeness(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Highest |normalised correlation| of two templates, float32 [2, h, w] of any sizes, in [0, 1]."""
    height = max(first.shape[1], second.shape[1]) + 2 * PAD_PX
    width = max(first.shape[2], second.shape[2]) + 2 * PAD_PX
    canvas = np.zeros((2, height, width), np.float32)
    canvas[:, PAD_PX : PAD_PX + first.shape[1], PAD_PX : PAD_PX + first.shape[2]] = first
    top, left = (height - second.shape[1]) // 2, (width - second.shape[2]) // 2
    # matchTemplate slides the smaller picture over the larger: give the canvas room for every shift.
    canvas = np.pad(canvas, ((0, 0), (top, top), (left, left)))
    scale = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.abs(correlation(canvas, second)).max()) / max(scale, 1e-6)


def correlation(field: NDArray[np.float32], template: NDArray[np.float32]) -> NDArray[np.float32]:
    """`sum <T, m shifted>` at every shift that stays inside, float32."""
    return sum(cv2.matchTemplate(part, kernel, cv2.TM_CCORR) for part, kernel in zip(field, template, strict=True))  # pyright: ignore


def exclusive(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> bool:
    """Whether two presences hardly overlap: in at most a tenth of the shorter one, or one sample."""
    both = int(np.count_nonzero(first & second))
    return both <= max(1, 0.1 * min(np.count_nonzero(first), np.count_nonzero(second)))


def search(record: Record, template: NDArray[np.float32], windows: NDArray[np.int64]) -> tuple[Box, float]:
    """Where in these windows a template fits best, and how well on average, in [0, 1]."""
    pixels = (np.abs(template).sum(0) > 0).astype(np.float32)
    norm = float(np.linalg.norm(template))
    total = np.zeros(1, np.float32)
    for index in windows:
        field = record.windows[index].field.astype(np.float32) / 127
        energy = cv2.matchTemplate((field**2).sum(0), pixels, cv2.TM_CCORR)
        total = total + np.abs(correlation(field, template)) / np.sqrt(np.maximum(energy, LEAST_ENERGY_SHARE * norm**2)) / norm
    row, column = np.unravel_index(np.argmax(total), total.shape)
    height, width = pixels.shape
    box = Box(int(column), int(row), int(column) + width, int(row) + height)
    return box, float(total.max()) / len(windows)
