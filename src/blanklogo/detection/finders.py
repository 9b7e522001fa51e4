"""Networks as finders: our own, which is shown statistics, and any YOLO export, which is shown frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.classifier import Classifier
from blanklogo.detection.glances import Scored
from blanklogo.detection.statistics import NUM_CHANNELS
from blanklogo.errors import ModelError
from blanklogo.models.batches import OnShrink
from blanklogo.models.ports import Session
from blanklogo.models.yolo import Keep, YoloDetector
from blanklogo.models.yolo_output import Candidates, Layout, Reading, decoded, kept

GRID_PX = 32  # both sides of what our network is shown are multiples of it
LEAST_SCORE = 0.2  # of a box in one window; what several windows say is weighed later
LEAST_PROPOSED, MOST_PROPOSED = 0.07, 6  # score of a place that the classifier looks at, and how many it does
NUM_BOX_ROWS = 5  # of our network's output: four for the box, one for how sure a mark is
SAME_OVERLAP = 0.4
LETTERING = 1  # of the classes that our network tells
INPUT_NAME = "statistics"  # of our own network's files: how they are told from a YOLO export

_READING = Reading(Layout.CLASSES, features_first=True)


class StatisticsFinder:
    """Our own network, and the one that looks closer at what it proposes. Threads may share one."""

    wants_colour = False
    is_general = True

    def __init__(self, session: Session, classifier: Classifier | None = None) -> None:
        self._session = session
        self._classifier = classifier

    def __call__(self, pictures: Sequence[NDArray[np.uint8]]) -> list[list[Scored]]:
        """Boxes in statistics, uint8 [3, h, w] each. Raises ProcessingError, MemoryLimitError: as `Session.run`."""
        return [self._found(picture) for picture in pictures]

    def proposed(self, picture: NDArray[np.uint8]) -> list[Scored]:
        """Every place in statistics, uint8 [3, h, w], that could be a mark, unsurely as it may be; the surest first."""
        return _proposed(self._rows(picture), picture)

    def _found(self, picture: NDArray[np.uint8]) -> list[Scored]:
        rows = self._rows(picture)
        found = _scored(kept(decoded(rows, _READING), LEAST_SCORE, SAME_OVERLAP), picture)
        if self._classifier is None:
            return found
        marks = [one for one in self._classifier(picture, _proposed(rows, picture)) if one.score >= LEAST_SCORE]
        return [*marks, *(one for one in found if one.is_lettering)]

    def _rows(self, picture: NDArray[np.uint8]) -> NDArray[np.float32]:
        """cx, cy, w, h, the score of a mark and that of lettering, [6, N]."""
        height, width = picture.shape[1:]
        padded = np.zeros((1, NUM_CHANNELS, -(-height // GRID_PX) * GRID_PX, -(-width // GRID_PX) * GRID_PX), np.uint8)
        padded[0, :, :height, :width] = picture
        (output,) = self._session.run(padded)
        return np.asarray(output[0], np.float32)


def _proposed(rows: NDArray[np.float32], picture: NDArray[np.uint8]) -> list[Scored]:
    return _scored(kept(decoded(rows[:NUM_BOX_ROWS], _READING), LEAST_PROPOSED, SAME_OVERLAP), picture)[:MOST_PROPOSED]


def _scored(best: Candidates, picture: NDArray[np.uint8]) -> list[Scored]:
    """Boxes within the picture."""
    height, width = picture.shape[1:]
    low, high = np.zeros(4), np.array([width, height, width, height])
    boxes = [np.clip(box, low, high).tolist() for box in best.boxes]
    return [
        Scored((x0, y0, x1, y1), float(score), kind == LETTERING)
        for (x0, y0, x1, y1), score, kind in zip(boxes, best.scores, best.class_indices, strict=True)
        if x1 - x0 >= 1 and y1 - y0 >= 1
    ]


class PictureFinder:
    """Any YOLO detector; whatever classes it has, all of them are marks. Threads may share one.

    Raises:
        ModelError: the network is no detector.
    """

    wants_colour = True
    is_general = False

    def __init__(self, session: Session, on_shrink: OnShrink | None = None) -> None:
        self._detector = YoloDetector(session, Keep(LEAST_SCORE, SAME_OVERLAP), on_shrink=on_shrink)

    def __call__(self, pictures: Sequence[NDArray[np.uint8]]) -> list[list[Scored]]:
        """Boxes in frames, R'G'B' uint8 [h, w, 3] each. Raises as `YoloDetector.find`."""
        found = self._detector.find(pictures)
        return [
            [Scored((one.box.x0, one.box.y0, one.box.x1, one.box.y1), one.score) for one in boxes] for boxes in found
        ]


def finder_of(
    session: Session, on_shrink: OnShrink | None = None, classifier: Classifier | None = None
) -> StatisticsFinder | PictureFinder:
    """The finder that fits a network, told by its input.

    Args:
        on_shrink: told when memory ran out and a batch was halved.
        classifier: looks closer at what a network of our own proposes; None: nobody does.

    Raises:
        ModelError: it fits neither.
    """
    if len(session.inputs) == 1 and session.inputs[0].name == INPUT_NAME:
        if session.inputs[0].dtype != "uint8":
            raise ModelError(f"{session.name} takes {session.inputs[0]}", accepted="statistics as uint8 [B, 3, H, W]")
        return StatisticsFinder(session, classifier)
    return PictureFinder(session, on_shrink)
