"""Where one shot ends and the next begins, from thumbnails.

A cut is a change of the thumbnail, both in its pixels and against what the last seconds showed, that is too large
for motion: `d_t = mean |thumb_t - thumb_{t-1}|`, cut when `d_t > max(FLOOR, FACTOR * median of the last d)`.
"""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.types import TimeRange

THUMBNAIL_PX = (32, 18)
FLOOR = 14.0  # code values; hand-held cameras stay under 10 between samples 0.2 s apart
FACTOR = 3.0
MEMORY = 9  # samples that the running median looks back on


class ShotCutter:
    """Tells, sample by sample, whether a new shot has begun, and keeps the list of shots."""

    def __init__(self) -> None:
        self._starts_seconds: list[float] = []
        self._previous: NDArray[np.float32] | None = None
        self._previous_seconds = 0.0
        self._recent: deque[float] = deque(maxlen=MEMORY)

    @property
    def num_shots(self) -> int:
        return len(self._starts_seconds)

    def add(self, picture: NDArray[np.uint8], seconds: float) -> bool:
        """True when this picture begins a new shot (the first one does)."""
        thumbnail = cv2.resize(picture, THUMBNAIL_PX, interpolation=cv2.INTER_AREA).astype(np.float32)
        cut = self._previous is None or self._is_cut(float(np.abs(thumbnail - self._previous).mean()))
        if cut:
            # The cut lies somewhere between two samples: the middle errs least.
            self._starts_seconds.append(0.0 if self._previous is None else (self._previous_seconds + seconds) / 2)
        self._previous, self._previous_seconds = thumbnail, seconds
        return cut

    def _is_cut(self, change: float) -> bool:
        usual = float(np.median(self._recent)) if self._recent else 0.0
        cut = change > max(FLOOR, FACTOR * usual)
        if cut:
            self._recent.clear()
        else:
            self._recent.append(change)
        return cut

    def shots(self) -> tuple[TimeRange, ...]:
        """The shots so far, in order, without gaps; the last one has no end."""
        ends = [*self._starts_seconds[1:], float("inf")]
        return tuple(TimeRange(start, end) for start, end in zip(self._starts_seconds, ends, strict=True))
