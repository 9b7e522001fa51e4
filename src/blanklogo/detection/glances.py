"""A network's look at a video: a few windows of every shot, each shown once, and the boxes it finds in them.

A window is a few seconds of one shot. What the network is shown of it is the network's choice: their statistics
(`statistics`) or one frame in colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.record import Picture, Record
from blanklogo.detection.statistics import window_statistics
from blanklogo.types import TimeRange

WINDOW_SECONDS = 1.2  # of six pictures, at five a second; a mark that hops stays longer than that
WINDOW_PICTURES = 6  # as many as the network was trained on
LEAST_PICTURES = 3  # fewer say nothing over time
MOST_WINDOWS = 40  # spread evenly; more add cost and no knowledge


@dataclass(frozen=True)
class Scored:
    """A box as a network gives it.

    Attributes:
        corners: x0, y0, x1, y1 in px of the shrunk picture, fractions included.
        score: in [0, 1].
        is_lettering: whether it is no mark but lettering: a caption, small print, a score board.
    """

    corners: tuple[float, float, float, float]
    score: float
    is_lettering: bool = False


class Finder(Protocol):
    """A network that finds marks."""

    @property
    def wants_colour(self) -> bool:
        """Whether it is shown frames in colour, R'G'B' uint8 [h, w, 3], rather than statistics, uint8 [3, h, w]."""
        ...

    @property
    def is_general(self) -> bool:
        """Whether it was taught marks of every kind, and lettering beside them, so that it may overrule evidence."""
        ...

    def __call__(self, pictures: Sequence[NDArray[np.uint8]]) -> list[list[Scored]]:
        """The boxes in each picture; all pictures are of one size."""
        ...


@dataclass(frozen=True)
class Glance:
    """One window and what was found in it.

    Attributes:
        span: its time.
        picture_indices: those of the record's pictures that lie in it, first and one past the last.
        shot_index: the shot it lies in.
        found: the boxes.
    """

    span: TimeRange
    picture_indices: tuple[int, int]
    shot_index: int
    found: tuple[Scored, ...]


def glances(record: Record, finder: Finder) -> list[Glance]:
    """What the finder finds in the windows of a record, in order of time."""
    windows = _windows(record)
    pictures = [_shown(record.pictures[first:stop], finder.wants_colour) for _, first, stop in windows]
    found = finder(pictures) if pictures else []
    seconds = record.seconds
    return [
        Glance(TimeRange(float(seconds[first]), float(seconds[stop - 1]) + 1e-3), (first, stop), shot, tuple(boxes))
        for (shot, first, stop), boxes in zip(windows, found, strict=True)
    ]


def _windows(record: Record) -> list[tuple[int, int, int]]:
    """(shot, first picture, one past the last) of the windows that are looked at."""
    seconds, cut = record.seconds, []
    for shot_index, shot in enumerate(record.shots):
        inside = np.flatnonzero((seconds >= shot.start_seconds) & (seconds < shot.end_seconds))
        if len(inside) < LEAST_PICTURES:
            continue
        length = float(seconds[inside[-1]] - seconds[inside[0]])
        count = max(1, min(round(length / WINDOW_SECONDS), len(inside) // LEAST_PICTURES))
        parts = np.array_split(inside, count)
        cut += [(shot_index, int(part[0]), int(part[-1]) + 1) for part in parts]
    kept = np.unique(np.linspace(0, len(cut) - 1, min(len(cut), MOST_WINDOWS)).round().astype(int))
    return [cut[index] for index in kept]


def _shown(pictures: Sequence[Picture], wants_colour: bool) -> NDArray[np.uint8]:
    if wants_colour:
        return pictures[len(pictures) // 2].in_colour()
    picked = np.unique(np.linspace(0, len(pictures) - 1, min(len(pictures), WINDOW_PICTURES)).round().astype(int))
    return window_statistics([pictures[index].decoded() for index in picked])
