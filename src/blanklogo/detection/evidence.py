"""Finding burned-in marks from evidence over time, without a network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.candidates import Candidate, candidates, reweighted
from blanklogo.detection.hops import LIKE, exclusive, likeness, search
from blanklogo.detection.partial import num_runs, partial_candidates
from blanklogo.detection.presence import is_on, ranges, responses
from blanklogo.detection.record import Record, record
from blanklogo.detection.samples import LumaSample
from blanklogo.detection.votes import Votes, vote
from blanklogo.types import Box, Detection, Platform, TimeRange, Track

LEAST_SCENES = 2.5
LEAST_PEAK = 0.55
LEAST_STRENGTH = 1.4  # peak plus isolation
LEAST_SHARE = 0.6
LEAST_ALONE = 0.3
LEAST_FIT = 0.42
LEAST_FILL = 0.1
STILL = (
    "the camera stands still, so a mark cannot be told from the scene; give --box X,Y,W,H or --mark PICTURE.png"
)
SHORT = "too few frames to tell a mark from the scene; give --box X,Y,W,H or --mark PICTURE.png"


@dataclass(frozen=True, eq=False)
class Place:
    """A candidate with its presence in every kept picture, bool [num_pictures]."""

    candidate: Candidate
    on: NDArray[np.bool_]
    usual: float

    @property
    def share(self) -> float:
        return float(self.on.mean())


def detect_marks(
    samples: Iterable[LumaSample], *, platform: Platform | None = None, within: TimeRange = TimeRange()
) -> Detection:
    """Find the marks in a video from a few frames a second.

    Args:
        samples: in order of time, of one size; looked at once.
        platform: where the video came from; weighs places, never invents one.
        within: samples outside are not looked at.
    """
    seen = record(sample for sample in samples if sample.seconds in within)
    if seen is None:
        return Detection((), (TimeRange(),), SHORT)
    if len(seen.windows) < 3:
        return Detection((), seen.shots, SHORT)
    votes = vote([window.field for window in seen.windows], seen.shot_indices)
    if votes.num_scenes < LEAST_SCENES:
        return Detection((), seen.shots, STILL)
    lasting = _lasting(seen, votes)
    taken = [place.candidate.box for place in lasting]
    hopping = _hopping(seen, _places(seen, partial_candidates(seen, votes, taken)))
    groups = [[place] for place in lasting] + hopping
    tracks = [_track(seen, place, index) for index, group in enumerate(groups) for place in group]
    return Detection(tuple(tracks), seen.shots)


def _lasting(seen: Record, votes: Votes) -> list[Place]:
    """Marks that stay where they are for most of the video."""
    found = candidates(seen, np.ones(len(seen.windows), np.float32), votes.scene_change)
    strong = [c for c in found if c.peak >= LEAST_PEAK]
    again = [again for c in strong if (again := reweighted(seen, votes.scene_change, c))]
    again = [c for c in again if c.isolation >= LEAST_ALONE]
    isolation = min(1.0, sum(c.isolation for c in again))
    kept = [c for c in again if c.peak >= LEAST_PEAK and c.peak + isolation >= LEAST_STRENGTH]
    return [place for place in _places(seen, kept) if place.share >= LEAST_SHARE]


def _places(seen: Record, found: list[Candidate]) -> list[Place]:
    answers, salience = responses(seen.pictures, [(c.box, c.template) for c in found])
    usual = np.percentile(answers, 90, axis=0) if found else np.zeros(0)
    return [
        Place(candidate, is_on(answers[:, index], salience[:, index], usual[index]), float(usual[index]))
        for index, candidate in enumerate(found)
    ]


def _hopping(seen: Record, places: list[Place]) -> list[list[Place]]:
    """Groups of places that are one mark, or single places that hold one for most of the video."""
    accepted = []
    left = list(places)
    while left:
        group = _group(left)
        left = [place for place in left if not any(place is member for member in group)]
        group = group + _searched(seen, group)
        union = np.any([place.on for place in group], axis=0)
        if union.mean() >= LEAST_SHARE:
            accepted.append(group)
    return accepted


def _group(places: list[Place]) -> list[Place]:
    group = [places[0]]
    for place in places[1:]:
        same = any(likeness(place.candidate.template, member.candidate.template) >= LIKE for member in group)
        if same and all(exclusive(place.on, member.on) for member in group):
            group.append(place)
    return group


def _searched(seen: Record, group: list[Place]) -> list[Place]:
    """More places of a mark, found by its template in the windows where no known place holds it."""
    best = max(group, key=lambda place: place.candidate.peak * place.share).candidate
    seconds = np.array([picture.seconds for picture in seen.pictures])
    found: list[Place] = []
    for _ in range(3):
        union = np.any([place.on for place in [*group, *found]], axis=0)
        free = np.array([i for i, w in enumerate(seen.windows) if not union[np.argmin(np.abs(seconds - w.start_seconds))]], int)
        if len(free) < 2:
            break
        box, fit = search(seen, best.template, free)
        place = _places(seen, [replace(best, box=box)])[0]
        if fit < LEAST_FIT or not _fills(place, union):
            break
        found.append(place)
    return found


def _fills(place: Place, union: NDArray[np.bool_]) -> bool:
    """Whether a place holds the mark while the known places do not, and for long enough."""
    return exclusive(place.on, union) and np.count_nonzero(place.on & ~union) >= max(3, LEAST_FILL * len(union))


def _track(seen: Record, place: Place, mark_index: int) -> Track:
    seconds = np.array([picture.seconds for picture in seen.pictures])
    box = _full_size(place.candidate.box, seen)
    return Track(box, ranges(place.on, seconds), min(1.0, place.candidate.peak), mark_index=mark_index)


def _full_size(box: Box, seen: Record) -> Box:
    height, width = seen.mean_luma.shape
    small_height, small_width = seen.windows[0].field.shape[1:]
    x, y = width / small_width, height / small_height
    return Box(int(box.x0 * x), int(box.y0 * y), int(-(-box.x1 * x // 1)), int(-(-box.y1 * y // 1)))
