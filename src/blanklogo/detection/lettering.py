"""What stays and is no mark: captions, small print and score boards that are there all the time.

Evidence over time cannot tell them from marks, since they too stay while the scene does not. A network that was taught
both kinds can, by their looks. So what evidence takes for a mark is dropped where the network surely sees lettering,
and does not see a mark as surely.
"""

from __future__ import annotations

from blanklogo.detection.glances import Glance
from blanklogo.detection.places import Place
from blanklogo.detection.sightings import Sighting, overlap, sightings
from blanklogo.types import Box

SURE = 0.4  # mean score of a piece of lettering times its share of the windows
SAME_OVERLAP = 0.3  # intersection over union: captions of several lines are found in parts
MOST_INSIDE = 0.7  # of a place's area within the lettering


def without_lettering(marks: list[list[Place]], found: list[Glance]) -> list[list[Place]]:
    """The groups of places that are not lettering. What hops is none."""
    letters = sightings(found, of_lettering=True)
    seen = sightings(found)
    return [group for group in marks if len(group) > 1 or not _is_lettering(group[0].box, letters, seen, len(found))]


def _is_lettering(box: Box, letters: list[Sighting], seen: list[Sighting], num_glances: int) -> bool:
    as_lettering = max((_weight(one, num_glances) for one in letters if _is_at(box, one)), default=0.0)
    as_mark = max((_weight(one, num_glances) for one in seen if _is_at(box, one)), default=0.0)
    return as_lettering >= SURE and as_lettering > as_mark


def _weight(sighting: Sighting, num_glances: int) -> float:
    return sighting.sureness * sighting.num_windows / max(num_glances, 1)


def _is_at(box: Box, sighting: Sighting) -> bool:
    x0, y0, x1, y1 = sighting.corners
    common = max(0.0, min(box.x1, x1) - max(box.x0, x0)) * max(0.0, min(box.y1, y1) - max(box.y0, y0))
    corners = (float(box.x0), float(box.y0), float(box.x1), float(box.y1))
    return common >= MOST_INSIDE * box.area or overlap(corners, sighting.corners) >= SAME_OVERLAP
