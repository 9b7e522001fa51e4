"""Marks that stay where they are for most of the video, the same picture throughout."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from blanklogo.detection.candidates import Candidate, candidates, reweighted
from blanklogo.detection.constancy import is_constant
from blanklogo.detection.hops import is_mark
from blanklogo.detection.places import Place, places
from blanklogo.detection.priors import bonus
from blanklogo.detection.record import Record
from blanklogo.detection.rims import with_rim
from blanklogo.detection.votes import Votes
from blanklogo.types import Box, Platform

LEAST_PEAK = 0.55
LEAST_ISOLATION = 0.45
LEAST_STRENGTH = 1.5  # peak plus isolation; the best of moving scenes reaches 1.2


@dataclass(frozen=True, eq=False)
class Lasting:
    """What stays where it is.

    Attributes:
        marks: the same picture throughout.
        captions: places that keep their lines only, as captions do.
        is_partly_still: whether something else was as persistent as a mark but not as lone.
    """

    marks: list[Place]
    captions: list[Place]
    is_partly_still: bool

    @property
    def boxes(self) -> list[Box]:
        """What needs no other explanation, in px of the shrunk picture."""
        return [place.box for place in (*self.marks, *self.captions)]


def lasting(record: Record, votes: Votes, platform: Platform | None) -> Lasting:
    """The marks that stay, and what was set aside."""
    every = np.ones(len(record.windows), np.float32)
    found = [c for c in candidates(record, every, votes.scene_change) if c.peak >= LEAST_PEAK]
    lone = [c for c in found if c.isolation >= LEAST_ISOLATION / 2]
    again = [reweighted(record, votes.scene_change, c.box, c.template) for c in lone]
    kept = [c for c in again if c is not None and _is_strong(c, record, platform)]
    marks, captions = [], []
    for place in places(record, kept):
        if is_mark([place]):
            (marks if is_constant(record, votes.scene_change, [place]) else captions).append(place)
    whole = [replace(place, candidate=with_rim(record, votes.scene_change, place.candidate)) for place in marks]
    return Lasting(whole, captions, len(kept) < len(found))


def _is_strong(candidate: Candidate, record: Record, platform: Platform | None) -> bool:
    strength = candidate.peak + candidate.isolation + bonus(platform, candidate.box, record.small_size_px)
    return candidate.isolation >= LEAST_ISOLATION and strength >= LEAST_STRENGTH
