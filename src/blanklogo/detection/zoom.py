"""The centre of a slow zoom: it stands still while everything else moves, as a mark does.

Corner points are followed from a picture to the next (Lucas and Kanade, 1981) and a similarity `x -> A x + t` is
fitted to them; its fixed point is `(I - A)^-1 t`.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.record import Record

NUM_PAIRS = 12
LEAST_POINTS = 12
LEAST_ZOOM = 0.002  # growth from a picture to the next; hand-held cameras waver about 0
STEADY_SHARE = 0.75  # of the pairs that zoom the same way


def zoom_centre(record: Record) -> tuple[float, float] | None:
    """(x, y) in the shrunk picture of the point that a steady zoom leaves in place, or None without one."""
    fits = [fit for fit in (_similarity(*pair) for pair in _pairs(record)) if fit is not None]
    if len(fits) < NUM_PAIRS // 3:
        return None
    growth = np.array([np.hypot(fit[0, 0], fit[1, 0]) - 1 for fit in fits])
    usual = float(np.median(growth))
    if abs(usual) < LEAST_ZOOM or np.mean(np.sign(growth) == np.sign(usual)) < STEADY_SHARE:
        return None
    centres = [
        np.linalg.solve(np.eye(2) - fit[:, :2], fit[:, 2]) for fit in fits if abs(fit[0, 0] - 1) > LEAST_ZOOM / 2
    ]
    x, y = np.median(centres, axis=0)
    return float(x), float(y)


def _pairs(record: Record) -> list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Neighbouring pictures of one shot, spread over the video."""
    starts = np.array([shot.start_seconds for shot in record.shots])
    shot_indices = np.searchsorted(starts, record.seconds, side="right")
    firsts = np.flatnonzero(shot_indices[1:] == shot_indices[:-1])
    if not len(firsts):
        return []
    chosen = firsts[np.unique(np.linspace(0, len(firsts) - 1, NUM_PAIRS).astype(int))]
    return [(record.pictures[index].decoded(), record.pictures[index + 1].decoded()) for index in chosen]


def _similarity(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """The scene's similarity [2, 3] from one picture to the next; None when it cannot be told."""
    points = cv2.goodFeaturesToTrack(first, 150, 0.01, 12)
    if points is None or len(points) < LEAST_POINTS:
        return None
    moved, found, _ = cv2.calcOpticalFlowPyrLK(
        first, second, points, np.zeros_like(points), winSize=(15, 15), maxLevel=3
    )
    kept = found.ravel() == 1
    if np.count_nonzero(kept) < LEAST_POINTS:
        return None
    fit, inliers = cv2.estimateAffinePartial2D(points[kept], moved[kept], ransacReprojThreshold=1.0)
    return np.asarray(fit, np.float64) if fit is not None and inliers.mean() > 0.5 else None
