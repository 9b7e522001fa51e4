"""How well the classifier tells marks among the detector's places in held-out windows: recall by false alarms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.classifier import Classifier
from blanklogo.detection.glances import Scored
from blanklogo.models.session import load_session
from training.classifier.proposals import Proposals, load_proposals
from training.detector.batches import Shard, load_shard
from training.detector.evaluate import SAME_OVERLAP, overlaps
from training.detector.windows import MARK

FALSE_SHARES = (0.0, 0.02, 0.05, 0.1)


@dataclass(frozen=True)
class Figures:
    """Attributes:
    false_share: of the windows without a mark, those that have a place over the threshold.
    by_detector, by_both: share of the marks found at that threshold, by the detector's score and by the classifier's.
    """

    false_share: float
    by_detector: float
    by_both: float


def evaluate(model: Path, data: Path) -> list[Figures]:
    """Figures over every shard in `data` and its proposals, one for each of `FALSE_SHARES`."""
    classifier = Classifier(load_session(model))
    tables = [_table(classifier, load_shard(path), load_proposals(path)) for path in sorted(data.glob("windows*.npz"))]
    marks, alarms = (np.concatenate(part) for part in zip(*tables, strict=True))
    return [Figures(share, *(_recall(marks[:, k], alarms[:, k], share) for k in (0, 1))) for share in FALSE_SHARES]


def _table(
    classifier: Classifier, shard: Shard, proposals: Proposals
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each mark, and of each window without one, the best score by the detector and by both, [n, 2]."""
    marks, alarms = [], []
    for index, picture in enumerate(shard.statistics):
        boxes = proposals.boxes[proposals.windows == index]
        places = [Scored((x0, y0, x1, y1), score) for x0, y0, x1, y1, score in boxes.tolist()]
        scores = np.array([(a.score, b.score) for a, b in zip(places, classifier(picture, places), strict=True)])
        truth = shard.boxes[index][shard.kinds[index] == MARK]
        hits = overlaps(truth, boxes) >= SAME_OVERLAP
        marks += [_best(scores, hit) for hit in hits]
        if not len(truth):
            alarms.append(_best(scores, np.ones(len(places), bool)))
    return np.array(marks).reshape(-1, 2), np.array(alarms).reshape(-1, 2)


def _best(scores: NDArray[np.float64], which: NDArray[np.bool_]) -> NDArray[np.float64]:
    return scores[which].max(0) if which.any() else np.zeros(2)


def _recall(marks: NDArray[np.float64], alarms: NDArray[np.float64], false_share: float) -> float:
    """Share of the marks over the lowest threshold that so many windows at most are over."""
    threshold = np.sort(alarms)[::-1][min(int(false_share * len(alarms)), len(alarms) - 1)] if len(alarms) else 0.0
    return float((marks > threshold).mean()) if len(marks) else 0.0
