"""One mark at several places: whose patterns are alike and whose times exclude each other.

A place that holds a strong, lone pattern for a while is not enough: captions, fine print and still shots do that too.
It is a mark when the same pattern is at another place at other times, or stays, so that it is seen in most of the
video. Where no known place holds a mark for a while, its template is searched for in the whole frame.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.candidates import Candidate
from blanklogo.detection.matching import likeness, search
from blanklogo.detection.places import Place, exclusive, places, union
from blanklogo.detection.record import Record
from blanklogo.detection.relay import drifts

LEAST_SHARE = 0.6  # of the video that a mark must be seen in, over all its places
ALWAYS_SHARE = 0.95
SAME_RESPONSE = 0.85  # of a pattern that is always the same; fades reach 0.95, successive captions 0.7
LIKE = 0.45  # of two places of one mark; unrelated text of one size stays under 0.3
SURE_LIKE = 0.5  # and of two whose outlines may be exchanged
LEAST_FIT = 0.42  # of a searched template, mean over windows
DISTINCT = 1.25  # its best fit over the best one elsewhere; scenes stay under 1.15
LEAST_FILL, LEAST_FILL_PICTURES = 0.1, 3  # of the video that a searched place must add
MAX_SEARCHES = 4


def hopping(record: Record, found: list[Place]) -> list[list[Place]]:
    """Groups of places, each one mark that is seen in most of the video."""
    accepted, left = [], list(found)
    while left:
        group = _alike(left)
        left = [place for place in left if not any(place is member for member in group)]
        group = _with_one_outline(record, group)
        group = group + _searched(record, group)
        if is_mark(group):
            accepted.append(group)
    return accepted


def is_mark(group: list[Place]) -> bool:
    """Seen in most of the video, at places apart, and always the same if it is at one place only at times.

    Captions that follow each other at one place resemble each other only in part.
    """
    if drifts([place.box for place in group]):
        return False
    share = float(union(group).mean())
    return share >= ALWAYS_SHARE or (share >= LEAST_SHARE and (len(group) > 1 or group[0].usual >= SAME_RESPONSE))


def _alike(found: list[Place]) -> list[Place]:
    """The first place and those like it at other times."""
    group = [found[0]]
    for place in found[1:]:
        like = max(likeness(place.candidate.template, member.candidate.template)[0] for member in group)
        if like >= LIKE and all(exclusive(place.on, member.on) for member in group):
            group.append(place)
    return group


def _with_one_outline(record: Record, group: list[Place]) -> list[Place]:
    """The group with the outline of its best place, laid where it fits at the others."""
    if len(group) == 1:
        return group
    best = max(group, key=lambda place: place.candidate.peak * place.candidate.isolation)
    others = [laid(best.candidate, place.candidate, record) for place in group if place is not best]
    return places(record, [best.candidate, *others])


def laid(best: Candidate, other: Candidate, record: Record) -> Candidate:
    """The best one's outline where it fits at the other's place; the other as it is where it does not."""
    like, x, y = likeness(other.template, best.template)
    left, top = other.box.x0 + x, other.box.y0 + y
    height, width = record.small_size_px
    fits = 0 <= left <= width - best.box.width and 0 <= top <= height - best.box.height
    return best.moved(left, top, other.peak) if like >= SURE_LIKE and fits else other


def _searched(record: Record, group: list[Place]) -> list[Place]:
    """More places of a mark, found by its template in the windows where no known place holds it."""
    best = max(group, key=lambda place: place.candidate.peak * place.share).candidate
    found: list[Place] = []
    for _ in range(MAX_SEARCHES):
        covered = union([*group, *found])
        free = np.flatnonzero(~record.in_windows(covered))
        if len(free) < 2:
            break
        fit = search(record, best.template, free)
        place = places(record, [replace(best, box=fit.box)])[0]
        if fit.correlation < LEAST_FIT or fit.distinctness < DISTINCT or not _fills(place, covered):
            break
        found.append(place)
    return found


def _fills(place: Place, covered: NDArray[np.bool_]) -> bool:
    """Whether a place holds the mark while the known places do not, and for long enough."""
    added = np.count_nonzero(place.on & ~covered)
    return exclusive(place.on, covered) and int(added) >= max(LEAST_FILL_PICTURES, LEAST_FILL * len(covered))
