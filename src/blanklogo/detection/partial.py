"""Patterns that are there only at times: candidates from hypotheses about when."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.candidates import Candidate, candidates, groups, reweighted
from blanklogo.detection.pairs import evidence_map, signed_weights
from blanklogo.detection.record import Record
from blanklogo.detection.seeds import Seed, seeds
from blanklogo.detection.votes import Votes
from blanklogo.types import Box

NEAR_PX = 24
LEAST_PEAK = 0.65
LEAST_ISOLATION = 0.4
LEAST_LIKENESS = 0.45
MAX_CANDIDATES = 8
MAX_TRIALS = 16
RECURRING_BONUS = 0.3  # recurring patterns are tried first


def partial_candidates(record: Record, votes: Votes, taken: list[Box]) -> list[Candidate]:
    """Lone patterns that are there in some windows, strongest first."""
    found: list[Candidate] = []
    rated = sorted(_rated(record, votes, taken), key=lambda item: -item[0])
    for _, seed, weights in rated[:MAX_TRIALS]:
        if len(found) == MAX_CANDIDATES or any(other.box.intersection(seed.box) for other in found):
            continue
        best = max(candidates(record, weights, votes.scene_change, seed.box), key=lambda c: c.peak, default=None)
        again = best and reweighted(record, votes.scene_change, best, LEAST_LIKENESS)
        if again and again.peak >= LEAST_PEAK and again.isolation >= LEAST_ISOLATION:
            found.append(again)
    return found


def _rated(record: Record, votes: Votes, taken: list[Box]) -> Iterator[tuple[float, Seed, NDArray[np.float32]]]:
    """(peak of the evidence near it, seed, weights) of the seeds that show a strong pattern."""
    height, width = record.windows[0].field.shape[1:]
    every = np.arange(len(record.windows))
    for seed in seeds(votes, taken):
        weights = signed_weights(record.fields(every, *seed.box.slices), seed.presence)
        evidence = evidence_map(record, weights, votes.scene_change, seed.box.dilated(NEAR_PX, width, height))
        peak = max((float(np.percentile(evidence[part], 90)) for part in groups(evidence > 0.35)), default=0.0)
        if peak >= LEAST_PEAK:
            yield peak + RECURRING_BONUS * (num_runs(seed.presence > 0) > 1), seed, weights


def num_runs(on: NDArray[np.bool_]) -> int:
    """How often it comes."""
    return int(on[0]) + int(np.count_nonzero(on[1:] & ~on[:-1]))
