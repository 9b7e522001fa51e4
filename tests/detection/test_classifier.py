"""A closer look at places: what the network is shown, and what becomes of its answer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tests.detection.test_finders import ROWS, statistics_net

from blanklogo.detection.classifier import Classifier
from blanklogo.detection.crops import CROP_PX, crop
from blanklogo.detection.finders import finder_of
from blanklogo.detection.glances import Scored
from blanklogo.errors import LoadError
from blanklogo.models.session import load_session


def halving_net(path: Path, kind: int = TensorProto.UINT8) -> Path:
    """Answers with half of each score."""
    graph = helper.make_graph(
        [helper.make_node("Mul", ["scores", "half"], ["marks"])],
        "net",
        [
            helper.make_tensor_value_info("crops", kind, ["b", 4, *CROP_PX]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["b"]),
        ],
        [helper.make_tensor_value_info("marks", TensorProto.FLOAT, ["b"])],
        [numpy_helper.from_array(np.array(0.5, np.float32), "half")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.fixture
def classifier(tmp_path: Path) -> Classifier:
    return Classifier(load_session(halving_net(tmp_path / "halving.onnx")))


def test_places_come_back_with_other_scores(classifier: Classifier) -> None:
    places = [Scored((10, 10, 60, 30), 0.5), Scored((100, 50, 300, 120), 0.75)]
    told = classifier(np.zeros((3, 200, 330), np.uint8), places)
    assert told == [Scored((10, 10, 60, 30), 0.25), Scored((100, 50, 300, 120), 0.375)]
    assert classifier(np.zeros((3, 200, 330), np.uint8), []) == []


def test_a_network_of_another_signature_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="accepted: crops: uint8"):
        Classifier(load_session(halving_net(tmp_path / "net.onnx", TensorProto.FLOAT)))


def test_a_finder_gives_what_both_networks_say(tmp_path: Path, classifier: Classifier) -> None:
    finder = finder_of(load_session(statistics_net(tmp_path / "net.onnx")), classifier=classifier)
    (found,) = finder([np.zeros((3, 66, 100), np.uint8)])
    assert [one.corners for one in found] == [(30, 25, 50, 35), (80, 50, 100, 66)]
    assert [one.score for one in found] == pytest.approx((ROWS[[0, 2], 4] / 2).tolist())


@pytest.mark.parametrize("corners", [(30, 40, 60, 52), (5, 5, 300, 60), (200.5, 100.2, 215.5, 130.9), (0, 0, 8, 8)])
def test_a_crop_shows_the_place_where_it_says(corners: tuple[float, float, float, float]) -> None:
    picture = np.full((3, 360, 640), 40, np.uint8)
    x0, y0, x1, y1 = (round(value) for value in corners)
    picture[0, y0:y1, x0:x1] = 200
    shown = crop(picture, corners)
    assert shown.shape == (4, *CROP_PX)
    inside = shown[3] > 0
    assert shown[0][inside].mean() > 170, "the place is under its own mask"
    assert shown[0][~inside].mean() < 60, "and nothing else is"
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    assert abs(rows.mean() - CROP_PX[0] / 2) < 3, "in the middle"
    assert abs(columns.mean() - CROP_PX[1] / 2) < 3


def test_what_lies_beyond_the_picture_is_black() -> None:
    shown = crop(np.full((3, 100, 100), 90, np.uint8), (0, 0, 20, 20))
    assert (shown[:3, :10, :10] == 0).all()
    assert (shown[:3, 60, 110] == 90).all()
