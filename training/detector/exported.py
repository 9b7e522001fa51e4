"""A net to train on, from an exported file: checkpoints are thrown away, shipped files are kept.

In the file every convolution holds the batch normalisation after it. Apart again, with the mean m and the variance v of
what the convolution gives,

    y * w + b  =  (y * w - m) / sqrt(v + e) * sqrt(v + e) + (m + b)

is a convolution by w, normalised by (m, v), scaled by sqrt(v + e) and moved by m + b. Each filter is brought to the
size that an untrained one has, which the normalisation undoes: how fast a filter learns depends on its size.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from training.detector.net import DetectorNet


@dataclass(frozen=True, eq=False)
class _Fused:
    """A convolution of the file with what followed it folded in: weights [o, i, h, w] and bias [o]."""

    weight: Tensor
    bias: Tensor


def net_of(path: Path, pictures: Tensor) -> DetectorNet:
    """The net of an exported file, its normalisations set by what they see in some pictures.

    Args:
        pictures: statistics to be seen in training, float32 [B, 3, H, W] in [0, 1].

    Raises:
        ValueError: the file's convolutions are not those of a `DetectorNet`.
    """
    net = DetectorNet().eval()
    pairs = _pairs(net)
    fused = _convolutions(path)
    if [one.weight.shape for one in fused] != [conv.weight.shape for conv, _ in pairs]:
        raise ValueError(f"{path} holds another net than training/detector/net.py")
    for (conv, norm), one in zip(pairs, fused, strict=True):
        _put(one, conv, norm)
    _normalise([(conv, norm) for conv, norm in pairs if norm is not None], net, pictures)
    return net


def _convolutions(path: Path) -> list[_Fused]:
    """In the order in which they are computed."""
    graph = onnx.load(path).graph
    values = {one.name: torch.from_numpy(np.array(numpy_helper.to_array(one))) for one in graph.initializer}
    return [_Fused(values[node.input[1]], values[node.input[2]]) for node in graph.node if node.op_type == "Conv"]


def _pairs(net: DetectorNet) -> list[tuple[nn.Conv2d, nn.BatchNorm2d | None]]:
    """Every convolution with the normalisation after it, in the order in which they are computed."""
    called: list[nn.Module] = []
    layers = [module for module in net.modules() if isinstance(module, nn.Conv2d | nn.BatchNorm2d)]
    handles = [layer.register_forward_hook(lambda module, *_: called.append(module)) for layer in layers]
    with torch.no_grad():
        net(torch.zeros(1, 3, 64, 64))
    for handle in handles:
        handle.remove()
    following = [*called[1:], None]
    return [
        (one, after if isinstance(after, nn.BatchNorm2d) else None)
        for one, after in zip(called, following, strict=True)
        if isinstance(one, nn.Conv2d)
    ]


@torch.no_grad()
def _put(fused: _Fused, conv: nn.Conv2d, norm: nn.BatchNorm2d | None) -> None:
    """The file's weights, and a normalisation that does nothing but move."""
    conv.weight.copy_(fused.weight)
    if norm is None:
        assert conv.bias is not None
        conv.bias.copy_(fused.bias)
        return
    norm.running_mean.zero_()  # pyright: ignore[reportOptionalMemberAccess]
    norm.running_var.fill_(1 - norm.eps)  # pyright: ignore[reportOptionalMemberAccess]
    norm.weight.fill_(1)
    norm.bias.copy_(fused.bias)


@torch.no_grad()
def _normalise(pairs: list[tuple[nn.Conv2d, nn.BatchNorm2d]], net: DetectorNet, pictures: Tensor) -> None:
    """Set every normalisation by what comes to it, the net's answers as they were."""
    seen: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def look(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        del inputs
        seen[module] = output.mean((0, 2, 3)), output.var((0, 2, 3))

    handles = [conv.register_forward_hook(look) for conv, _ in pairs]
    net(pictures)
    for handle in handles:
        handle.remove()
    for conv, norm in pairs:
        mean, variance = seen[conv]
        size = conv.weight.square().mean((1, 2, 3)).sqrt().clamp(min=1e-6)
        factor = (3 * conv.weight[0].numel()) ** -0.5 / size
        conv.weight.mul_(factor[:, None, None, None])
        norm.bias.add_(mean)
        norm.weight.copy_((factor.square() * variance + norm.eps).sqrt() / factor)
        norm.running_mean.copy_(factor * mean)  # pyright: ignore[reportOptionalMemberAccess]
        norm.running_var.copy_(factor.square() * variance)  # pyright: ignore[reportOptionalMemberAccess]
