"""The classifier's network: the detector's, looking closer, and what it says of the crop's middle.

It begins as the detector does and ends with its features averaged over the box and over the whole crop, and at their
strongest within the box. What these tell is added to what the detector said.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.detector.net import HEAD_CHANNELS, STRIDE_PX, DetectorNet

HIDDEN = 64
LOWEST = -30.0  # below any feature


class ClassifierNet(nn.Module):
    """Crops [B, 4, 96, 192] in [0, 1] and the detector's scores [B], to logits [B].

    Args:
        detector: what it begins as.
    """

    def __init__(self, detector: DetectorNet) -> None:
        super().__init__()
        self.eyes = detector
        self.say = nn.Sequential(nn.Linear(3 * HEAD_CHANNELS, HIDDEN), nn.ReLU(), nn.Dropout(0.2), nn.Linear(HIDDEN, 1))
        self.trust = nn.Parameter(torch.ones(1))
        nn.init.zeros_(self.say[-1].weight)

    def forward(self, crops: Tensor, scores: Tensor) -> Tensor:
        features = self.eyes.features(crops[:, :-1])
        box = nn.functional.avg_pool2d(crops[:, -1:], STRIDE_PX)
        within = (features * box).sum((2, 3)) / box.sum((2, 3)).clamp(min=1e-3)
        strongest = torch.where(box > 0, features, torch.full_like(features, LOWEST)).amax((2, 3))
        told = self.say(torch.cat([within, strongest, features.mean((2, 3))], 1))[:, 0]
        return told + self.trust * torch.logit(scores, 1e-3)
