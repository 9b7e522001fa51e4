"""What a network found in single windows, joined into places: one wrong window makes no mark, one missed loses none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.glances import Glance, Scored
from blanklogo.types import Box

SAME_OVERLAP = 0.45  # intersection over union of boxes that are one place


@dataclass(frozen=True, eq=False)
class Sighting:
    """A place at which a network saw a mark.

    Attributes:
        corners: x0, y0, x1, y1 in px of the shrunk picture: the mean, by score.
        scores: in each glance, float64 [num_glances]; 0 where it was not seen.
    """

    corners: tuple[float, float, float, float]
    scores: NDArray[np.float64]

    @property
    def is_seen(self) -> NDArray[np.bool_]:
        """In each glance, gaps of one closed: bool [num_glances]."""
        seen = self.scores > 0
        closed = seen.copy()
        closed[1:-1] |= seen[:-2] & seen[2:]
        return closed

    @property
    def num_windows(self) -> int:
        """In how many windows it was seen."""
        return int(np.count_nonzero(self.scores))

    @property
    def sureness(self) -> float:
        """Mean score where it was seen or should have been: a missed window counts as 0."""
        return float(self.scores[self.is_seen].mean())

    @property
    def weight(self) -> float:
        """The sum of its scores, gaps of one window counted as 0."""
        return self.sureness * self.num_windows

    def box(self, width_px: int, height_px: int) -> Box:
        """The place rounded outwards, within the picture."""
        x0, y0, x1, y1 = self.corners
        left, top = max(0, int(np.floor(x0))), max(0, int(np.floor(y0)))
        return Box(
            left, top, max(left + 1, min(width_px, int(np.ceil(x1)))), max(top + 1, min(height_px, int(np.ceil(y1))))
        )


def sightings(found: Sequence[Glance], *, of_lettering: bool = False) -> list[Sighting]:
    """The places of marks, or of lettering that is none, seen in some windows; the surest first."""
    clusters: list[dict[int, Scored]] = []
    for index, glance in enumerate(found):
        ours = (scored for scored in glance.found if scored.is_lettering == of_lettering)
        for scored in sorted(ours, key=lambda one: -one.score):
            _join(clusters, index, scored)
    joined = [_sighting(cluster, len(found)) for cluster in clusters]
    return sorted(joined, key=lambda sighting: -sighting.weight)


def overlap(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    """Intersection over union of two boxes x0, y0, x1, y1."""
    common = common_area(first, second)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return common / max(areas - common, 1e-9)


def common_area(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    """What two boxes x0, y0, x1, y1 share, in px of area."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(0.0, width) * max(0.0, height)


def _join(clusters: list[dict[int, Scored]], index: int, scored: Scored) -> None:
    """Put a box into the cluster it fits best, or into one of its own."""
    best, best_overlap = None, SAME_OVERLAP
    for cluster in clusters:
        fit = overlap(_mean_corners(cluster), scored.corners)
        if index not in cluster and fit >= best_overlap:
            best, best_overlap = cluster, fit
    if best is None:
        clusters.append({index: scored})
    else:
        best[index] = scored


def _mean_corners(cluster: dict[int, Scored]) -> tuple[float, float, float, float]:
    weights = np.array([scored.score for scored in cluster.values()])
    corners = np.array([scored.corners for scored in cluster.values()])
    x0, y0, x1, y1 = (weights @ corners / weights.sum()).tolist()
    return x0, y0, x1, y1


def _sighting(cluster: dict[int, Scored], num_glances: int) -> Sighting:
    scores = np.zeros(num_glances)
    for index, scored in cluster.items():
        scores[index] = scored.score
    return Sighting(_mean_corners(cluster), scores)
