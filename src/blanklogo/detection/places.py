"""A candidate together with its presence in every kept picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.candidates import Candidate
from blanklogo.detection.presence import is_on, responses
from blanklogo.detection.record import Record
from blanklogo.types import Box

USUAL_PERCENTILE = 90  # a mark that is there a tenth of the time still sets its usual response


@dataclass(frozen=True, eq=False)
class Place:
    """Attributes:
    candidate: the pattern.
    on: whether it is there, bool [num_pictures].
    usual: its response where it is there, in [0, 1].
    """

    candidate: Candidate
    on: NDArray[np.bool_]
    usual: float

    @property
    def box(self) -> Box:
        return self.candidate.box

    @property
    def share(self) -> float:
        """Of the pictures that hold it."""
        return float(self.on.mean())


def places(record: Record, found: list[Candidate]) -> list[Place]:
    """The candidates with their presence, measured in one pass over the kept pictures."""
    if not found:
        return []
    answers, salience = responses(record.pictures, [(candidate.box, candidate.template) for candidate in found])
    usual = np.percentile(answers, USUAL_PERCENTILE, axis=0)
    return [
        Place(candidate, is_on(answers[:, index], salience[:, index], usual[index]), float(usual[index]))
        for index, candidate in enumerate(found)
    ]


def union(group: list[Place]) -> NDArray[np.bool_]:
    """Whether any of the places holds its pattern, bool [num_pictures]."""
    return np.any([place.on for place in group], axis=0)


def exclusive(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> bool:
    """Whether two presences hardly overlap: in at most a tenth of the shorter one, or one picture."""
    both = int(np.count_nonzero(first & second))
    return both <= max(1.0, 0.1 * min(int(np.count_nonzero(first)), int(np.count_nonzero(second))))
