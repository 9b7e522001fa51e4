"""Networks as finders: what they are shown, and what their answers mean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.models.stand_in_nets import detector_of_classes

from blanklogo.detection.finders import GRID_PX, PictureFinder, StatisticsFinder, finder_of
from blanklogo.errors import ModelError
from blanklogo.models.session import load_session

ROWS = np.array(  # cx, cy, w, h, score
    [[40, 30, 20, 10, 0.9], [41, 30, 20, 10, 0.8], [95, 60, 30, 20, 0.6], [10, 10, 8, 8, 0.1]], np.float32
)


LETTERS = np.array([[40, 30, 20, 10, 0.9, 0.2], [95, 60, 30, 20, 0.3, 0.6]], np.float32)  # and the second class' score


def net_of_two_classes(path: Path) -> Path:
    """Answers with `LETTERS`, whatever it is shown."""
    graph = helper.make_graph(
        [helper.make_node("Identity", ["rows"], ["boxes"])],
        "net",
        [helper.make_tensor_value_info("statistics", TensorProto.UINT8, ["b", 3, "h", "w"])],
        [helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, *LETTERS.T.shape])],
        [numpy_helper.from_array(LETTERS.T[None].copy(), "rows")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def test_the_second_class_is_lettering(tmp_path: Path) -> None:
    (found,) = finder_of(load_session(net_of_two_classes(tmp_path / "net.onnx")))([np.zeros((3, 96, 128), np.uint8)])
    assert [(scored.is_lettering, round(scored.score, 3)) for scored in found] == [(False, 0.9), (True, 0.6)]


def statistics_net(path: Path, kind: int = TensorProto.UINT8) -> Path:
    """Answers with `ROWS`, its last score replaced by the padded size's share of 2000 px: (height + width) / 2000."""
    shape = helper.make_node("Shape", ["statistics"], ["shape"], start=2, end=4)
    cast = helper.make_node("Cast", ["shape"], ["sides"], to=TensorProto.FLOAT)
    total = helper.make_node("ReduceSum", ["sides"], ["total"], keepdims=1)
    share = helper.make_node("Div", ["total", "most"], ["share"])
    moved = helper.make_node("Mul", ["share", "where"], ["added"])
    out = helper.make_node("Add", ["rows", "added"], ["boxes"])
    table = ROWS.copy()
    table[3, 4] = 0
    where = np.zeros((1, 5, 4), np.float32)
    where[0, 4, 3] = 1
    values = {"rows": table.T[None].copy(), "where": where, "most": np.array([2000], np.float32)}
    graph = helper.make_graph(
        [shape, cast, total, share, moved, out],
        "net",
        [helper.make_tensor_value_info("statistics", kind, ["b", 3, "h", "w"])],
        [helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, 5, 4])],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def test_boxes_are_read_joined_and_kept_within_the_picture(tmp_path: Path) -> None:
    finder = finder_of(load_session(statistics_net(tmp_path / "net.onnx")))
    assert isinstance(finder, StatisticsFinder)
    assert not finder.wants_colour
    (found,) = finder([np.zeros((3, 66, 100), np.uint8)])
    assert [scored.corners for scored in found] == [(30, 25, 50, 35), (80, 50, 100, 66)]
    assert [scored.score for scored in found] == pytest.approx([0.9, 0.6])


def test_the_network_is_shown_whole_cells(tmp_path: Path) -> None:
    finder = finder_of(load_session(statistics_net(tmp_path / "net.onnx")))
    (found,) = finder([np.zeros((3, 150, 330), np.uint8)])
    padded = -(-150 // GRID_PX) * GRID_PX + -(-330 // GRID_PX) * GRID_PX
    assert found[2].corners == (6, 6, 14, 14)
    assert found[2].score == pytest.approx(padded / 2000)


def test_a_network_of_statistics_in_another_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="accepted: statistics as uint8"):
        finder_of(load_session(statistics_net(tmp_path / "net.onnx", TensorProto.FLOAT)))


def test_any_other_network_is_shown_pictures(tmp_path: Path) -> None:
    finder = finder_of(load_session(detector_of_classes(tmp_path / "yolo.onnx")))
    assert isinstance(finder, PictureFinder)
    assert finder.wants_colour
