"""Any YOLO detector that was exported to ONNX or TorchScript: pictures in, boxes out.

    detector = YoloDetector(open_session("marks.onnx"))
    for found in detector.find([picture])[0]:
        print(found.box, found.score, found.class_index)

Pictures are letterboxed to the network's fixed size. Where its size is free, the long side becomes the `imgsz` of its
metadata (640 where it has none), rounded up to the stride, and the other side as small as the stride allows. Preparing
(`models.letterbox`) and reading (`models.yolo_output`) stand apart, for networks that need one and not the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blanklogo.errors import ModelError, OptionError
from blanklogo.models.batches import Batches, Item, OnShrink
from blanklogo.models.letterbox import Letterbox, input_tensor, smallest_input_px
from blanklogo.models.ports import Session
from blanklogo.models.yolo_metadata import YoloMetadata, metadata_of
from blanklogo.models.yolo_output import Candidates, Layout, Reading, decoded, kept, reading_of
from blanklogo.types.arrays import Values
from blanklogo.types.geometry import Box

Picture = NDArray[np.uint8]
"""RGB [H, W, 3], 0 to 255."""


@dataclass(frozen=True)
class Found:
    """One thing that a detector found.

    Attributes:
        box: in px of the picture, inside it.
        score: 0 to 1.
        class_index: from 0.
    """

    box: Box
    score: float
    class_index: int


@dataclass(frozen=True)
class Keep:
    """Which of a detector's candidates are kept.

    Attributes:
        score_threshold: the least score, 0 to 1.
        iou_threshold: boxes of one class that overlap by more are one thing.
        class_indices: only these classes; None: all.
    """

    score_threshold: float = 0.25
    iou_threshold: float = 0.45
    class_indices: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not (0 <= self.score_threshold <= 1 and 0 <= self.iou_threshold <= 1):
            raise OptionError(
                f"thresholds {self.score_threshold} (score) and {self.iou_threshold} (overlap)", accepted="0 to 1"
            )


class YoloDetector:
    """A detector; threads may share one.

    Args:
        session: of a network with one input [B, 3, H, W] of RGB.
        keep: which candidates are kept.
        layout: of its output, where the rules of `models.yolo_output` cannot tell it.
        num_classes: where the file does not say.
        batch_size: pictures at once, at first.
        on_shrink: told when memory ran out and a batch was halved.

    Raises:
        ModelError: the network has another signature, or another task than to detect.
    """

    def __init__(
        self,
        session: Session,
        keep: Keep = Keep(),
        *,
        layout: Layout | None = None,
        num_classes: int | None = None,
        batch_size: int = 8,
        on_shrink: OnShrink | None = None,
    ) -> None:
        self._session = session
        self._keep = keep
        self._layout = layout
        self.metadata = metadata_of(session)
        self._num_classes = num_classes or self.metadata.num_classes
        self._fixed_px = _fixed_input_px(session, self.metadata)
        is_traced_for_one = session.inputs[0].shape is None and not self.metadata.is_dynamic
        self._batches = Batches(session, 1 if is_traced_for_one else batch_size, on_shrink)

    def find(self, pictures: Iterable[Picture]) -> list[tuple[Found, ...]]:
        """What is in each picture, best first.

        Raises:
            OptionError: an array is no RGB picture.
            ModelError: the output's layout cannot be told, or its scores are none.
            ProcessingError, MemoryLimitError: as `Session.run` and `Batches.run`.
        """
        places: list[Letterbox] = []
        outputs = self._batches.run(self._prepared(pictures, places))
        return [self._found(output, places[index]) for index, output in enumerate(outputs)]

    def _prepared(self, pictures: Iterable[Picture], places: list[Letterbox]) -> Iterator[Item]:
        """The network's inputs one by one; where each picture lies in its own goes into `places`."""
        for picture in pictures:
            if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
                raise OptionError(
                    f"a picture of {picture.dtype} {list(picture.shape)}", accepted="RGB uint8 [height, width, 3]"
                )
            height, width = picture.shape[:2]
            place = Letterbox(width, height, *self._input_px(width, height))
            places.append(place)
            yield (input_tensor([place.pictured(picture)], self._session.inputs[0].dtype)[0],)

    def _input_px(self, width: int, height: int) -> tuple[int, int]:
        return self._fixed_px or smallest_input_px(width, height, self.metadata.side_px, self.metadata.stride_px)

    def _found(self, outputs: Item, place: Letterbox) -> tuple[Found, ...]:
        output = _one_table(outputs, self._session.name)
        reading = reading_of(
            output.shape,
            (place.input_width_px, place.input_height_px),
            self._num_classes,
            self.metadata.is_final,
            self._layout,
        )
        return found_in(chosen(decoded(output, reading), reading, self._keep), place)


def chosen(candidates: Candidates, reading: Reading, keep: Keep) -> Candidates:
    """The candidates that are kept, best first. A final output's boxes suppress each other no more."""
    if keep.class_indices is not None:
        candidates = candidates[np.isin(candidates.class_indices, keep.class_indices)]
    return kept(candidates, keep.score_threshold, 1.0 if reading.layout is Layout.FINAL else keep.iou_threshold)


def found_in(candidates: Candidates, place: Letterbox) -> tuple[Found, ...]:
    """Candidates in px of the picture: rounded to the nearest, clipped; those outside are dropped."""
    boxes = place.to_picture(candidates.boxes)
    found = zip(boxes, candidates.scores, candidates.class_indices, strict=True)
    return tuple(
        Found(box, float(min(max(score, 0), 1)), int(class_index))
        for corners, score, class_index in found
        if (box := _clipped(corners, place.width_px, place.height_px))
    )


def _clipped(corners: Values, width_px: int, height_px: int) -> Box | None:
    """A box of at least one pixel, or None if it lies outside the picture or has no area."""
    x0, y0, x1, y1 = (float(corner) for corner in corners)
    if not (x0 < x1 and y0 < y1 and x0 < width_px and y0 < height_px and x1 > 0 and y1 > 0):
        return None
    left, top = min(max(round(x0), 0), width_px - 1), min(max(round(y0), 0), height_px - 1)
    return Box(left, top, max(min(round(x1), width_px), left + 1), max(min(round(y1), height_px), top + 1))


def _one_table(outputs: Item, name: str) -> NDArray:
    """The one output of [P, Q]; YOLOv5 exports its raw maps, of more sides, beside it."""
    tables = [output for output in outputs if output.ndim == 2]
    if len(tables) != 1:
        given = ", ".join(str(list(output.shape)) for output in outputs)
        raise ModelError(f"{name} gave {given} a picture", accepted="one table of boxes, [P, Q]")
    return tables[0]


def _fixed_input_px(session: Session, metadata: YoloMetadata) -> tuple[int, int] | None:
    """(width, height) of the network's input; None where it is free.

    A TorchScript archive says no shape: it was traced at `imgsz`, unless its metadata says that its sides are free.
    """
    port = session.inputs[0]
    if len(session.inputs) != 1 or port.dtype not in ("float32", "float16"):
        raise _no_detector(session)
    if port.shape is None:
        return None if metadata.is_dynamic else metadata.input_px
    if len(port.shape) != 4 or port.shape[1] not in (3, None):
        raise _no_detector(session)
    height, width = port.shape[2:]
    return (width, height) if width and height else None


def _no_detector(session: Session) -> ModelError:
    return ModelError(
        f"{session.name} takes {', '.join(map(str, session.inputs))}",
        accepted="a detector of RGB pictures: one input, float32 or float16 [batch, 3, height, width]",
    )
