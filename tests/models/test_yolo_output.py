"""YOLO outputs: their layouts told apart, their rows turned into boxes, the best of those kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stand_in_nets import cells

from blanklogo.errors import ModelError
from blanklogo.models.letterbox import Letterbox
from blanklogo.models.yolo import Keep, chosen, found_in
from blanklogo.models.yolo_output import Candidates, Layout, Reading, decoded, kept, reading_of
from blanklogo.types import Box

OBJECT, CLASSES, FINAL = Layout.OBJECT, Layout.CLASSES, Layout.FINAL

sizes = st.integers(1, 2000)
inputs = st.integers(1, 40).map(lambda steps: 32 * steps)
letterboxes = st.builds(Letterbox, sizes, sizes, inputs, inputs)

relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no error

# --- Layouts ---


def num_cells(width_px: int = 640, height_px: int = 640) -> int:
    return cells(width_px, height_px).shape[1]


@pytest.mark.parametrize(
    ("shape", "num_classes", "layout", "features_first"),
    [
        ((25200, 85), None, OBJECT, False),  # YOLOv5 and v7 on COCO
        ((25200, 85), 80, OBJECT, False),
        ((25200, 6), None, OBJECT, False),  # v5 of one class: six columns, but three rows a cell
        ((25200, 6), 1, OBJECT, False),
        ((85, 25200), None, OBJECT, True),
        ((84, 8400), None, CLASSES, True),  # v8, v9, v11, v12 on COCO
        ((84, 8400), 80, CLASSES, True),
        ((5, 8400), None, CLASSES, True),  # of one class
        ((6, 8400), None, CLASSES, True),  # of two: six rows, not columns
        ((6, 8400), 2, CLASSES, True),
        ((6, 8400), 1, OBJECT, True),  # a known class makes it the other
        ((8400, 84), 80, CLASSES, False),
        ((8400, 5), 1, CLASSES, False),
        ((8400, 6), 2, CLASSES, False),
        ((8400, 85), 80, OBJECT, False),  # YOLOv6
        ((300, 6), None, FINAL, False),  # YOLOv10, YOLO26
        ((300, 6), 80, FINAL, False),
        ((300, 6), 1, FINAL, False),
        ((3, 6), None, FINAL, False),  # NMS in the graph: as many rows as were found
        ((0, 6), None, FINAL, False),
        ((5, 77), None, CLASSES, True),  # no grid that is known
    ],
)
def test_a_layout_is_told_by_its_shape(
    shape: tuple[int, int], num_classes: int | None, layout: Layout, features_first: bool
) -> None:
    assert reading_of(shape, (640, 640), num_classes) == Reading(layout, features_first)


@pytest.mark.parametrize(
    ("shape", "num_classes"),
    [
        ((8400, 85), None),  # v6 of 80 classes or a transposed v8 of 81
        ((8400, 6), None),  # v6 of one or a transposed v8 of two
        ((1234, 20), None),
        ((84, 8400), 20),  # as many as neither side has
        ((116, 8400), 80),  # masks as well: a segmentation
        ((84, 84), None),
        ((4, 8400), None),  # no class at all
        ((300, 7), 15),  # rotated boxes
    ],
)
def test_what_cannot_be_told_is_an_error_that_says_what_to_say(shape: tuple[int, int], num_classes: int | None) -> None:
    with pytest.raises(
        ModelError, match=r"no YOLO layout that can be told.*try: say the number of classes and the layout"
    ):
        reading_of(shape, (640, 640), num_classes)


def test_the_caller_and_the_exporter_are_believed() -> None:
    assert reading_of((8400, 85), (640, 640), layout=OBJECT) == Reading(OBJECT)
    assert reading_of((8400, 85), (640, 640), layout=CLASSES) == Reading(CLASSES)
    assert reading_of((84, 8400), (640, 640), layout=CLASSES) == Reading(CLASSES, True)
    assert reading_of((8400, 6), (640, 640), is_final=True) == Reading(FINAL)
    assert reading_of((8400, 6), (640, 640), layout=FINAL) == Reading(FINAL)
    with pytest.raises(ModelError, match=r"a final output of \[300, 7\]"):
        reading_of((300, 7), (640, 640), is_final=True)


grids = st.tuples(st.integers(1, 30), st.integers(1, 30)).map(lambda steps: (32 * steps[0], 32 * steps[1]))


@relaxed
@given(grids, st.integers(1, 90))
def test_features_first_and_one_row_a_cell_is_always_of_classes(input_px: tuple[int, int], num_classes: int) -> None:
    num = num_cells(*input_px)
    if num > 4 + num_classes:  # a smaller grid than that is no detector's
        assert reading_of((4 + num_classes, num), input_px) == Reading(CLASSES, True)
        assert reading_of((4 + num_classes, num), input_px, num_classes) == Reading(CLASSES, True)
        assert reading_of((num, 4 + num_classes), input_px, num_classes) == Reading(CLASSES)


@relaxed
@given(grids, st.integers(1, 90))
def test_three_rows_a_cell_is_always_with_an_object(input_px: tuple[int, int], num_classes: int) -> None:
    num = 3 * num_cells(*input_px)
    if num > 5 + num_classes:
        assert reading_of((num, 5 + num_classes), input_px) == Reading(OBJECT)
        assert reading_of((5 + num_classes, num), input_px) == Reading(OBJECT, True)
        assert reading_of((num, 5 + num_classes), input_px, num_classes) == Reading(OBJECT)


@relaxed
@given(grids, st.sampled_from([100, 300, 1000]), st.integers(1, 90) | st.none())
def test_the_usual_numbers_of_final_rows_are_no_grid(
    input_px: tuple[int, int], num_rows: int, num_classes: int | None
) -> None:
    assert reading_of((num_rows, 6), input_px, num_classes) == Reading(FINAL)


# --- Rows into boxes ---

ROW_BOX = [40, 30, 20, 10]  # cx, cy, w, h
CORNERS = [30, 25, 50, 35]


@pytest.mark.parametrize(
    ("rows", "layout", "score", "class_index"),
    [
        ([[*ROW_BOX, 0.5, 0.2, 0.8]], OBJECT, 0.4, 1),
        ([[*ROW_BOX, 0.2, 0.8]], CLASSES, 0.8, 1),
        ([[*ROW_BOX, 0.8, 0.2]], CLASSES, 0.8, 0),
        ([[*CORNERS, 0.7, 3]], FINAL, 0.7, 3),
    ],
)
@pytest.mark.parametrize("features_first", [True, False])
def test_a_row_is_read(
    rows: list[list[float]], layout: Layout, score: float, class_index: int, features_first: bool
) -> None:
    output = np.array(rows, np.float16)
    found = decoded(output.T if features_first else output, Reading(layout, features_first))
    assert found.boxes.tolist() == [CORNERS]
    assert found.scores[0] == pytest.approx(score, abs=1e-3)  # float16
    assert found.class_indices.tolist() == [class_index]


@pytest.mark.parametrize("wrong", [3.0, -2.0, np.nan])
def test_logits_and_no_numbers_are_refused(wrong: float) -> None:
    with pytest.raises(ModelError, match="accepted: 0 to 1; try: export the network with its sigmoid"):
        decoded(np.array([[*ROW_BOX, 0.5], [*ROW_BOX, wrong]]), Reading(CLASSES))


def candidates(*rows: tuple[int, int, int, int, float, int]) -> Candidates:
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Candidates(table[:, :4], table[:, 4], table[:, 5].astype(int))


def test_of_boxes_that_overlap_the_best_is_kept() -> None:
    found = candidates((0, 0, 10, 10, 0.6, 0), (0, 0, 10, 9, 0.9, 0), (0, 5, 10, 15, 0.5, 0), (0, 0, 10, 10, 0.7, 1))
    assert kept(found, 0.1, 0.45).scores.tolist() == pytest.approx([0.9, 0.7, 0.5])  # the third overlaps by 0.27
    assert kept(found, 0.1, 0.2).scores.tolist() == pytest.approx([0.9, 0.7])
    assert kept(found, 0.1, 0.2, class_aware=False).scores.tolist() == pytest.approx([0.9])
    assert kept(found, 0.65, 1.0).scores.tolist() == pytest.approx([0.9, 0.7])
    assert kept(candidates(), 0.1, 0.45).scores.tolist() == []


def test_final_boxes_are_final_however_they_overlap() -> None:
    twins = candidates((0, 0, 10, 10, 0.9, 0), (0, 0, 10, 10, 0.8, 0), (0, 0, 10, 10, 0.1, 0))
    assert len(chosen(twins, Reading(FINAL), Keep()).scores) == 2
    assert len(chosen(twins, Reading(CLASSES), Keep()).scores) == 1


def test_a_box_that_was_itself_suppressed_suppresses_nothing() -> None:
    chain = candidates((0, 0, 10, 10, 0.9, 0), (4, 0, 14, 10, 0.8, 0), (8, 0, 18, 10, 0.7, 0))
    assert kept(chain, 0.1, 0.3).scores.tolist() == pytest.approx([0.9, 0.7])


@relaxed
@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(1, 30), st.integers(1, 30), st.floats(0, 1)),
        max_size=30,
    ),
    st.floats(0.1, 0.9),
)
def test_suppression_leaves_none_that_overlap_and_drops_none_without_a_better_one(
    rows: list[tuple[int, int, int, int, float]], iou_threshold: float
) -> None:
    boxes = [Box(x, y, x + width, y + height) for x, y, width, height, _ in rows]
    found = candidates(*((*box.as_list(), row[4], 0) for box, row in zip(boxes, rows, strict=True)))
    left = kept(found, 0.0, iou_threshold)
    stay = [Box(*map(int, corners)) for corners in left.boxes]
    slack = 1e-5  # float32
    assert all(a.iou(b) <= iou_threshold + slack for i, a in enumerate(stay) for b in stay[:i])
    assert all(any(box.iou(other) > iou_threshold - slack for other in stay) for box in boxes if box not in stay)


def test_found_boxes_are_clipped_rounded_and_never_empty() -> None:
    place = Letterbox(100, 50, 100, 50)
    boxes = np.array([[-5, -5, 9.6, 9.4], [90, 40, 130, 90], [20.1, 20.1, 20.3, 20.3], [-9, 0, -1, 9], [5, 5, 5, 9]])
    found = found_in(Candidates(boxes, np.full(5, 0.5), np.arange(5)), place)
    assert [(one.class_index, one.box.as_list()) for one in found] == [
        (0, [0, 0, 10, 9]),
        (1, [90, 40, 100, 50]),
        (2, [20, 20, 21, 21]),
    ]


@relaxed
@given(letterboxes, st.lists(st.floats(-3000, 3000), min_size=4, max_size=4))
def test_whatever_is_found_lies_in_the_picture(place: Letterbox, corners: list[float]) -> None:
    for found in found_in(Candidates(np.array([corners]), np.array([0.5]), np.array([0])), place):
        assert Box(0, 0, place.width_px, place.height_px).contains(found.box)


def test_blanklogos_own_layout_is_read_without_a_picture() -> None:
    """One class, features first; its input is no picture, so preparing and reading are used apart."""
    output = np.concatenate([cells(320, 320), np.zeros((1, num_cells(320, 320)))])
    output[4, 7] = 0.9
    reading = reading_of(output.shape, (320, 320), num_classes=1)
    found = chosen(decoded(output, reading), reading, Keep())
    assert found.boxes.tolist() == [[56, 0, 64, 8]]
