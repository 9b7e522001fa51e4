"""A second network's closer look at each place that the first one proposes: a mark, or what only looks like one.

Where it is a mark, its outline is corrected: a place that is proposed may hold a part of it, or too much around it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.crops import Corners, crop
from blanklogo.detection.glances import Scored
from blanklogo.errors import LoadError
from blanklogo.models.batches import Batches, Shrunk
from blanklogo.models.ports import Session

PLACES_AT_ONCE = 12


class Classifier:
    """Scores places by one session; threads may share one.

    Raises:
        LoadError: the session's network has another signature.

    Args:
        on_shrink: told when memory ran out and a batch was halved.
    """

    def __init__(self, session: Session, on_shrink: Callable[[Shrunk], object] | None = None) -> None:
        taken = [(port.name, port.dtype) for port in session.inputs]
        given = [port.name for port in session.outputs]
        if (taken, given) != ([("crops", "uint8"), ("scores", "float32")], ["marks", "corners"]):
            inputs, outputs = (", ".join(map(str, ports)) for ports in (session.inputs, session.outputs))
            raise LoadError(
                f"{session.name} takes {inputs} and gives {outputs}",
                accepted="crops: uint8 [B, 4, 96, 192] and scores: float32 [B] to marks: [B] and corners: [B, 4]",
            )
        self._batches = Batches(session, PLACES_AT_ONCE, on_shrink)

    def __call__(self, statistics: NDArray[np.uint8], places: Sequence[Scored]) -> list[Scored]:
        """The places with the scores and the outlines that they have in both networks' eyes, in the same order.

        Args:
            statistics: of the window, uint8 [3, h, w].
            places: with the first network's scores.

        Raises:
            ProcessingError, MemoryLimitError: the network failed.
        """
        if not places:
            return []
        crops = [crop(statistics, place.corners) for place in places]
        items = ((one.pixels, np.array(place.score, np.float32)) for one, place in zip(crops, places, strict=True))
        told = self._batches.run(items)
        return [
            Scored(_within(statistics, one.outside(tuple(box.tolist()))), float(score))
            for one, (score, box) in zip(crops, told, strict=True)
        ]


def _within(statistics: NDArray[np.uint8], corners: Corners) -> Corners:
    """A box cut off at the window's rim, a pixel high and wide at least."""
    height, width = statistics.shape[1:]
    x0, y0 = min(max(corners[0], 0.0), width - 1.0), min(max(corners[1], 0.0), height - 1.0)
    return x0, y0, max(min(corners[2], float(width)), x0 + 1), max(min(corners[3], float(height)), y0 + 1)
