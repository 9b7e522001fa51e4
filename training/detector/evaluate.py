"""How well the exported detector finds marks in single windows: recall, precision, false alarms by threshold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from training.detector.batches import Shard, load_shard
from training.detector.windows import MARK

SAME_OVERLAP = 0.5
NMS_OVERLAP = 0.4
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


@dataclass(frozen=True)
class Figures:
    """Attributes:
    threshold: of the score.
    recall: share of the marks found at an overlap of 0.5.
    precision: share of the boxes that are marks.
    false_share: share of the windows without a mark in which one was found.
    """

    threshold: float
    recall: float
    precision: float
    false_share: float


def evaluate(model: Path, data: Path) -> list[Figures]:
    """Figures over every shard in `data`, one for each threshold."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    counts = np.zeros((len(THRESHOLDS), 5))
    for path in sorted(data.glob("windows*.npz")):
        shard = load_shard(path)
        for index, (boxes, kinds) in enumerate(zip(shard.boxes, shard.kinds, strict=True)):
            counts += _counts(_found(session, shard, index), boxes[kinds == MARK])
    return [_figures(threshold, row) for threshold, row in zip(THRESHOLDS, counts, strict=True)]


def _found(session: onnxruntime.InferenceSession, shard: Shard, index: int) -> NDArray[np.float32]:
    """Rows x0, y0, x1, y1, score, best first, those that overlap a better one left out."""
    (answer,) = session.run(None, {"statistics": shard.statistics[index : index + 1]})
    rows = np.asarray(answer)[0].T
    rows = rows[rows[:, 4] >= THRESHOLDS[0]]
    rows = rows[np.argsort(-rows[:, 4])][:200]
    boxes = np.column_stack([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2, rows[:, 4]])
    kept: list[NDArray[np.float32]] = []
    for box in boxes:
        if not kept or overlaps(box[None], np.array(kept)).max() < NMS_OVERLAP:
            kept.append(box)
    return np.array(kept, np.float32).reshape(-1, 5)


def overlaps(first: NDArray, second: NDArray) -> NDArray[np.float32]:
    """Intersection over union of every box of one table with every one of another, [n, m]."""
    corners = np.maximum(first[:, None, :2], second[None, :, :2]), np.minimum(first[:, None, 2:4], second[None, :, 2:4])
    common = np.clip(corners[1] - corners[0], 0, None).prod(2)
    areas = [(boxes[:, 2:4] - boxes[:, :2]).prod(1) for boxes in (first, second)]
    return common / np.maximum(areas[0][:, None] + areas[1][None] - common, 1e-6)


def _counts(found: NDArray[np.float32], truth: NDArray[np.float32]) -> NDArray[np.float64]:
    """For each threshold: marks, marks found, boxes, windows without a mark, those of them with a box."""
    rows = []
    for threshold in THRESHOLDS:
        boxes = found[found[:, 4] >= threshold]
        hits = int((overlaps(truth, boxes) >= SAME_OVERLAP).any(1).sum()) if len(truth) and len(boxes) else 0
        rows.append((len(truth), hits, len(boxes), len(truth) == 0, len(truth) == 0 and len(boxes) > 0))
    return np.array(rows, np.float64)


def _figures(threshold: float, row: Sequence[float]) -> Figures:
    marks, hits, boxes, empty, alarms = row
    return Figures(threshold, hits / max(marks, 1), hits / max(boxes, 1), alarms / max(empty, 1))
