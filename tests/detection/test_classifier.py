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
from blanklogo.detection.finders import StatisticsFinder, finder_of
from blanklogo.detection.glances import Scored
from blanklogo.errors import LoadError
from blanklogo.models.session import load_session

OUTLINE = (48.0, 24.0, 144.0, 72.0)  # the crop's middle half, px of the crop


def halving_net(path: Path, kind: int = TensorProto.UINT8, outputs: tuple[str, str] = ("marks", "corners")) -> Path:
    """Answers with half of each score, and with the middle half of each crop."""
    constants = {"half": np.array(0.5), "ones": np.ones((1, 4)) * 1e-9, "outline": np.array([OUTLINE])}
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["scores", "half"], [outputs[0]]),
            helper.make_node("Unsqueeze", ["scores", "last"], ["column"]),
            helper.make_node("Mul", ["column", "ones"], ["nothing"]),
            helper.make_node("Add", ["nothing", "outline"], [outputs[1]]),
        ],
        "net",
        [
            helper.make_tensor_value_info("crops", kind, ["b", 4, *CROP_PX]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["b"]),
        ],
        [
            helper.make_tensor_value_info(outputs[0], TensorProto.FLOAT, ["b"]),
            helper.make_tensor_value_info(outputs[1], TensorProto.FLOAT, ["b", 4]),
        ],
        [
            *(numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()),
            numpy_helper.from_array(np.array([1]), "last"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.fixture
def classifier(tmp_path: Path) -> Classifier:
    return Classifier(load_session(halving_net(tmp_path / "halving.onnx")))


def test_places_come_back_with_other_scores_and_outlines(classifier: Classifier) -> None:
    places = [Scored((10, 10, 60, 30), 0.5), Scored((100, 50, 300, 120), 0.75)]
    told = classifier(np.zeros((3, 200, 330), np.uint8), places)
    assert [one.score for one in told] == [0.25, 0.375]
    # The first is shown with 18 px around it, 56 px high in all: the half of that, around its middle.
    assert told[0].corners == pytest.approx((7, 6, 63, 34))
    x0, y0, x1, y1 = told[1].corners
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((200, 85), abs=1)
    assert (x1 - x0) / (y1 - y0) == pytest.approx(2)
    assert classifier(np.zeros((3, 200, 330), np.uint8), []) == []


@pytest.mark.parametrize("corners", [(0, 0, 12, 8), (318, 192, 330, 200), (0, 0, 330, 200)])
def test_outlines_end_at_the_windows_rim(classifier: Classifier, corners: tuple[float, float, float, float]) -> None:
    (told,) = classifier(np.zeros((3, 200, 330), np.uint8), [Scored(corners, 0.5)])
    x0, y0, x1, y1 = told.corners
    assert 0 <= x0 < x1 <= 330
    assert 0 <= y0 < y1 <= 200


def test_a_network_of_another_signature_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="accepted: crops: uint8"):
        Classifier(load_session(halving_net(tmp_path / "float.onnx", TensorProto.FLOAT)))
    with pytest.raises(LoadError, match="accepted: crops: uint8"):
        Classifier(load_session(halving_net(tmp_path / "turned.onnx", outputs=("corners", "marks"))))


def test_a_finder_gives_what_both_networks_say(tmp_path: Path, classifier: Classifier) -> None:
    finder = finder_of(load_session(statistics_net(tmp_path / "net.onnx")), classifier=classifier)
    (found,) = finder([np.zeros((3, 66, 100), np.uint8)])
    assert [one.score for one in found] == pytest.approx((ROWS[[0, 2], 4] / 2).tolist())
    assert found[0].corners == pytest.approx((16, 18, 64, 42)), "the outline is the classifier's"


def test_places_that_become_one_are_given_once(tmp_path: Path, classifier: Classifier) -> None:
    rows = np.array([(40, 30, 20, 10, 0.9), (40, 33, 20, 12, 0.8), (90, 9, 9, 9, 0), (90, 9, 9, 9, 0)], np.float32)
    net = load_session(statistics_net(tmp_path / "net.onnx", rows=rows))
    picture = np.zeros((3, 66, 100), np.uint8)
    finder = StatisticsFinder(net, classifier)
    assert [one.score for one in finder.proposed(picture)][:2] == pytest.approx([0.9, 0.8])
    (found,) = finder([picture])
    assert [one.score for one in found] == pytest.approx([0.45]), "the surer one of two with one outline"


@pytest.mark.parametrize("corners", [(30, 40, 60, 52), (5, 5, 300, 60), (200.5, 100.2, 215.5, 130.9), (0, 0, 8, 8)])
def test_a_crop_and_its_window_have_one_geometry(corners: tuple[float, float, float, float]) -> None:
    shown = crop(np.zeros((3, 360, 640), np.uint8), corners)
    assert shown.outside(shown.inside(corners)) == pytest.approx(corners)


@pytest.mark.parametrize("corners", [(30, 40, 60, 52), (5, 5, 300, 60), (200.5, 100.2, 215.5, 130.9), (0, 0, 8, 8)])
def test_a_crop_shows_the_place_where_it_says(corners: tuple[float, float, float, float]) -> None:
    picture = np.full((3, 360, 640), 40, np.uint8)
    x0, y0, x1, y1 = (round(value) for value in corners)
    picture[0, y0:y1, x0:x1] = 200
    shown = crop(picture, corners).pixels
    assert shown.shape == (4, *CROP_PX)
    inside = shown[3] > 0
    assert shown[0][inside].mean() > 170, "the place is under its own mask"
    assert shown[0][~inside].mean() < 60, "and nothing else is"
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    assert abs(rows.mean() - CROP_PX[0] / 2) < 3, "in the middle"
    assert abs(columns.mean() - CROP_PX[1] / 2) < 3


def test_what_lies_beyond_the_picture_is_black() -> None:
    shown = crop(np.full((3, 100, 100), 90, np.uint8), (0, 0, 20, 20)).pixels
    assert (shown[:3, :10, :10] == 0).all()
    assert (shown[:3, 60, 110] == 90).all()
