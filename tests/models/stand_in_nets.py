"""Small networks with the very signatures of the real ones, whose answers can be worked out by hand.

The detector finds redness: a cell of the grid scores the mean of R - G over it, its box is the cell. A second class,
where there is one, is greenness (G - R). The inpainter fills a hole with the mean colour of what is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 10
STEPS_PX = (8, 16, 32)


def saved(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Mapping[str, Sequence[int | str]],
    outputs: Sequence[str],
    constants: Mapping[str, np.ndarray] | None = None,
    metadata: Mapping[str, str] | None = None,
    dtype: int = TensorProto.FLOAT,
    opset: int = OPSET,
) -> Path:
    """An ONNX file; sides given as text are free."""
    graph = helper.make_graph(
        list(nodes),
        "stand_in",
        [helper.make_tensor_value_info(name, dtype, list(shape)) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, dtype, None) for name in outputs],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in (constants or {}).items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=IR_VERSION)
    helper.set_model_props(model, dict(metadata or {}))
    onnx.save(model, path)
    return path


def node(kind: str, inputs: str, output: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(kind, inputs.split(), output.split(), **attributes)


def doubling(path: Path, shape: Sequence[int | str] = ("batch", 3), **more: object) -> Path:
    """y = 2 x."""
    return saved(path, [node("Add", "x x", "y")], {"x": shape}, ["y"], **more)


def cells(width_px: int, height_px: int) -> np.ndarray:
    """float32 [4, N]: cx, cy, w, h of the cells of a YOLO grid, in its order."""
    parts = []
    for step in STEPS_PX:
        ys, xs = np.mgrid[0 : height_px // step, 0 : width_px // step].reshape(2, -1)
        parts.append(np.stack([(xs + 0.5) * step, (ys + 0.5) * step, np.full(xs.size, step), np.full(xs.size, step)]))
    return np.concatenate(parts, axis=1).astype(np.float32)


def redness(num_classes: int, dtype: type = np.float32) -> tuple[list[onnx.NodeProto], dict[str, np.ndarray]]:
    """(nodes from `images` to `scores` [B, C, N], their constants)."""
    weights = np.array([[1, -1, 0], [-1, 1, 0]], dtype)[:num_classes].reshape(num_classes, 3, 1, 1)
    nodes = [node("Conv", "images weights", "difference"), node("Relu", "difference", "positive")]
    for step in STEPS_PX:
        nodes += [
            node("AveragePool", "positive", f"mean{step}", kernel_shape=[step] * 2, strides=[step] * 2),
            node("Reshape", f"mean{step} flat", f"flat{step}"),
        ]
    nodes.append(node("Concat", " ".join(f"flat{step}" for step in STEPS_PX), "scores", axis=2))
    return nodes, {"weights": weights, "flat": np.array([0, num_classes, -1])}


def detector_of_classes(
    path: Path,
    num_classes: int = 1,
    size_px: tuple[int, int] = (320, 320),
    batch: int | str = "batch",
    rows_first: bool = False,
    half: bool = False,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """YOLOv8's signature: images [B, 3, H, W] → output0 [B, 4+C, N], or transposed."""
    dtype, kind = (np.float16, TensorProto.FLOAT16) if half else (np.float32, TensorProto.FLOAT)
    nodes, constants = redness(num_classes, dtype)
    constants |= {"cells": cells(*size_px)[None].astype(dtype), "nothing": np.array(0, dtype)}
    nodes += [
        node("ReduceSum", "scores class_axis", "sum", keepdims=1),
        node("Mul", "sum nothing", "zeros"),
        node("Add", "cells zeros", "boxes"),
        node("Concat", "boxes scores", "table" if rows_first else "output0", axis=1),
    ]
    constants["class_axis"] = np.array([1])
    if rows_first:
        nodes.append(node("Transpose", "table", "output0", perm=[0, 2, 1]))
    shape = [batch, 3, size_px[1], size_px[0]]
    return saved(path, nodes, {"images": shape}, ["output0"], constants, metadata, kind)


def detector_with_object(
    path: Path, num_classes: int = 1, size_px: tuple[int, int] = (320, 320), **more: object
) -> Path:
    """YOLOv5's signature: [B, 3 N, 5+C]; a cell's three rows are alike, the object's score is 0.8."""
    nodes, constants = redness(num_classes)
    constants |= {
        "cells": np.concatenate([cells(*size_px), np.full((1, cells(*size_px).shape[1]), 0.8, np.float32)])[None],
        "nothing": np.float32(0),
        "class_axis": np.array([1]),
    }
    nodes += [
        node("ReduceSum", "scores class_axis", "sum", keepdims=1),
        node("Mul", "sum nothing", "zeros"),
        node("Add", "cells zeros", "boxes"),
        node("Concat", "boxes scores", "once", axis=1),
        node("Concat", "once once once", "thrice", axis=2),
        node("Transpose", "thrice", "output0", perm=[0, 2, 1]),
    ]
    return saved(path, nodes, {"images": ["batch", 3, size_px[1], size_px[0]]}, ["output0"], constants, **more)


def detector_end_to_end(path: Path, num_rows: int = 300, size_px: tuple[int, int] = (320, 320), **more: object) -> Path:
    """YOLO26's signature: [B, 300, 6]: the best cells as x0, y0, x1, y1, score, class 0."""
    nodes, constants = redness(1)
    centre = cells(*size_px)
    corners = np.concatenate([centre[:2] - centre[2:] / 2, centre[:2] + centre[2:] / 2])
    constants |= {
        "rows": np.concatenate([corners, np.zeros((1, corners.shape[1]), np.float32)]).T.copy(),  # [N, 5]: box, class
        "count": np.array([num_rows]),
        "score_axis": np.array([1]),
        "column_axis": np.array([2]),
    }
    nodes += [
        node("Squeeze", "scores score_axis", "flat_scores"),
        node("TopK", "flat_scores count", "best where", axis=1),
        node("Gather", "rows where", "best_rows", axis=0),
        node("Unsqueeze", "best column_axis", "best_column"),
        node("Split", "best_rows parts", "boxes classes", axis=2),
        node("Concat", "boxes best_column classes", "output0", axis=2),
    ]
    constants["parts"] = np.array([4, 1])
    return saved(path, nodes, {"images": ["batch", 3, size_px[1], size_px[0]]}, ["output0"], constants, **more)


def inpainter(
    path: Path,
    size_px: tuple[int, int] | None = None,
    batch: int | str = "batch",
    scale: float = 1.0,
    half: bool = False,
) -> Path:
    """LaMa's signature: image [B, 3, H, W] of 0 to 1, mask [B, 1, H, W] → image times `scale`; `size_px` is (H, W).

    The hole gets the mean colour of the known pixels; those stay.
    """
    dtype, kind = (np.float16, TensorProto.FLOAT16) if half else (np.float32, TensorProto.FLOAT)
    constants = {
        "one": np.array(1, dtype),
        "least": np.array(1e-3, dtype),
        "scale": np.array(scale, dtype),
        "sides": np.array([2, 3]),
    }
    nodes = [
        node("Sub", "one mask", "is_known"),
        node("Mul", "image is_known", "known"),
        node("ReduceMean", "known", "sum", axes=[2, 3], keepdims=1),
        node("ReduceMean", "is_known", "share", axes=[2, 3], keepdims=1),
        node("Max", "share least", "some"),
        node("Div", "sum some", "mean"),
        node("Mul", "mean mask", "fill"),
        node("Add", "known fill", "whole"),
        node("Mul", "whole scale", "output"),
    ]
    sides = size_px or ("height", "width")
    shapes = {"image": [batch, 3, *sides], "mask": [batch, 1, *sides]}
    return saved(path, nodes, shapes, ["output"], constants, dtype=kind)
