"""Marks that stay where they are for most of the video, the same picture throughout."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from blanklogo.detection.candidates import Candidate, candidates, reweighted
from blanklogo.detection.constancy import is_constant
from blanklogo.detection.hops import is_mark
from blanklogo.detection.places import Place, places
from blanklogo.detection.priors import bonus
from blanklogo.detection.record import Record
from blanklogo.detection.rims import with_rim
from blanklogo.detection.votes import Votes
from blanklogo.types import Platform

LEAST_PEAK = 0.55
LEAST_ISOLATION = 0.45
LEAST_STRENGTH = 1.5  # peak plus isolation; the best of moving scenes reaches 1.2


def lasting(record: Record, votes: Votes, platform: Platform | None) -> tuple[list[Place], bool]:
    """The marks, and whether something else was as persistent as a mark but not as lone."""
    every = np.ones(len(record.windows), np.float32)
    found = [c for c in candidates(record, every, votes.scene_change) if c.peak >= LEAST_PEAK]
    lone = [c for c in found if c.isolation >= LEAST_ISOLATION / 2]
    again = [reweighted(record, votes.scene_change, c.box, c.template) for c in lone]
    kept = [c for c in again if c is not None and _is_strong(c, record, platform)]
    staying = [place for place in places(record, kept) if is_mark([place])]
    marks = [place for place in staying if is_constant(record, votes.scene_change, [place])]
    whole = [replace(place, candidate=with_rim(record, votes.scene_change, place.candidate)) for place in marks]
    return whole, len(kept) < len(found)


def _is_strong(candidate: Candidate, record: Record, platform: Platform | None) -> bool:
    strength = candidate.peak + candidate.isolation + bonus(platform, candidate.box, record.small_size_px)
    return candidate.isolation >= LEAST_ISOLATION and strength >= LEAST_STRENGTH
