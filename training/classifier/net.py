"""The classifier's network: a small residual pyramid over a crop, and what it says of the crop's middle.

======== ======== =========== ============================================
stage    stride   channels    made of
======== ======== =========== ============================================
stem     2        24          2x2 px to channels, 3x3 convolution, one residual block
near     4        48          two residual blocks
far      8        96          two residual blocks
======== ======== =========== ============================================

The last stage is averaged over the box and over the whole crop, and both together tell whether the box is a mark.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from blanklogo.detection.crops import NUM_PLANES
from training.detector.net import Residual, conv

CHANNELS = (24, 48, 96)
HIDDEN = 64


class ClassifierNet(nn.Module):
    """Crops [B, 4, 96, 192] in [0, 1] to logits [B]."""

    def __init__(self) -> None:
        super().__init__()
        first, near, far = CHANNELS
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), conv(4 * NUM_PLANES, first), Residual(first))
        self.near = nn.Sequential(conv(first, near, stride=2), Residual(near), Residual(near))
        self.far = nn.Sequential(conv(near, far, stride=2), Residual(far), Residual(far))
        self.say = nn.Sequential(nn.Linear(2 * far, HIDDEN), nn.ReLU(), nn.Dropout(0.2), nn.Linear(HIDDEN, 1))

    def forward(self, x: Tensor) -> Tensor:
        far = self.far(self.near(self.stem((x - 0.4) * 3)))
        inside = nn.functional.avg_pool2d(x[:, -1:], 8)
        within = (far * inside).sum((2, 3)) / inside.sum((2, 3)).clamp(min=1e-3)
        return self.say(torch.cat([within, far.mean((2, 3))], 1))[:, 0]
