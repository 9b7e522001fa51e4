"""The detector's network: a small residual pyramid with one head at a stride of 8 px.

======== ======== =========== =====================================================
stage    stride   channels    made of
======== ======== =========== =====================================================
stem     4        16          2x2 px to channels, 3x3 convolution, one residual block
near     8        40          two residual blocks
middle   16       72          two residual blocks
far      32       128         one residual block, the frame's mean added
head     8        56          far and middle brought up and added, two convolutions
======== ======== =========== =====================================================

Anchor-free (Tian et al. 2019, FCOS): each cell of 8x8 px says how sure it is that it lies in the middle of a mark, and
of lettering that is no mark (a caption, small print, a score board), and how far that thing's four sides are from the
cell's middle. A third output, how much of the cell a mark covers, is trained
beside them and left out of the exported file: it teaches what a mark looks like where boxes only say where.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

STRIDE_PX = 8
NUM_KINDS = 2  # marks, and lettering that is none
CHANNELS = (16, 40, 72, 128)
HEAD_CHANNELS = 56
FIRST_SCORE = 0.01  # what an untrained net says of every cell (Lin et al. 2017): training starts calmly


def conv(inside: int, outside: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, size, stride, size // 2, bias=False), nn.BatchNorm2d(outside), nn.ReLU(inplace=True)
    )


class Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv(channels, channels)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(self.first(x)))


class DetectorNet(nn.Module):
    """[B, 3, H, W] in [0, 1], H and W multiples of 32, to (scores, sides, coverage).

    Scores are logits [B, 2, H / 8, W / 8], of marks and of lettering; sides are px [B, 4, H / 8, W / 8]; coverage is
    logits [B, 1, H / 8, W / 8].
    """

    def __init__(self) -> None:
        super().__init__()
        first, near, middle, far = CHANNELS
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), conv(12, first, stride=2), Residual(first))
        self.near = nn.Sequential(conv(first, near, stride=2), Residual(near), Residual(near))
        self.middle = nn.Sequential(conv(near, middle, stride=2), Residual(middle), Residual(middle))
        self.far = nn.Sequential(conv(middle, far, stride=2), Residual(far))
        self.frame = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(far, far, 1))
        self.from_far = conv(far, middle, 1)
        self.blend_middle = conv(middle, middle)
        self.from_middle = conv(middle, HEAD_CHANNELS, 1)
        self.from_near = conv(near, HEAD_CHANNELS, 1)
        self.head = nn.Sequential(conv(HEAD_CHANNELS, HEAD_CHANNELS), conv(HEAD_CHANNELS, HEAD_CHANNELS))
        self.out = nn.Conv2d(HEAD_CHANNELS, NUM_KINDS + 5, 1)
        nn.init.zeros_(self.out.weight[NUM_KINDS : NUM_KINDS + 4])
        nn.init.constant_(self.out.bias[:NUM_KINDS], math.log(FIRST_SCORE / (1 - FIRST_SCORE)))

    def features(self, x: Tensor) -> Tensor:
        """What the head makes of a picture, [B, HEAD_CHANNELS, H / 8, W / 8]."""
        stem = self.stem(_stretched(x))
        near = self.near(stem)
        middle = self.middle(near)
        far = self.far(middle)
        far = far + self.frame(far)
        middle = self.blend_middle(middle + _doubled(self.from_far(far)))
        return self.head(self.from_near(near) + _doubled(self.from_middle(middle)))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        out = self.out(self.features(x))
        scores, sides, coverage = out.split((NUM_KINDS, 4, 1), 1)
        return scores, STRIDE_PX * torch.exp(sides.float().clamp(-6, 6)), coverage


def boxes_of(sides: Tensor) -> Tensor:
    """Boxes x0, y0, x1, y1 in px [B, 4, h, w] from the distances of their sides."""
    height, width = sides.shape[-2:]
    y = (torch.arange(height, dtype=sides.dtype, device=sides.device) + 0.5)[:, None] * STRIDE_PX
    x = (torch.arange(width, dtype=sides.dtype, device=sides.device) + 0.5)[None] * STRIDE_PX
    left, top, right, bottom = sides.unbind(1)
    return torch.stack([x - left, y - top, x + right, y + bottom], 1)


def _stretched(x: Tensor) -> Tensor:
    return (x - 0.4) * 3


def _doubled(x: Tensor) -> Tensor:
    return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
