"""Marks that a network sees, where evidence over time cannot judge or did not find them.

The network's places become candidates like those of evidence: a pattern, and its presence in every kept picture. What
makes a mark of them is the same as there: one pattern, at one place or hopping, that is seen in most of the video. How
sure the network must be depends on what time can add. On a tripod shot it stands alone and must be sure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from blanklogo.detection.candidates import Candidate
from blanklogo.detection.glances import Glance
from blanklogo.detection.hops import LEAST_SHARE, LIKE
from blanklogo.detection.matching import likeness
from blanklogo.detection.places import Place, exclusive, union
from blanklogo.detection.presence import is_on, responses
from blanklogo.detection.record import Record
from blanklogo.detection.sightings import Sighting, overlap, sightings
from blanklogo.types import Box

LEAST_SCORE = 0.28  # mean of a place's scores in the windows that show it; less is not looked at any further
SURE = 0.4  # mean score times the share of the video: no clean film of the benchmark reaches it
SURE_MOVING = 0.3  # where the scene moves and the thing does not: less is needed
SURE_ALONE = 0.65  # mean score of what a single window shows, in clips of a few seconds
LEAST_WINDOWS = 2
USUAL_PERCENTILE = 75


@dataclass(frozen=True, eq=False)
class Seen:
    """A place that the network saw: as a candidate with its presence, and how sure the network is."""

    place: Place
    sureness: float
    num_windows: int


def learned(record: Record, found: list[Glance], known: list[list[Place]], *, is_still: bool) -> list[list[Place]]:
    """Groups of places, each one mark, that are not among the known ones.

    Args:
        found: what the network saw.
        known: marks found on evidence, as groups of places.
        is_still: whether the scene stands still, so that time adds nothing to what the network sees.
    """
    least = SURE if is_still else SURE_MOVING
    fresh = [s for s in sightings(found) if not _is_known(s, known)]
    seen = [_seen(record, sighting, found) for sighting in fresh if sighting.sureness >= LEAST_SCORE]
    return [[one.place for one in group] for group in _grouped(seen) if _is_mark(group, len(found), least)]


def _is_known(sighting: Sighting, known: list[list[Place]]) -> bool:
    """Whether a place is one of these, or a part of one."""
    return any(_covers(place.box, sighting.corners) for group in known for place in group)


def _covers(box: Box, corners: tuple[float, float, float, float]) -> bool:
    x, y = (corners[0] + corners[2]) / 2, (corners[1] + corners[3]) / 2
    inside = box.x0 <= x < box.x1 and box.y0 <= y < box.y1
    return inside or overlap((box.x0, box.y0, box.x1, box.y1), corners) > 0.1


def _seen(record: Record, sighting: Sighting, found: list[Glance]) -> Seen:
    height, width = record.small_size_px
    box = sighting.box(width, height)
    spans = [glance.span for glance, is_seen in zip(found, sighting.is_seen, strict=True) if is_seen]
    inside = [k for k, window in enumerate(record.windows) if any(window.start_seconds in span for span in spans)]
    indices = np.array(inside or range(len(record.windows)))
    template = np.asarray(record.fields(indices, *box.slices).mean(0), np.float32)
    weights = np.zeros(len(record.windows), np.float32)
    weights[indices] = 1
    candidate = Candidate(box, template, sighting.sureness, 1.0, weights)
    on, usual = _presence(record, candidate, _in_windows(record, sighting, found))
    return Seen(Place(candidate, on, usual), sighting.sureness, sighting.num_windows)


def _in_windows(record: Record, sighting: Sighting, found: list[Glance]) -> NDArray[np.bool_]:
    """Whether the network saw it in the window nearest to each picture, bool [num_pictures]."""
    middles = np.array([(glance.span.start_seconds + glance.span.end_seconds) / 2 for glance in found])
    nearest = np.abs(record.seconds[:, None] - middles[None]).argmin(1)
    return sighting.is_seen[nearest]


def _presence(record: Record, candidate: Candidate, near: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], float]:
    """When the pattern is there, within a window's length of where the network saw it; and its usual response."""
    if near.all():
        return near, 1.0
    answers, salience = responses(record.pictures, [(candidate.box, candidate.template)])
    usual = float(np.percentile(answers[near, 0], USUAL_PERCENTILE))
    reach = np.asarray(ndimage.binary_dilation(near, iterations=max(1, len(near) // 20)), bool)
    on = is_on(answers[:, 0], salience[:, 0], usual) & reach
    return (on if on[near].mean() > 0.5 else near), usual


def _grouped(seen: list[Seen]) -> list[list[Seen]]:
    """Places of one mark together: alike, and never at the same time."""
    groups: list[list[Seen]] = []
    for one in seen:
        home = next((group for group in groups if all(_hops(one.place, other.place) for other in group)), None)
        if home is None:
            groups.append([one])
        else:
            home.append(one)
    return groups


def _hops(first: Place, second: Place) -> bool:
    return exclusive(first.on, second.on) and likeness(first.candidate.template, second.candidate.template)[0] >= LIKE


def _is_mark(group: list[Seen], num_glances: int, least: float) -> bool:
    """Seen in most of the video, and surely."""
    sureness = float(np.mean([one.sureness for one in group]))
    share = float(union([one.place for one in group]).mean())
    if num_glances < LEAST_WINDOWS:
        return sureness >= SURE_ALONE
    is_often = sum(one.num_windows for one in group) >= LEAST_WINDOWS and share >= LEAST_SHARE
    return is_often and sureness * share >= least
