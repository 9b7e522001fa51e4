"""Patterns that are there only at times: candidates from hypotheses about when."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.candidates import STRONG, Candidate, Patch, groups, peak_of, reweighted, template_of
from blanklogo.detection.pairs import evidence_map, signed_weights
from blanklogo.detection.record import Record
from blanklogo.detection.seeds import seeds
from blanklogo.detection.votes import Votes
from blanklogo.types import Box

NEAR_PX = 32
LEAST_PEAK = 0.65
LEAST_ISOLATION = 0.4
LEAST_LIKENESS = 0.45
MAX_TRIALS = 12
RECURRING_BONUS = 0.3  # recurring patterns are tried first


def partial_candidates(record: Record, votes: Votes, taken: list[Box]) -> list[Candidate]:
    """Lone patterns that are there in some windows, away from taken boxes, strongest first."""
    found: list[Candidate] = []
    rated = sorted(_rated(record, votes, taken), key=lambda item: -item[0])
    for _, box, template in rated[:MAX_TRIALS]:
        known = [*taken, *(other.box for other in found)]
        if any(other.intersection(box) for other in known):
            continue
        candidate = reweighted(record, votes.scene_change, box, template, LEAST_LIKENESS)
        if candidate is None or any(other.intersection(candidate.box) for other in known):
            continue
        if candidate.peak >= LEAST_PEAK and candidate.isolation >= LEAST_ISOLATION:
            found.append(candidate)
    return found


def _rated(record: Record, votes: Votes, taken: list[Box]) -> Iterator[tuple[float, Box, NDArray[np.float32]]]:
    """(rank, box, template) of the patterns near the seeds."""
    height, width = record.windows[0].field.shape[1:]
    every = np.arange(len(record.windows))
    for seed in seeds(votes, taken):
        weights = signed_weights(record.fields(every, *seed.box.slices), seed.presence)
        if np.percentile(evidence_map(record, weights, votes.scene_change, seed.box), 97) < STRONG:
            continue  # cheap to see, and most seeds end here
        near = seed.box.dilated(NEAR_PX, width, height)
        evidence = evidence_map(record, weights, votes.scene_change, near)
        parts = [part for part in groups(evidence > STRONG) if peak_of(evidence, part) >= LEAST_PEAK]
        if parts:
            best = max(parts, key=lambda part: np.count_nonzero(part.pixels))
            rank = peak_of(evidence, best) + RECURRING_BONUS * (num_runs(seed.presence > 0) > 1)
            box = best.box
            place = Box(box.x0 + near.x0, box.y0 + near.y0, box.x1 + near.x0, box.y1 + near.y0)
            yield rank, place, template_of(record, weights, Patch(place, best.pixels))


def num_runs(on: NDArray[np.bool_]) -> int:
    """How often it comes."""
    return int(on[0]) + int(np.count_nonzero(on[1:] & ~on[:-1]))
