"""The trained classifier as an ONNX file: uint8 crops and the detector's scores in, the places' scores out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from blanklogo.detection.crops import CROP_PX, NUM_PLANES
from training.classifier.net import ClassifierNet
from training.halved import halved

OPSET = 17
TOLERANCE = 1e-2  # of a score


class _Exported(nn.Module):
    def __init__(self, net: ClassifierNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, crops: Tensor, scores: Tensor) -> Tensor:
        return torch.sigmoid(self.net(crops.float() / 255, scores))


def export(net: ClassifierNet, path: Path) -> None:
    """Write the file and compare it with the net.

    Raises:
        ValueError: ONNX Runtime answers otherwise than PyTorch.
    """
    module = _Exported(net.eval()).eval()
    example = _example()
    torch.onnx.export(
        module,
        example,
        str(path),
        dynamo=False,
        opset_version=OPSET,
        input_names=["crops", "scores"],
        output_names=["marks"],
        dynamic_axes={"crops": {0: "batch"}, "scores": {0: "batch"}, "marks": {0: "batch"}},
    )
    onnx.save(halved(onnx.load(path)), path)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {"crops": example[0].numpy(), "scores": example[1].numpy()})
    with torch.no_grad():
        apart = float(np.abs(np.asarray(answer) - module(*example).numpy()).max())
    if apart > TOLERANCE:
        raise ValueError(f"{path} is {apart:.3f} off PyTorch's result")


def _example() -> tuple[Tensor, Tensor]:
    crops = torch.randint(0, 256, (3, NUM_PLANES, *CROP_PX), dtype=torch.uint8)
    crops[:, -1] = 0
    crops[:, -1, 30:60, 40:150] = 255
    return crops, torch.tensor([0.1, 0.5, 0.9])
