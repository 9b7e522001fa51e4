"""What a YOLO network's output means: its layout told by rules, its rows turned into boxes.

Four layouts are in use (P, Q: the last two sides; N rows, C classes; px of the network's input):

===========  ==========  ==========================================  ==============================================
layout       shape       a row                                       written by
===========  ==========  ==========================================  ==============================================
`OBJECT`     [N, 5+C]    cx, cy, w, h, object, class scores          YOLOv5, v6, v7; score = object times class
`CLASSES`    [4+C, N]    cx, cy, w, h, class scores                  YOLOv8, v9, v11, v12, and BlankLogo's own
`FINAL`      [N, 6]      x0, y0, x1, y1, score, class                YOLOv10, YOLO26, any export with `nms=True`
===========  ==========  ==========================================  ==============================================

The first two are read in both orientations. The rules, in their order:

1. A caller that names the layout is believed, if the shape allows it.
2. An exporter that says that its output is final (`end2end` or `nms` in the metadata) is believed: `FINAL`.
3. Six columns, and a number of rows that is no grid of the input: `FINAL`. A grid has one row (v8 and its heirs, v6) or
   three (v5, v7) for each cell of 8, 16 and 32 px; networks with a coarser (64) or a finer (4) level are known too.
   No such grid has the 100, 300 or 1000 rows that are usual for `FINAL`: they are multiples of 21 or 85.
4. The features lie along the side that fits the known number of classes (4+C or 5+C); where that is not known, or both
   sides fit, along the shorter one.
5. A known number of classes then tells 4+C from 5+C.
6. Without it, three rows a cell are `OBJECT`. One row a cell is `CLASSES` if the features come first, as only its
   exporters write them. So are features first of any number of rows.
7. What is left (rows first, one a cell or no grid, classes not known: v6 and a transposed v8 look alike) is an error
   that asks for the number of classes or the layout.

Source: Ultralytics, "End-to-end detection" and its exporter's metadata; the exporters of YOLOv5, v6 and v7.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from blanklogo.errors import ModelError
from blanklogo.types.arrays import Values

_GRID_LEVELS_PX = ((8, 16, 32), (8, 16, 32, 64), (4, 8, 16, 32))
_SCORE_SLACK = 1e-2  # over 1: float16 keeps three digits of a score
_MOST_CANDIDATES = 1000  # by score; the table of their overlaps has the square of it


class Layout(StrEnum):
    """How an output is laid out; see the module."""

    OBJECT = "object"
    CLASSES = "classes"
    FINAL = "final"


@dataclass(frozen=True)
class Reading:
    """How to read an output.

    Attributes:
        layout: what a row holds.
        features_first: whether the rows lie along the last side.
    """

    layout: Layout
    features_first: bool = False


@dataclass(frozen=True, eq=False)
class Candidates:
    """Boxes with scores, before any is dropped.

    Attributes:
        boxes: float32 [K, 4], x0, y0, x1, y1 in px of the network's input.
        scores: float32 [K], 0 to 1, of the best class.
        class_indices: int64 [K], from 0.
    """

    boxes: Values
    scores: Values
    class_indices: NDArray[np.int64]

    def __repr__(self) -> str:
        return f"Candidates({len(self.scores)})"

    def __getitem__(self, which: NDArray) -> Candidates:
        return Candidates(self.boxes[which], self.scores[which], self.class_indices[which])


def reading_of(
    shape: tuple[int, int],
    input_px: tuple[int, int],
    num_classes: int | None = None,
    is_final: bool = False,
    layout: Layout | None = None,
) -> Reading:
    """How to read an output, by the module's rules.

    Args:
        shape: [P, Q] of one picture's output.
        input_px: (width, height) of the network's input.
        num_classes: where it is known.
        is_final: whether the exporter said so.
        layout: where the caller knows.

    Raises:
        ModelError: the shape fits no layout, or fits several.
    """
    rows_per_cell = _rows_per_cell(shape, input_px)
    if layout is Layout.FINAL or (layout is None and is_final):
        return _final(shape)
    if layout is None and shape[1] == 6 and not rows_per_cell[0]:
        return Reading(Layout.FINAL)
    axis = _features_axis(shape, num_classes, layout)
    features = shape[axis]
    found = layout or _dense_layout(features, num_classes, rows_per_cell[1 - axis], axis == 0)
    if found is None or features < _num_fixed(found) + 1:
        raise _unknown(shape, num_classes)
    return Reading(found, features_first=axis == 0)


def _final(shape: tuple[int, int]) -> Reading:
    if shape[1] != 6:
        raise ModelError(
            f"a final output of {list(shape)}", accepted="[boxes, 6]: x0, y0, x1, y1, score, class", hint="task detect"
        )
    return Reading(Layout.FINAL)


def _rows_per_cell(shape: tuple[int, int], input_px: tuple[int, int]) -> tuple[int, int]:
    """For each side, how many rows a cell of the input's grid it would hold: 1, 3, or 0 for no grid."""
    width, height = input_px
    cells = [
        sum(-(-width // step) * -(-height // step) for step in levels_px)
        for levels_px in _GRID_LEVELS_PX
        if not (width % levels_px[-1] or height % levels_px[-1])
    ]
    first, second = (next((times for times in (1, 3) if side in [times * n for n in cells]), 0) for side in shape)
    return first, second


def _features_axis(shape: tuple[int, int], num_classes: int | None, layout: Layout | None) -> int:
    fixed = [_num_fixed(layout)] if layout else [4, 5]
    fitting = [axis for axis in (0, 1) if num_classes is not None and shape[axis] - num_classes in fixed]
    if len(fitting) == 1:
        return fitting[0]
    if shape[0] == shape[1] or (num_classes is not None and not fitting):
        raise _unknown(shape, num_classes)
    return int(shape[1] < shape[0])


def _dense_layout(features: int, num_classes: int | None, rows_per_cell: int, features_first: bool) -> Layout | None:
    if num_classes is not None:
        return Layout.CLASSES if features - num_classes == 4 else Layout.OBJECT
    if rows_per_cell == 3:
        return Layout.OBJECT
    return Layout.CLASSES if features_first else None


def _num_fixed(layout: Layout) -> int:
    return 5 if layout is Layout.OBJECT else 4


def _unknown(shape: tuple[int, int], num_classes: int | None) -> ModelError:
    known = "an unknown number of classes" if num_classes is None else f"{num_classes} classes"
    return ModelError(
        f"an output of {list(shape)} for {known} is no YOLO layout that can be told",
        accepted="[N, 5+C] (v5, v7), [4+C, N] (v8 and later), [N, 6] (end to end)",
        hint="say the number of classes and the layout (object, classes or final), or export with metadata",
    )


def decoded(output: NDArray, reading: Reading) -> Candidates:
    """The candidates in one picture's output [P, Q]. A pure function.

    Raises:
        ModelError: values that are no scores (logits, not a number).
    """
    rows = np.asarray(output.T if reading.features_first else output, np.float32)
    if reading.layout is Layout.FINAL:
        boxes, scores, classes = rows[:, :4], rows[:, 4], rows[:, 5].round()
    else:
        boxes = _corners(rows[:, :4])
        each = rows[:, 5:] * rows[:, 4:5] if reading.layout is Layout.OBJECT else rows[:, 4:]
        classes = each.argmax(axis=1)
        scores = each[np.arange(len(each)), classes]
    _check_scores(scores)
    return Candidates(boxes, scores, classes.astype(np.int64))


def _corners(centred: Values) -> Values:
    """cx, cy, w, h → x0, y0, x1, y1."""
    centre, half = centred[:, :2], centred[:, 2:] / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def _check_scores(scores: Values) -> None:
    if not len(scores) or (scores.min() >= -_SCORE_SLACK and scores.max() <= 1 + _SCORE_SLACK):
        return
    raise ModelError(
        f"scores from {scores.min():.3g} to {scores.max():.3g}",
        accepted="0 to 1",
        hint="export the network with its sigmoid (and in float32 if these are not numbers), or name its layout",
    )


def kept(found: Candidates, score_threshold: float, iou_threshold: float, class_aware: bool = True) -> Candidates:
    """Non-maximum suppression: of boxes that overlap by more than `iou_threshold`, the best; best first.

    Args:
        found: from `decoded`.
        score_threshold: candidates below are dropped first.
        iou_threshold: 0 to 1.
        class_aware: only boxes of one class suppress each other.
    """
    found = found[found.scores >= score_threshold]
    order = np.argsort(-found.scores, kind="stable")[:_MOST_CANDIDATES]
    found = found[order]
    overlapping = _ious(found.boxes) > iou_threshold
    if class_aware:
        overlapping &= found.class_indices[:, None] == found.class_indices
    is_kept = np.ones(len(order), bool)
    for index in range(len(order)):
        if is_kept[index]:
            is_kept[index + 1 :] &= ~overlapping[index, index + 1 :]
    return found[is_kept]


def _ious(boxes: Values) -> Values:
    """Intersection over union of each with each, [K, K]; 0 where both are empty."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    common = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = np.prod(np.clip(boxes[:, 2:] - boxes[:, :2], 0, None), axis=1)
    union = areas[:, None] + areas - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)
