"""A second network's closer look at each place that the first one proposes: a mark, or what only looks like one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.crops import crop
from blanklogo.detection.glances import Scored
from blanklogo.errors import LoadError
from blanklogo.models.ports import Session


class Classifier:
    """Scores places by one session; threads may share one.

    Raises:
        LoadError: the session's network has another signature.
    """

    def __init__(self, session: Session) -> None:
        found = [(port.name, port.dtype) for port in session.inputs]
        if found != [("crops", "uint8"), ("scores", "float32")]:
            raise LoadError(
                f"{session.name} takes {', '.join(map(str, session.inputs))}",
                accepted="crops: uint8 [B, 4, 96, 192] and scores: float32 [B]",
            )
        self._session = session

    def __call__(self, statistics: NDArray[np.uint8], places: Sequence[Scored]) -> list[Scored]:
        """The places with the scores that they have in both networks' eyes.

        Args:
            statistics: of the window, uint8 [3, h, w].
            places: with the first network's scores.

        Raises:
            ProcessingError, MemoryLimitError: the network failed.
        """
        if not places:
            return []
        crops = np.stack([crop(statistics, place.corners) for place in places])
        (scores,) = self._session.run(crops, np.array([place.score for place in places], np.float32))
        return [replace(place, score=float(score)) for place, score in zip(places, scores, strict=True)]
