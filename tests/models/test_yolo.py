"""YOLO: pictures into the input and back, layouts told apart, and detectors that really find something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stand_in_nets import (
    cells,
    detector_end_to_end,
    detector_of_classes,
    detector_with_object,
    doubling,
    inpainter,
    node,
    saved,
)

from blanklogo.errors import LoadError, OptionError, ProcessingError
from blanklogo.models.letterbox import GREY, Letterbox, input_tensor, smallest_input_px
from blanklogo.models.session import load_session
from blanklogo.models.yolo import Found, Keep, YoloDetector, chosen, found_in
from blanklogo.models.yolo_metadata import metadata_of
from blanklogo.models.yolo_output import Candidates, Layout, Reading, decoded, kept, reading_of
from blanklogo.types import Box

OBJECT, CLASSES, FINAL = Layout.OBJECT, Layout.CLASSES, Layout.FINAL
RED, GREEN, DARK = (190, 60, 60), (60, 190, 60), (60, 60, 60)
STRENGTH = 130 / 255  # what the stand-in detector scores where a cell is all red
INPUT_PX = (320, 320)

sizes = st.integers(1, 2000)
inputs = st.integers(1, 40).map(lambda steps: 32 * steps)
letterboxes = st.builds(Letterbox, sizes, sizes, inputs, inputs)


# --- Into the input and back ---


@settings(deadline=None)
@given(letterboxes, st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_a_box_comes_back_from_the_input(place: Letterbox, corners: list[float]) -> None:
    box = np.array([corners]) * np.array([place.width_px, place.height_px] * 2)
    np.testing.assert_allclose(place.to_picture(place.to_input(box)), box, atol=1e-6)  # px; float64 at sides of 2000


@settings(deadline=None)
@given(letterboxes)
def test_the_whole_picture_fills_the_input_one_way_and_lies_in_its_middle(place: Letterbox) -> None:
    (x0, y0, x1, y1), (width, height) = (
        place.to_input(np.array([0, 0, place.width_px, place.height_px])),
        (place.input_width_px, place.input_height_px),
    )
    slack = 1e-6  # px; float64
    assert min(x0, y0) >= 0
    assert max(x1 - width, y1 - height) <= slack
    assert min(width - (x1 - x0), height - (y1 - y0)) < slack
    assert abs(x0 - (width - x1)) <= 1 + slack
    assert abs(y0 - (height - y1)) <= 1 + slack


@settings(deadline=None)
@given(st.integers(16, 900), st.integers(16, 900), inputs, inputs)
def test_the_aspect_is_kept(width: int, height: int, input_width: int, input_height: int) -> None:
    place = Letterbox(width, height, input_width, input_height)
    scaled_width, scaled_height = place.scaled_px
    scale = min(input_width / width, input_height / height)
    nearest = 0.5 + 1e-6  # px
    assert abs(scaled_width - scale * width) <= nearest or scaled_width == 1
    assert abs(scaled_height - scale * height) <= nearest or scaled_height == 1


def test_the_picture_is_scaled_and_the_rest_is_grey() -> None:
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, 40:] = 255
    whole = Letterbox(80, 40, 160, 120).pictured(picture)
    assert whole.shape == (120, 160, 3)
    assert (whole[:20] == GREY).all()
    assert (whole[100:] == GREY).all()
    assert not whole[20:100, :78].any()
    assert (whole[20:100, 82:] == 255).all()


def test_a_picture_of_the_inputs_size_is_left_alone() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    assert np.array_equal(Letterbox(96, 64, 96, 64).pictured(picture), picture)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_tensor_has_channels_first_and_runs_from_0_to_1(dtype: str) -> None:
    picture = np.zeros((2, 4, 3), np.uint8)
    picture[0, 3] = (255, 51, 0)
    tensor = input_tensor([picture, picture], dtype)
    assert (tensor.dtype.name, tensor.shape) == (dtype, (2, 3, 2, 4))
    np.testing.assert_allclose(tensor[1, :, 0, 3], [1, 0.2, 0], atol=1e-3)


@settings(deadline=None)
@given(sizes, sizes, st.integers(32, 1280), st.sampled_from([32, 64]))
def test_a_free_input_is_as_small_as_the_stride_allows(width: int, height: int, side: int, stride: int) -> None:
    input_width, input_height = smallest_input_px(width, height, side, stride)
    assert input_width % stride == input_height % stride == 0
    assert max(input_width, input_height) == -(-side // stride) * stride
    place = Letterbox(width, height, input_width, input_height)
    assert max(place.margins_px) <= stride // 2


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
        LoadError, match=r"no YOLO layout that can be told.*try: say the number of classes and the layout"
    ):
        reading_of(shape, (640, 640), num_classes)


def test_the_caller_and_the_exporter_are_believed() -> None:
    assert reading_of((8400, 85), (640, 640), layout=OBJECT) == Reading(OBJECT)
    assert reading_of((8400, 85), (640, 640), layout=CLASSES) == Reading(CLASSES)
    assert reading_of((84, 8400), (640, 640), layout=CLASSES) == Reading(CLASSES, True)
    assert reading_of((8400, 6), (640, 640), is_final=True) == Reading(FINAL)
    assert reading_of((8400, 6), (640, 640), layout=FINAL) == Reading(FINAL)
    with pytest.raises(LoadError, match=r"a final output of \[300, 7\]"):
        reading_of((300, 7), (640, 640), is_final=True)


grids = st.tuples(st.integers(1, 30), st.integers(1, 30)).map(lambda steps: (32 * steps[0], 32 * steps[1]))


@settings(deadline=None)
@given(grids, st.integers(1, 90))
def test_features_first_and_one_row_a_cell_is_always_of_classes(input_px: tuple[int, int], num_classes: int) -> None:
    num = num_cells(*input_px)
    if num > 4 + num_classes:  # a smaller grid than that is no detector's
        assert reading_of((4 + num_classes, num), input_px) == Reading(CLASSES, True)
        assert reading_of((4 + num_classes, num), input_px, num_classes) == Reading(CLASSES, True)
        assert reading_of((num, 4 + num_classes), input_px, num_classes) == Reading(CLASSES)


@settings(deadline=None)
@given(grids, st.integers(1, 90))
def test_three_rows_a_cell_is_always_with_an_object(input_px: tuple[int, int], num_classes: int) -> None:
    num = 3 * num_cells(*input_px)
    if num > 5 + num_classes:
        assert reading_of((num, 5 + num_classes), input_px) == Reading(OBJECT)
        assert reading_of((5 + num_classes, num), input_px) == Reading(OBJECT, True)
        assert reading_of((num, 5 + num_classes), input_px, num_classes) == Reading(OBJECT)


@settings(deadline=None)
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
    with pytest.raises(ProcessingError, match="accepted: 0 to 1; try: export the network with its sigmoid"):
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


@settings(deadline=None)
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


@settings(deadline=None)
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


# --- Whole detectors ---


def scene(size_px: tuple[int, int], box: Box, colour: tuple[int, int, int] = RED) -> np.ndarray:
    picture = np.full((size_px[1], size_px[0], 3), DARK, np.uint8)
    picture[box.slices] = colour
    return picture


DETECTORS: dict[str, tuple[Callable[..., Path], dict, float]] = {
    "v8": (detector_of_classes, {}, STRENGTH),
    "v8 transposed": (detector_of_classes, {"rows_first": True, "metadata": {"names": "['mark']"}}, STRENGTH),
    "v8 of one at a time": (detector_of_classes, {"batch": 1}, STRENGTH),
    "v8 in float16": (detector_of_classes, {"half": True}, STRENGTH),
    "v5": (detector_with_object, {}, 0.8 * STRENGTH),
    "v5 of two classes": (detector_with_object, {"num_classes": 2}, 0.8 * STRENGTH),
    "end to end": (detector_end_to_end, {}, STRENGTH),
}


@pytest.mark.parametrize("kind", DETECTORS)
def test_a_red_cell_is_found_where_it_is(tmp_path: Path, kind: str) -> None:
    make, options, score = DETECTORS[kind]
    detector = YoloDetector(load_session(make(tmp_path / "net.onnx", **options)))
    # 640x400 goes into 320x320 at half its size, 60 px from the top. One cell of 8 px is 16 px of the picture.
    there = Box(160, 136, 176, 152)  # in the input: x 80 to 88, y 128 to 136
    elsewhere = Box(400, 8, 416, 24)  # in the input: x 200 to 208, y 64 to 72
    found = detector.find([scene((640, 400), there), scene((640, 400), elsewhere), scene((640, 400), there, DARK)])
    assert [[one.box for one in each] for each in found] == [[there], [elsewhere], []]
    assert found[0][0].score == pytest.approx(score, abs=0.01)  # a pixel of bilinear blur at the rim; float16
    assert found[0][0].class_index == 0


def test_red_is_the_first_channel(tmp_path: Path) -> None:
    detector = YoloDetector(load_session(detector_of_classes(tmp_path / "net.onnx")))
    picture = scene(INPUT_PX, Box(80, 80, 88, 88))
    assert detector.find([picture])[0]
    assert detector.find([np.ascontiguousarray(picture[..., ::-1])]) == [()]


def test_classes_are_told_apart_and_can_be_chosen(tmp_path: Path) -> None:
    session = load_session(detector_of_classes(tmp_path / "net.onnx", num_classes=2))
    picture = scene(INPUT_PX, Box(80, 80, 88, 88))
    picture[Box(160, 80, 168, 88).slices] = GREEN
    assert {(one.box.x0, one.class_index) for one in YoloDetector(session).find([picture])[0]} == {(80, 0), (160, 1)}
    only_green = YoloDetector(session, Keep(class_indices=(1,)))
    assert [one.box.x0 for one in only_green.find([picture])[0]] == [160]


def test_weak_ones_are_left_out(tmp_path: Path) -> None:
    session = load_session(detector_of_classes(tmp_path / "net.onnx"))
    picture = scene(INPUT_PX, Box(80, 80, 88, 88))
    assert YoloDetector(session, Keep(score_threshold=STRENGTH + 0.02)).find([picture]) == [()]
    (found,) = YoloDetector(session, Keep(score_threshold=STRENGTH - 0.02)).find([picture])[0]
    assert found == Found(Box(80, 80, 88, 88), pytest.approx(STRENGTH, abs=1e-3), 0)
    with pytest.raises(OptionError, match="thresholds 2"):
        Keep(score_threshold=2)


def test_pictures_of_any_sizes_may_be_mixed(tmp_path: Path) -> None:
    detector = YoloDetector(load_session(detector_of_classes(tmp_path / "net.onnx")))
    pictures = [scene((320 * n, 320 * n), Box(80 * n, 80 * n, 88 * n, 88 * n)) for n in (1, 2, 1, 3)]
    assert [each[0].box.width for each in detector.find(pictures)] == [8, 16, 8, 24]


def free_detector(path: Path, metadata: dict[str, str]) -> Path:
    """Free sides. Rows that are all alike: the box is the whole input, the score the mean of the first channel."""
    nodes = [
        node("Shape", "images", "height", start=2, end=3),
        node("Shape", "images", "width", start=3, end=4),
        node("Concat", "width height", "size", axis=0),
        node("Cast", "size", "far", to=1),
        node("Mul", "far half", "centre"),
        node("ReduceMean", "images", "means", axes=[2, 3], keepdims=0),
        node("Gather", "means first", "score", axis=1),
        node("Mul", "score nothing", "zeros"),
        node("Concat", "centre far", "box", axis=0),
        node("Unsqueeze", "box first", "row"),
        node("Add", "row zeros", "boxes"),
        node("Concat", "boxes score", "flat", axis=1),
        node("Unsqueeze", "flat last", "column"),
        node("Expand", "column many", "output0"),
    ]
    constants = {
        "half": np.float32([0.5]),
        "first": np.array([0]),
        "last": np.array([2]),
        "nothing": np.float32(0),
        "many": np.array([1, 5, 9]),
    }
    shape = ["batch", 3, "height", "width"]
    return saved(path, nodes, {"images": shape}, ["output0"], constants, metadata)


@pytest.mark.parametrize(
    ("metadata", "shape"),
    [({}, (384, 640)), ({"imgsz": "[320, 320]"}, (192, 320)), ({"imgsz": "[310, 310]", "stride": "64"}, (192, 320))],
)
def test_a_free_input_gets_the_size_that_the_file_says(
    tmp_path: Path, metadata: dict[str, str], shape: tuple[int, int]
) -> None:
    """A 1000x600 picture of 255 in grey: the mean tells how much of the input is margin."""
    session = load_session(free_detector(tmp_path / "free.onnx", metadata))
    (found,) = YoloDetector(session).find([np.full((600, 1000, 3), 255, np.uint8)])[0]
    picture_rows = round(600 * shape[1] / 1000)
    margin = 1 - picture_rows / shape[0]
    assert found.score == pytest.approx(1 - margin * (1 - GREY / 255), abs=1e-5)
    assert found.box == Box(0, 0, 1000, 600)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: inpainter(path, size_px=(64, 64)),
        lambda path: doubling(path, [1, 4, 64, 64]),
        lambda path: doubling(path, [1, 3]),
        lambda path: doubling(path, [1, 3, 64, 64], dtype=2),
    ],
    ids=["two inputs", "four channels", "no picture", "uint8"],
)
def test_another_signature_is_refused(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    session = load_session(make(tmp_path / "net.onnx"))
    with pytest.raises(LoadError, match=r"net\.onnx takes.*accepted: a detector of RGB pictures"):
        YoloDetector(session)


def test_several_tables_or_none_are_refused(tmp_path: Path) -> None:
    detector = YoloDetector(load_session(doubling(tmp_path / "net.onnx", [1, 3, 64, 64])))
    with pytest.raises(ProcessingError, match=r"gave \[3, 64, 64\] a picture; accepted: one table"):
        detector.find([scene((64, 64), Box(0, 0, 8, 8))])


@pytest.mark.parametrize(
    "wrong", [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), np.zeros((0, 8, 3), np.uint8)]
)
def test_what_is_no_picture_is_refused(tmp_path: Path, wrong: np.ndarray) -> None:
    detector = YoloDetector(load_session(detector_of_classes(tmp_path / "net.onnx")))
    with pytest.raises(OptionError, match="accepted: RGB uint8"):
        detector.find([wrong])


# --- Metadata ---

ULTRALYTICS = {
    "description": "Ultralytics YOLO11n model",
    "stride": "32",
    "task": "detect",
    "batch": "1",
    "imgsz": "[384, 640]",
    "names": "{1: 'tag', 0: 'mark'}",
    "args": "{'batch': 1, 'dynamic': True, 'nms': True}",
}


def test_ultralytics_metadata_is_read(tmp_path: Path) -> None:
    read = metadata_of(load_session(detector_of_classes(tmp_path / "net.onnx", metadata=ULTRALYTICS)))
    assert read.names == ("mark", "tag")
    assert (read.num_classes, read.stride_px, read.input_px, read.side_px) == (2, 32, (640, 384), 640)
    assert read.is_final
    assert read.is_dynamic


def test_a_file_without_metadata_is_as_usual(tmp_path: Path) -> None:
    read = metadata_of(load_session(detector_of_classes(tmp_path / "net.onnx")))
    assert (read.num_classes, read.stride_px, read.input_px, read.is_final) == (None, 32, (640, 640), False)


def test_end2end_is_believed(tmp_path: Path) -> None:
    path = detector_end_to_end(tmp_path / "net.onnx", metadata={"end2end": "True", "names": "['mark']"})
    assert metadata_of(load_session(path)).is_final


@pytest.mark.parametrize(
    "metadata", [{"names": "{0: 'mark'"}, {"stride": "'far'"}, {"imgsz": "[1, 2, 3]"}, {"names": "open('x')"}]
)
def test_metadata_that_cannot_be_read_is_refused(tmp_path: Path, metadata: dict[str, str]) -> None:
    session = load_session(detector_of_classes(tmp_path / "net.onnx", metadata=metadata))
    with pytest.raises(LoadError, match=r"the metadata of net\.onnx cannot be read"):
        YoloDetector(session)


def test_another_task_is_refused_by_its_name(tmp_path: Path) -> None:
    session = load_session(detector_of_classes(tmp_path / "net.onnx", metadata={"task": "segment"}))
    with pytest.raises(LoadError, match=r"net\.onnx is a network for the task segment"):
        YoloDetector(session)


# --- TorchScript ---


@pytest.mark.parametrize("half", [False, True])
def test_a_torchscript_detector_finds_the_same(tmp_path: Path, half: bool) -> None:
    torch = pytest.importorskip("torch")

    class Net(torch.nn.Module):
        """The redness detector, traced at 320x320 with a batch of 1, as an exporter does."""

        def __init__(self) -> None:
            super().__init__()
            self.weights = torch.nn.Parameter(torch.tensor([1.0, -1.0, 0.0]).reshape(1, 3, 1, 1))
            self.register_buffer("cells", torch.from_numpy(cells(320, 320))[None])

        def forward(self, images):
            red = torch.relu(torch.nn.functional.conv2d(images, self.weights))
            levels = [torch.nn.functional.avg_pool2d(red, step).reshape(1, 1, -1) for step in (8, 16, 32)]
            return torch.cat([self.cells, torch.cat(levels, 2)], 1)

    dtype = torch.float16 if half else torch.float32
    traced = torch.jit.trace(Net().to(dtype), torch.zeros(1, 3, 320, 320, dtype=dtype))
    metadata = '{"task": "detect", "stride": 32, "imgsz": [320, 320], "names": {"0": "mark"}}'
    torch.jit.save(traced, str(tmp_path / "net.torchscript"), _extra_files={"config.txt": metadata})
    detector = YoloDetector(load_session(tmp_path / "net.torchscript"))
    boxes = [Box(160, 136, 176, 152), Box(400, 8, 416, 24)]
    found = detector.find([scene((640, 400), box) for box in boxes])
    assert [[one.box for one in each] for each in found] == [[box] for box in boxes]
    assert found[0][0].score == pytest.approx(STRENGTH, abs=0.01)
