"""A mark that hops is at one place from the very moment when it is no longer at another.

That tells its places, even where the same letters look different over different scenes: two patterns of one size, of
which one comes when the other goes, and each is the same whenever it comes back (titles that follow each other are
not). And it tells a place that nobody saw: what the windows at such times show, less
what the others show, stands out before a scene that stands still,

    E(x, y) = sum over the mark's size at (x, y) of |mean_then F - mean_else F|²
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.appearing import appearances
from blanklogo.detection.places import Place, exclusive, union
from blanklogo.detection.record import Record
from blanklogo.types import Box

SAME_SIDE = 0.75  # of two widths and heights: the shorter over the longer
AT_ONCE = 1  # pictures between the end at one place and the beginning at another
MOSTLY = 0.5  # of the times that the first goes
SAME_AGAIN = 0.5  # correlation of what is there at two times; other words at one place stay under 0.4
GAPLESS = 0.85  # of the video that a mark's places fill, when all are known
LEAST_WINDOWS = 2  # of each kind


@dataclass(frozen=True, eq=False)
class Returned:
    """Attributes:
    box: where.
    template: what comes and goes there, float32 [2, h, w].
    on: whether it is there, bool [num_pictures].
    """

    box: Box
    template: NDArray[np.float32]
    on: NDArray[np.bool_]


def relieves(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> bool:
    """Whether one pattern mostly comes when the other goes, or the other way round: of two presences, bool [n]."""
    return exclusive(first, second) and (_follows(first, second) or _follows(second, first))


def _follows(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> bool:
    goes, comes = _changes(first, -1), _changes(second, 1)
    if not len(goes) or not len(comes):
        return False
    return bool((np.abs(comes[None] - goes[:, None]).min(1) <= AT_ONCE).mean() >= MOSTLY)


def _changes(on: NDArray[np.bool_], step: int) -> NDArray[np.int64]:
    return np.flatnonzero(np.diff(on.astype(int)) == step)


def is_same_size(first: Box, second: Box) -> bool:
    pairs = ((first.width, second.width), (first.height, second.height))
    return all(min(pair) >= SAME_SIDE * max(pair) for pair in pairs)


def comes_back(record: Record, place: Place) -> bool:
    """Whether what is at a place for a time is there again at another, the same."""
    then = record.in_windows(place.on)
    if then.all():
        return False
    ground = record.fields(np.flatnonzero(~then), *place.box.slices).mean(0)
    visits = [record.fields(visit, *place.box.slices).mean(0) - ground for visit in _runs(then)]
    return any(_cosine(visits[0], visit) >= SAME_AGAIN for visit in visits[1:])


def _runs(then: NDArray[np.bool_]) -> list[NDArray[np.int64]]:
    """Indices of each run of windows."""
    inside = np.flatnonzero(then)
    return np.split(inside, np.flatnonzero(np.diff(inside) > 1) + 1)


def _cosine(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    return float(np.vdot(first, second)) / max(float(np.linalg.norm(first) * np.linalg.norm(second)), 1e-6)


def drifts(boxes: list[Box]) -> bool:
    """Whether some places overlap, as those of a thing do that moves through the scene; who hops goes elsewhere."""
    return any(first.intersection(second) is not None for first, second in combinations(boxes, 2))


def place_of(record: Record, when: NDArray[np.bool_], part: Box, size_px: tuple[int, int]) -> Returned | None:
    """The whole of what comes and goes at these times and is known in part; None: it does so unclearly.

    Args:
        when: bool [num_pictures].
        part: the place lies around its middle.
        size_px: (height, width) of the whole.
    """
    y, x = (part.y0 + part.y1) // 2, (part.x0 + part.x1) // 2
    height, width = size_px
    return _strongest(record, when, size_px, lambda energy: _only(energy, y - height + 1, y + 1, x - width + 1, x + 1))


def place_between(record: Record, known: list[Place], size_px: tuple[int, int]) -> Returned | None:
    """Where something of this size (height, width) is when it is at none of the known places; None: nowhere clearly."""

    def without_known(energy: NDArray[np.float32]) -> None:
        for box in (place.box for place in known):
            energy[max(0, box.y0 - size_px[0] + 1) : box.y1, max(0, box.x0 - size_px[1] + 1) : box.x1] = 0

    covered = union(known)
    found = _strongest(record, ~covered, size_px, without_known)
    return found if found is not None and exclusive(found.on, covered) else None


def _change(record: Record, when: NDArray[np.bool_]) -> NDArray[np.float32] | None:
    """Energy of what the windows at these times show and the others do not, float32 [h, w]."""
    then = record.in_windows(when)
    if min(np.count_nonzero(then), np.count_nonzero(~then)) < LEAST_WINDOWS:
        return None
    shown, others = (record.fields(np.flatnonzero(kind)).mean(0) for kind in (then, ~then))
    return np.asarray(((shown - others) ** 2).sum(0), np.float32)


def _strongest(
    record: Record, when: NDArray[np.bool_], size_px: tuple[int, int], narrow: Callable[[NDArray[np.float32]], None]
) -> Returned | None:
    """Args:
    narrow: sets the energy to 0, in place, where the place's top-left cannot be.
    """
    change = _change(record, when)
    height, width = size_px
    if change is None or change.shape[0] < height or change.shape[1] < width:
        return None
    sums = cv2.boxFilter(change, -1, (width, height), anchor=(0, 0), normalize=False, borderType=cv2.BORDER_CONSTANT)
    energy = np.array(sums[: change.shape[0] - height + 1, : change.shape[1] - width + 1], np.float32)
    narrow(energy)
    row, column = (int(value) for value in np.unravel_index(np.argmax(energy), energy.shape))
    box = Box(column, row, column + width, row + height)
    (came,) = appearances(record, [(box, when)])
    return None if came is None else Returned(box, came.template, came.on)


def _only(energy: NDArray[np.float32], top: int, bottom: int, left: int, right: int) -> None:
    energy[: max(0, top)] = 0
    energy[bottom:] = 0
    energy[:, : max(0, left)] = 0
    energy[:, right:] = 0
