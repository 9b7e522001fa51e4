"""Whole YOLO detectors, which really find something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
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

from blanklogo.errors import ModelError, OptionError
from blanklogo.models.letterbox import GREY
from blanklogo.models.session import load_session
from blanklogo.models.yolo import Found, Keep, YoloDetector
from blanklogo.models.yolo_metadata import metadata_of
from blanklogo.types import Box

RED, GREEN, DARK = (190, 60, 60), (60, 190, 60), (60, 60, 60)
STRENGTH = 130 / 255  # what the stand-in detector scores where a cell is all red
INPUT_PX = (320, 320)


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
    with pytest.raises(ModelError, match=r"net\.onnx takes.*accepted: a detector of RGB pictures"):
        YoloDetector(session)


def test_several_tables_or_none_are_refused(tmp_path: Path) -> None:
    detector = YoloDetector(load_session(doubling(tmp_path / "net.onnx", [1, 3, 64, 64])))
    with pytest.raises(ModelError, match=r"gave \[3, 64, 64\] a picture; accepted: one table"):
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
    with pytest.raises(ModelError, match=r"the metadata of net\.onnx cannot be read"):
        YoloDetector(session)


def test_another_task_is_refused_by_its_name(tmp_path: Path) -> None:
    session = load_session(detector_of_classes(tmp_path / "net.onnx", metadata={"task": "segment"}))
    with pytest.raises(ModelError, match=r"net\.onnx is a network for the task segment"):
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
