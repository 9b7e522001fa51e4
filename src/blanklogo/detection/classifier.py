"""A second network's closer look at each place that the first one proposes: a mark, or what only looks like one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.crops import crop
from blanklogo.detection.glances import Scored
from blanklogo.errors import LoadError
from blanklogo.models.batches import Batches, OnShrink
from blanklogo.models.ports import Session

PLACES_AT_ONCE = 6


class Classifier:
    """Scores places by one session; threads may share one.

    Args:
        session: of the network.
        on_shrink: told when memory ran out and a batch was halved.

    Raises:
        LoadError: the session's network has another signature.
    """

    def __init__(self, session: Session, on_shrink: OnShrink | None = None) -> None:
        found = [(port.name, port.dtype) for port in session.inputs]
        if found != [("crops", "uint8"), ("scores", "float32")]:
            raise LoadError(
                f"{session.name} takes {', '.join(map(str, session.inputs))}",
                accepted="crops: uint8 [B, 4, 96, 192] and scores: float32 [B]",
            )
        self._batches = Batches(session, PLACES_AT_ONCE, on_shrink)

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
        items = ((crop(statistics, place.corners), np.array(place.score, np.float32)) for place in places)
        told = self._batches.run(items)
        return [replace(place, score=float(score)) for place, (score,) in zip(places, told, strict=True)]
