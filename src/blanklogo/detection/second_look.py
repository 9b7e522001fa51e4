"""What evidence takes for a mark, looked at by a network.

Captions, small print and score boards stay while the scene does not, and so do things that move with the camera. Over
time they are marks; by their looks they are none. So a mark of evidence is dropped

- where the network surely sees lettering, and does not see a mark as surely;
- where the network sees nothing at all, unless its evidence stands quite alone, as a small thing that nothing passes in
  front of;
- where the network surely sees the mark with quite another outline, or less surely, but lettering beside it: then the
  network's place is the mark.
"""

from __future__ import annotations

from dataclasses import dataclass

from blanklogo.detection.glances import Glance
from blanklogo.detection.passing import is_passed_before
from blanklogo.detection.places import Place, union
from blanklogo.detection.record import Record
from blanklogo.detection.sightings import Sighting, common_area, overlap, sightings
from blanklogo.types import Box

SURE = 0.4  # mean score of a piece of lettering times its share of the windows
SURE_MARK = 0.5  # the same, of a mark that is taken instead of a place of evidence
SURE_BESIDE = 0.3  # the same, where lettering is a part of that place
SAME_OVERLAP = 0.3  # intersection over union: captions of several lines are found in parts
SAME_PLACE = 0.5  # the same measure: with less, two outlines are not of one thing
LEAST_COMMON = 0.1  # and with less still, they have nothing to do with each other
MOST_INSIDE = 0.7  # of a place's area within the lettering
PARTLY_INSIDE = 0.15  # of it, so that lettering is a part of the place
LEAST_SEEN = 0.1  # mean score of a mark times its share of the windows that hold the place's pattern
ALONE = 0.95  # isolation of a place that stands whatever the network sees
LARGEST_ALONE = (
    0.04  # of the frame, that such a place takes; ridges and shadows that passed for marks took 0.07 to 0.11
)


@dataclass(frozen=True)
class Looked:
    """Attributes:
    kept: the groups of places that are marks still.
    has_lettering, has_unseen: whether some were dropped as lettering, or as seen by nobody else.
    """

    kept: list[list[Place]]
    has_lettering: bool
    has_unseen: bool


def second_look(record: Record, marks: list[list[Place]], found: list[Glance]) -> Looked:
    """The groups of places that stand after the network's look.

    Args:
        found: by a network that was taught marks of every kind, and lettering.
    """
    if not found:
        return Looked(marks, has_lettering=False, has_unseen=False)
    seen, letters = sightings(found), sightings(found, of_lettering=True)
    unworded = [group for group in marks if not _is_lettering(group, letters, seen, len(found))]
    shaped = [group for group in unworded if not _is_otherwise(group, seen, len(found))]
    kept = [group for group in shaped if _stands_alone(record, group) or _is_seen(group, seen, len(found))]
    return Looked(kept, len(unworded) < len(marks), len(kept) < len(shaped))


def _is_otherwise(group: list[Place], seen: list[Sighting], num_glances: int) -> bool:
    """Whether the network surely sees the mark, and its outline is quite another. What hops is left as it is."""
    if len(group) > 1:
        return False
    here = [(overlap(_corners(group[0].box), one.corners), _weight(one, num_glances)) for one in seen]
    same, weight = max(here, key=lambda pair: pair[1] * (pair[0] > LEAST_COMMON), default=(0.0, 0.0))
    return LEAST_COMMON < same < SAME_PLACE and weight >= SURE_MARK


def _is_lettering(group: list[Place], letters: list[Sighting], seen: list[Sighting], num_glances: int) -> bool:
    """What hops is none."""
    if len(group) > 1:
        return False
    box = group[0].box
    as_lettering = max((_weight(one, num_glances) for one in letters if _is_at(box, one)), default=0.0)
    as_mark = max((_weight(one, num_glances) for one in seen if _is_at(box, one)), default=0.0)
    if as_lettering >= SURE and as_lettering > as_mark:
        return True
    return _holds_both(box, letters, seen, num_glances)


def _holds_both(box: Box, letters: list[Sighting], seen: list[Sighting], num_glances: int) -> bool:
    """Whether a place runs from a mark, which the network surely sees, over lettering."""
    corners = _corners(box)
    is_worded = any(
        _weight(one, num_glances) >= SURE and common_area(corners, one.corners) >= PARTLY_INSIDE * box.area
        for one in letters
    )
    return is_worded and any(
        _weight(one, num_glances) >= SURE_BESIDE
        and common_area(corners, one.corners) >= MOST_INSIDE * _area(one.corners)
        and overlap(corners, one.corners) < SAME_PLACE
        for one in seen
    )


def _stands_alone(record: Record, group: list[Place]) -> bool:
    if max(place.candidate.isolation for place in group) < ALONE:
        return False
    height, width = record.small_size_px
    is_small = all(place.box.area <= LARGEST_ALONE * height * width for place in group)
    return is_small and not any(is_passed_before(record, place) for place in group)


def _is_seen(group: list[Place], seen: list[Sighting], num_glances: int) -> bool:
    boxes = [_corners(place.box) for place in group]
    here = [one for one in seen if any(common_area(box, one.corners) > 0 for box in boxes)]
    weight = sum(_weight(one, num_glances) for one in here)
    return weight >= LEAST_SEEN * float(union(group).mean())


def _weight(sighting: Sighting, num_glances: int) -> float:
    return sighting.weight / num_glances


def _is_at(box: Box, one: Sighting) -> bool:
    corners = _corners(box)
    return common_area(corners, one.corners) >= MOST_INSIDE * box.area or overlap(corners, one.corners) >= SAME_OVERLAP


def _corners(box: Box) -> tuple[float, float, float, float]:
    return float(box.x0), float(box.y0), float(box.x1), float(box.y1)


def _area(corners: tuple[float, float, float, float]) -> float:
    return (corners[2] - corners[0]) * (corners[3] - corners[1])
