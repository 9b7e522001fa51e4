"""Which network makes up what is hidden, by name and by file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from blanklogo.errors import LoadError, ModelError, WeightsError
from blanklogo.pipeline.networks import SHIPPED_INPAINTER, detector_for, inventor_for
from blanklogo.types import Box, Job, Networks

onnx = pytest.importorskip("onnx")
SHAPE = (48, 64)
FREE = ["batch", 3, "height", "width"]


def saved(path: Path, node: str, inputs: dict[str, list]) -> Path:
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node(node, list(inputs), ["output"])],
        "stand_in",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info("output", kind, FREE)],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), path)
    return path


@pytest.fixture
def whitening(tmp_path: Path) -> Path:
    """LaMa's signature; a hole, which comes empty, is filled with white."""
    return saved(tmp_path / "white.onnx", "Add", {"image": FREE, "mask": ["batch", 1, "height", "width"]})


def picture() -> np.ndarray:
    return np.dstack([np.full(SHAPE, value, np.float32) for value in (90, 120, 140)])


def hole() -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    mask[20:28, 20:40] = True
    return mask


def test_a_file_of_lama_fills_the_hole_and_nothing_else(whitening: Path) -> None:
    inventor = inventor_for(Networks(inpainter=str(whitening)))
    filled = inventor(picture(), hole())
    assert np.allclose(filled[hole()], [235, 128, 128], atol=1)
    assert np.array_equal(filled[~hole()], picture()[~hole()])
    assert [weights["name"] for weights in inventor.weights] == ["white.onnx"]


def test_without_a_hole_no_network_is_asked(whitening: Path) -> None:
    inventor = inventor_for(Networks(inpainter=str(whitening)))
    assert np.array_equal(inventor(picture(), np.zeros(SHAPE, bool)), picture())


def test_none_takes_part_and_no_weights_are_told() -> None:
    inventor = inventor_for(Networks(inpainter="none"))
    assert inventor.weights == ()
    assert np.allclose(inventor(picture(), hole()), picture(), atol=0.5)


def test_the_shipped_one_is_told_by_name_and_checksum() -> None:
    (told,) = inventor_for(Networks()).weights
    assert told["name"] == SHIPPED_INPAINTER
    assert len(told["sha256"]) == 64


def test_a_file_that_is_no_inpainter_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "detector.onnx", "Relu", {"images": FREE})
    with pytest.raises(ModelError, match=r"detector\.onnx takes images"):
        inventor_for(Networks(inpainter=str(path)))


def test_a_network_that_was_chosen_and_does_not_run_is_told_needed_or_not(tmp_path: Path) -> None:
    path = str(saved(tmp_path / "unknown.onnx", "NoSuchOperator", {"image": FREE}))
    with pytest.raises(LoadError, match=r"unknown\.onnx"):
        inventor_for(Networks(inpainter=path))
    boxed = Job(tmp_path / "in.mp4", tmp_path / "out.mp4", boxes=(Box(0, 0, 20, 20),))
    with pytest.raises(LoadError, match=r"unknown\.onnx"):
        detector_for(replace(boxed, networks=Networks(detector=path)), [])
    with pytest.raises(WeightsError):
        detector_for(replace(boxed, networks=Networks(detector="nosuch.onnx")), [])
    assert detector_for(boxed, []) is None, "nobody chose one, and there is nothing to look for"


def test_a_file_that_is_not_there_is_refused_before_it_is_needed(tmp_path: Path) -> None:
    with pytest.raises(WeightsError):
        inventor_for(Networks(inpainter=str(tmp_path / "missing.onnx")))
