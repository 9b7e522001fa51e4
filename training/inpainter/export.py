"""From a trained net to the file that is shipped: ONNX, its weights as 16-bit floats, its arithmetic in 32 bits.

Half the bytes cost nothing in quality (weights lie well within what 16 bits hold; the export measures it), and no
operator has to know 16-bit arithmetic: each weight is cast when the session is opened.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

from training.halved import halved
from training.inpainter.net import SIZE_STEP, Inpainter
from training.inpainter.train import trained

NAME = "blanklogo-inpainter.onnx"
_OPSET = 18
_TRIED_SIZES = ((64, 96), (128, 192), (240, 336))
_LARGEST_DIFFERENCE = 0.5  # code values, of the file's fill against PyTorch's


def export(folder: Path) -> dict:
    """Writes `NAME` into the folder and tries it; its size, hash, and how far it is from PyTorch's result.

    Raises:
        ValueError: what ONNX Runtime computes from it is not what PyTorch does.
    """
    net, about = trained(folder)
    model = halved(_exported(net))
    model.doc_string = f"fills holes; trained for {about['step']} steps on crops {about['crops']}"
    data = model.SerializeToString()
    (folder / NAME).write_bytes(data)
    worst = max(_difference(net, data, size) for size in _TRIED_SIZES)
    if worst > _LARGEST_DIFFERENCE:
        raise ValueError(f"{NAME} is {worst:.2f} code values off PyTorch's result")
    digest = hashlib.sha256(data).hexdigest()
    return {"file": NAME, "bytes": len(data), "sha256": digest, "worst_difference": round(worst, 4)}


def _exported(net: Inpainter) -> onnx.ModelProto:
    """With height and width free, in steps of `SIZE_STEP`."""
    smooth, hole = torch.zeros(1, 3, 64, 96), torch.zeros(1, 1, 64, 96)
    free = {axis: torch.export.Dim(name, min=2, max=256) * SIZE_STEP for axis, name in ((2, "rows"), (3, "columns"))}
    program = torch.onnx.export(
        net,
        (smooth, hole),
        input_names=["smooth", "hole"],
        output_names=["filled", "error"],
        opset_version=_OPSET,
        dynamic_shapes=(free, free),
        dynamo=True,
        verbose=False,
    )
    assert program is not None  # it is None only where a file was asked for
    return program.model_proto


def _difference(net: Inpainter, data: bytes, size: tuple[int, int]) -> float:
    """The largest difference of the fills, in code values."""
    rng = np.random.default_rng(1)
    smooth = rng.uniform(0, 255, (1, 3, *size)).astype(np.float32)
    hole = (rng.random((1, 1, *size)) < 0.3).astype(np.float32)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    shown = session.run(["filled"], {"smooth": smooth, "hole": hole})[0]
    with torch.no_grad():
        told, _ = net(torch.from_numpy(smooth), torch.from_numpy(hole))
    return float(np.abs(np.asarray(shown) - told.numpy()).max())
