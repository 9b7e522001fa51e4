"""Patterns that come and go before a scene that stands still, where no other scene can vote on them.

What a shot shows in the mean is taken from what each of its windows shows; of the difference D_w the soft-clipped
gradients E_w remain (`samples.gradient_field`). A mark that hops is in E_w for as long as it stays, always the same,
while what moves is in another place in the next window and noise cancels:

    strength_w = sqrt(max(0, <E_w, E_w+1>))

Lone groups of strong pixels at one place and alike are one; those whose pattern is at another place too are candidates.
Whether they make a mark is judged where all hopping marks are (`hops`), and their places must lie apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.candidates import MOST_HEIGHT, MOST_WIDTH, Candidate, Patch, groups
from blanklogo.detection.hops import SURE_LIKE, hopping
from blanklogo.detection.matching import likeness
from blanklogo.detection.places import Place, places
from blanklogo.detection.record import Picture, Record
from blanklogo.detection.samples import gradient_field
from blanklogo.types import Box

WINDOW_PICTURES = 3
STRONG = 0.6  # what a codec lets drift stays under it
MOST_PICTURES = 90  # of a shot, spread evenly
LEAST_WINDOWS = 4
MOST_STAYS, MOST_PLACES = 48, 12
LIKE_SIZE = 1.6  # sides of one pattern's boxes at two places, over each other
ALIKE = 0.7  # of two windows' patterns at one place
SAME_OVERLAP = 0.5  # intersection over union


@dataclass(eq=False)
class _Stay:
    """A pattern at a place, summed over the windows that show it."""

    box: Box
    total: NDArray[np.float32]
    num_windows: int = 1

    def add(self, box: Box, pattern: NDArray[np.float32]) -> None:
        """Another window's pattern, with the sign that fits; what lies outside the box is let go."""
        height, width = self.box.height, self.box.width
        canvas = np.pad(pattern, ((0, 0), (height, height), (width, width)))
        top, left = height + self.box.y0 - box.y0, width + self.box.x0 - box.x0
        part = canvas[:, top : top + height, left : left + width]
        self.total += part if float(np.vdot(self.total, part)) >= 0 else -part
        self.num_windows += 1


def changing(record: Record) -> list[list[Place]]:
    """Groups of places, each one mark that hops; for a video of shots that stand still."""
    accepted: list[list[Place]] = []
    for group in hopping(record, places(record, passing(record))):
        known = [place.box for other in accepted for place in other]
        if apart(group) and not any(place.box.intersection(box) for place in group for box in known):
            accepted.append(group)
    return accepted


def passing(record: Record) -> list[Candidate]:
    """The candidates: patterns at two places or more, those that are seen longest first."""
    stays: list[_Stay] = []
    for shot in record.shots:
        pictures = _spread([picture for picture in record.pictures if picture.seconds in shot])
        for patch, pattern in _patterns([picture.decoded() for picture in pictures]):
            _join(stays, patch, pattern)
    longest = sorted(stays, key=lambda stay: -float(np.abs(stay.total).sum()))[:MOST_STAYS]
    again = [stay for stay in longest if any(_is_elsewhere(stay, other) for other in longest)]
    every = np.ones(len(record.windows), np.float32)
    return [Candidate(stay.box, stay.total / stay.num_windows, 1.0, 1.0, every) for stay in again[:MOST_PLACES]]


def _is_elsewhere(stay: _Stay, other: _Stay) -> bool:
    """Whether another place shows the same pattern; cheap tests come first."""
    sides = (stay.box.width / other.box.width, stay.box.height / other.box.height)
    if max(*sides, *(1 / side for side in sides)) > LIKE_SIZE or stay.box.intersection(other.box):
        return False
    return likeness(stay.total, other.total)[0] >= SURE_LIKE


def _spread(pictures: list[Picture]) -> list[Picture]:
    step = -(-len(pictures) // MOST_PICTURES)
    return pictures[:: max(step, 1)]


def _patterns(pictures: list[NDArray[np.uint8]]) -> Iterator[tuple[Patch, NDArray[np.float32]]]:
    """Lone groups of pixels that two windows in a row share, each with its pattern, float32 [2, h, w]."""
    windows = [pictures[first : first + WINDOW_PICTURES] for first in range(0, len(pictures), WINDOW_PICTURES)]
    if len(windows) < LEAST_WINDOWS:
        return
    usual: NDArray[np.float32] = np.asarray(np.mean(pictures, axis=0), np.float32)
    before = None
    for window in windows:
        field = gradient_field(_unlike(np.asarray(np.mean(window, axis=0), np.float32), usual))
        if before is not None:
            yield from _shared(before, field)
        before = field


def _unlike(shown: NDArray[np.float32], usual: NDArray[np.float32]) -> NDArray[np.float32]:
    """What is shown less the usual picture in the light of the moment (a gain and an offset)."""
    gain, offset = np.polyfit(usual[::8, ::8].ravel(), shown[::8, ::8].ravel(), 1)
    return np.asarray(shown - (gain * usual + offset), np.float32)


def _shared(first: NDArray[np.float32], second: NDArray[np.float32]) -> Iterator[tuple[Patch, NDArray[np.float32]]]:
    strength = np.sqrt(np.maximum((first * second).sum(0), 0))
    height, width = strength.shape
    for patch in groups(strength > STRONG):
        if patch.box.width <= MOST_WIDTH * width and patch.box.height <= MOST_HEIGHT * height:
            cut = (slice(None), *patch.box.slices)
            yield patch, np.where(patch.pixels, (first[cut] + second[cut]) / 2, 0).astype(np.float32)


def _join(stays: list[_Stay], patch: Patch, pattern: NDArray[np.float32]) -> None:
    """Add a pattern to the one at its place that is like it, or keep it as one of its own."""
    for stay in stays:
        if stay.box.iou(patch.box) >= SAME_OVERLAP and likeness(stay.total, pattern)[0] >= ALIKE:
            stay.add(patch.box, pattern)
            return
    stays.append(_Stay(patch.box, pattern))


def apart(group: list[Place]) -> bool:
    """Whether the places of a group lie beside each other: one place with two outlines does not hop."""
    return len(group) > 1 and not any(one.box.intersection(two.box) for one, two in combinations(group, 2))
