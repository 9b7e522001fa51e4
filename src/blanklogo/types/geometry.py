"""Where and when: boxes in pixels, ranges in seconds. Both are half-open."""

from __future__ import annotations

import math
from dataclasses import dataclass

from blanklogo.errors import OptionError


@dataclass(frozen=True, order=True)
class Box:
    """A rectangle of pixels, half-open: columns x0..x1-1 and rows y0..y1-1, counted from the top-left.

    Raises:
        OptionError: the box is empty.
    """

    x0: int
    y0: int
    x1: int
    y1: int

    def __post_init__(self) -> None:
        if self.x1 <= self.x0 or self.y1 <= self.y0:
            raise OptionError(
                f"box {self.x0},{self.y0} to {self.x1},{self.y1} is empty", accepted="x0 < x1 and y0 < y1"
            )

    @property
    def width(self) -> int:
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        return self.y1 - self.y0

    @property
    def area(self) -> int:
        return self.width * self.height

    @property
    def slices(self) -> tuple[slice, slice]:
        """(rows, columns), to index an array [H, W]."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)

    def intersection(self, other: Box) -> Box | None:
        """The common part, or None."""
        x0, y0 = max(self.x0, other.x0), max(self.y0, other.y0)
        x1, y1 = min(self.x1, other.x1), min(self.y1, other.y1)
        return Box(x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None

    def union(self, other: Box) -> Box:
        """The smallest box that holds both."""
        return Box(min(self.x0, other.x0), min(self.y0, other.y0), max(self.x1, other.x1), max(self.y1, other.y1))

    def iou(self, other: Box) -> float:
        """Intersection over union, in [0, 1]."""
        common = self.intersection(other)
        return common.area / (self.area + other.area - common.area) if common else 0.0

    def contains(self, other: Box) -> bool:
        return self.x0 <= other.x0 and self.y0 <= other.y0 and self.x1 >= other.x1 and self.y1 >= other.y1

    def dilated(self, margin_px: int, width_px: int, height_px: int) -> Box:
        """Grown by a margin on every side, cut at a frame of this size."""
        return Box(
            max(0, self.x0 - margin_px),
            max(0, self.y0 - margin_px),
            min(width_px, self.x1 + margin_px),
            min(height_px, self.y1 + margin_px),
        )

    def aligned(self, step_x: int, step_y: int, width_px: int, height_px: int) -> Box:
        """Grown to multiples of the chroma steps, cut at a frame of this size."""
        return Box(
            self.x0 // step_x * step_x,
            self.y0 // step_y * step_y,
            min(width_px, -(-self.x1 // step_x) * step_x),
            min(height_px, -(-self.y1 // step_y) * step_y),
        )

    def subsampled(self, step_x: int, step_y: int) -> Box:
        """The same place in a plane subsampled by these steps (chroma of 4:2:0: 2, 2), rounded outwards."""
        return Box(self.x0 // step_x, self.y0 // step_y, -(-self.x1 // step_x), -(-self.y1 // step_y))

    def as_list(self) -> list[int]:
        """[x0, y0, x1, y1], as reports print it."""
        return [self.x0, self.y0, self.x1, self.y1]


@dataclass(frozen=True, order=True)
class TimeRange:
    """Seconds since the video's first frame, half-open; the end may be infinite.

    Raises:
        OptionError: the range is empty, negative or not a number.
    """

    start_seconds: float = 0.0
    end_seconds: float = math.inf

    def __post_init__(self) -> None:
        if not (0 <= self.start_seconds < self.end_seconds):
            raise OptionError(
                f"time range {self.start_seconds} to {self.end_seconds} s is empty or negative",
                accepted="0 <= start < end, in seconds",
            )

    def __contains__(self, seconds: object) -> bool:
        return isinstance(seconds, int | float) and self.start_seconds <= seconds < self.end_seconds

    @property
    def duration_seconds(self) -> float:
        return self.end_seconds - self.start_seconds

    def intersection(self, other: TimeRange) -> TimeRange | None:
        """The common part, or None."""
        start, end = max(self.start_seconds, other.start_seconds), min(self.end_seconds, other.end_seconds)
        return TimeRange(start, end) if start < end else None
