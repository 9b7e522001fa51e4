"""Marks that a network sees, where evidence over time cannot judge or did not find them.

The network's places become candidates like those of evidence: a pattern, and its presence in every kept picture. What
makes a mark of them is the same as there: one pattern, at one place or hopping, that is seen in most of the video. How
sure the network must be depends on what time can add. On a tripod shot it stands alone and must be sure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.appearing import Appearance, appearances
from blanklogo.detection.candidates import Candidate
from blanklogo.detection.glances import Glance
from blanklogo.detection.hops import LEAST_SHARE, laid
from blanklogo.detection.matching import likeness
from blanklogo.detection.passing import is_passed_before
from blanklogo.detection.places import Place, exclusive, union
from blanklogo.detection.record import Record
from blanklogo.detection.relay import GAPLESS, comes_back, drifts, is_same_size, place_between, place_of, relieves
from blanklogo.detection.sightings import Sighting, overlap, sightings
from blanklogo.types import Box

LEAST_SCORE = 0.2  # mean of a place's scores in the windows that show it; less is not looked at any further
SURE = 0.42  # mean score times the share of the video; of 64 clean still films it was chosen on one reaches it
SURE_MOVING = 0.3  # where the scene moves and the thing does not: less is needed
SURE_HOPPING = 0.25  # where one pattern is at several places in turn, which is one's own doing
SAME_PLACE = 0.5  # intersection over union of a mark's outline and lettering's
LIKE = 0.4  # of two places of one mark that the network saw; others before a still scene stay under 0.36
SURE_ALONE = 0.65  # mean score of what a single window shows, in clips of a few seconds
SURE_BEHIND = 0.7  # where something seems to pass in front of it; a chip's pins reach 0.59
LEAST_WINDOWS = 2
LEAST_KNOWN = 0.45  # of the video that the places of a mark fill which the network saw, if one more is looked for


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
    letters = sightings(found, of_lettering=True)
    fresh = [s for s in sightings(found) if not _is_known(s, known) and not _is_lettering(s, letters)]
    seen = _seen(record, [sighting for sighting in fresh if sighting.sureness >= LEAST_SCORE], found)
    groups = (_completed(record, group) for group in _grouped(record, seen))
    marks: list[list[Place]] = []
    for group in groups:
        if _is_mark(record, group, len(found), is_still=is_still) and not all(
            _is_part(one.place.box, marks) for one in group
        ):
            marks.append(_with_one_outline(record, group))
    return marks


def _is_known(sighting: Sighting, known: list[list[Place]]) -> bool:
    """Whether a place is one of these, or a part of one."""
    return any(_covers(place.box, sighting.corners) for group in known for place in group)


def _is_lettering(sighting: Sighting, letters: list[Sighting]) -> bool:
    """Whether the same place is more surely lettering that is no mark."""
    here = [one for one in letters if overlap(one.corners, sighting.corners) >= SAME_PLACE]
    return any(one.weight > sighting.weight for one in here)


def _is_part(box: Box, marks: list[list[Place]]) -> bool:
    """Whether a place lies at one of a surer mark: it is a part of that, or the same once more."""
    return any(_covers(place.box, (box.x0, box.y0, box.x1, box.y1)) for group in marks for place in group)


def _covers(box: Box, corners: tuple[float, float, float, float]) -> bool:
    x, y = (corners[0] + corners[2]) / 2, (corners[1] + corners[3]) / 2
    inside = box.x0 <= x < box.x1 and box.y0 <= y < box.y1
    return inside or overlap((box.x0, box.y0, box.x1, box.y1), corners) > 0.1


def _seen(record: Record, fresh: list[Sighting], found: list[Glance]) -> list[Seen]:
    height, width = record.small_size_px
    places = [(one.box(width, height), _near(record, one, found)) for one in fresh]
    came = appearances(record, [place for place in places if not place[1].all()])
    passing = iter(came)
    return [
        Seen(_place(record, one, box, near, None if near.all() else next(passing)), one.sureness, one.num_windows)
        for one, (box, near) in zip(fresh, places, strict=True)
    ]


def _place(
    record: Record, sighting: Sighting, box: Box, near: NDArray[np.bool_], appearance: Appearance | None
) -> Place:
    """With its presence: what comes and goes, or else what was there where the network saw it."""
    weights = np.asarray(near[_nearest(record.seconds, [w.start_seconds for w in record.windows])], np.float32)
    if appearance is not None:
        return Place(Candidate(box, appearance.template, sighting.sureness, 1.0, weights), appearance.on, 1.0)
    indices = np.flatnonzero(weights) if weights.any() else np.arange(len(weights))
    template = np.asarray(record.fields(indices, *box.slices).mean(0), np.float32)
    return Place(Candidate(box, template, sighting.sureness, 1.0, weights), near, 1.0)


def _near(record: Record, sighting: Sighting, found: list[Glance]) -> NDArray[np.bool_]:
    """Whether the network saw it in the window nearest to each picture, bool [num_pictures]."""
    middles = [(glance.span.start_seconds + glance.span.end_seconds) / 2 for glance in found]
    return sighting.is_seen[_nearest(np.array(middles), record.seconds)]


def _nearest(known: NDArray[np.float64], wanted: Sequence[float] | NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices of the known times that are nearest to each wanted one."""
    return np.abs(np.asarray(wanted)[:, None] - known[None]).argmin(1)


def _grouped(record: Record, seen: list[Seen]) -> list[list[Seen]]:
    """Places of one mark together: alike, and never at the same time."""
    groups: list[list[Seen]] = []
    for one in seen:
        home = next((group for group in groups if _hops(record, one.place, [other.place for other in group])), None)
        if home is None:
            groups.append([one])
        else:
            home.append(one)
    return groups


def _hops(record: Record, place: Place, group: list[Place]) -> bool:
    """Whether it is one with any of these, and never there when they are."""
    if not all(exclusive(place.on, other.on) for other in group):
        return False
    template = place.candidate.template
    is_like = any(likeness(template, other.candidate.template)[0] >= LIKE for other in group)
    return is_like or any(_relays(record, place, other) for other in group)


def _relays(record: Record, first: Place, second: Place) -> bool:
    """Whether two places are of one size, and one is left for the other, again and again."""
    is_fit = is_same_size(first.box, second.box) and relieves(first.on, second.on)
    return is_fit and comes_back(record, first) and comes_back(record, second)


def _completed(record: Record, group: list[Seen]) -> list[Seen]:
    """With a place that the network did not see, where the pattern is when it is at none of the others; only a group of
    two and more says when that is."""
    covered = union([one.place for one in group])
    best = max(group, key=lambda one: one.sureness * one.num_windows)
    is_known = GAPLESS > covered.mean() >= LEAST_KNOWN and best.sureness >= SURE_HOPPING
    if len(group) < 2 or not is_known:
        return group
    box = best.place.box
    found = place_between(record, [one.place for one in group], (box.height, box.width))
    if found is None or (covered | found.on).mean() < GAPLESS:
        return group
    more = replace(best.place.candidate, box=found.box, template=found.template)
    return [*group, replace(best, place=Place(more, found.on, 1.0))]


def _with_one_outline(record: Record, group: list[Seen]) -> list[Place]:
    """The places, with the outline of the surest one laid where it fits at the others."""
    best = max(group, key=lambda one: one.sureness * one.num_windows).place
    places = [best]
    for one in group:
        if one.place is not best:
            covered = union([other.place for other in group if other is not one])
            places.append(_outlined(record, best, one.place, covered))
    return places


def _outlined(record: Record, best: Place, other: Place, covered: NDArray[np.bool_]) -> Place:
    """The other place with the best one's outline, or at least its size, and then when that is there.

    Args:
        covered: for each picture, whether the mark is at any third place.
    """
    candidate = laid(best.candidate, other.candidate, record)
    if candidate is not other.candidate or is_same_size(best.box, other.box):
        return replace(other, candidate=candidate)
    found = place_of(record, other.on, other.box, (best.box.height, best.box.width))
    if found is None or not exclusive(found.on, covered):
        return other
    return Place(replace(candidate, box=found.box, template=found.template), found.on, 1.0)


def _is_mark(record: Record, group: list[Seen], num_glances: int, *, is_still: bool) -> bool:
    """Seen in most of the video, at places apart, and surely."""
    if drifts([one.place.box for one in group]):
        return False
    sureness = float(np.mean([one.sureness for one in group]))
    share = float(union([one.place for one in group]).mean())
    if num_glances < LEAST_WINDOWS:
        return sureness >= SURE_ALONE
    is_often = sum(one.num_windows for one in group) >= LEAST_WINDOWS and share >= LEAST_SHARE
    return is_often and sureness * share >= _least(record, group, is_still)


def _least(record: Record, group: list[Seen], is_still: bool) -> float:
    """How sure the network must be, over the whole video."""
    usual = SURE if is_still else SURE_MOVING
    if len(group) > 1:
        return min(usual, SURE_HOPPING)
    return SURE_BEHIND if is_passed_before(record, group[0].place) else usual
