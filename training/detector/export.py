"""The trained net as an ONNX file in the layout of YOLOv8: [B, 6, N], rows cx, cy, w, h in px and the scores.

The file takes the statistics as they are made, uint8 [B, 3, H, W] with H and W multiples of 32, and scales them itself.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from training.detector.net import DetectorNet, boxes_of
from training.detector.windows import WIDE

OPSET = 17
TOLERANCE = 2e-2  # px, and score times 1: far below what decides anything


class _Exported(nn.Module):
    def __init__(self, net: DetectorNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, statistics: Tensor) -> Tensor:
        scores, sides, _ = self.net(statistics.float() / 255)
        boxes = boxes_of(sides)
        middle, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
        return torch.cat([middle, size, torch.sigmoid(scores)], 1).flatten(2)


def export(net: DetectorNet, path: Path) -> None:
    """Write the file and compare it with the net.

    Raises:
        AssertionError: ONNX Runtime answers otherwise than PyTorch.
    """
    module = _Exported(net.eval()).eval()
    example = torch.randint(0, 256, (2, 3, *WIDE), dtype=torch.uint8)
    torch.onnx.export(
        module,
        (example,),
        str(path),
        dynamo=False,
        opset_version=OPSET,
        input_names=["statistics"],
        output_names=["boxes"],
        dynamic_axes={"statistics": {0: "batch", 2: "height", 3: "width"}, "boxes": {0: "batch", 2: "cells"}},
    )
    onnx.checker.check_model(onnx.load(path))
    _compare(module, path, torch.randint(0, 256, (1, 3, 384, 512), dtype=torch.uint8))


def _compare(module: nn.Module, path: Path, example: Tensor) -> None:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {"statistics": example.numpy()})
    with torch.no_grad():
        expected = module(example).numpy()
    apart = float(np.abs(np.asarray(answer) - expected).max())
    assert apart < TOLERANCE, f"the exported file differs by {apart}"
