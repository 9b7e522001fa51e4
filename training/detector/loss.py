"""What the detector is taught by.

Cells near a box's middle are to find it: those within `CENTRE_CELLS` of it and inside the box, at least one. Their
score is taught to be the overlap that they reach (quality focal loss, Li et al. 2020, `|y - p|² BCE(p, y)`), their
sides by generalised intersection over union (Rezatofighi et al. 2019), the coverage by cross entropy.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from training.detector.net import STRIDE_PX, boxes_of

CENTRE_CELLS = 1.5
BOX_WEIGHT, COVERAGE_WEIGHT = 2.0, 0.5


@dataclass(frozen=True)
class Targets:
    """Attributes:
    boxes: of each cell, px [B, 4, h, w]; of no meaning where it is not positive.
    is_positive: bool [B, h, w].
    coverage: in [0, 1] [B, 1, h, w].
    """

    boxes: Tensor
    is_positive: Tensor
    coverage: Tensor

    def to(self, device: str) -> Targets:
        return Targets(self.boxes.to(device), self.is_positive.to(device), self.coverage.to(device))


def assign(boxes: list[Tensor], coverage: Tensor) -> Targets:
    """Which cell is to find which of each picture's boxes [n, 4]; the smaller box wins a cell that two claim."""
    num, _, height, width = coverage.shape
    target, positive = torch.zeros(num, 4, height, width), torch.zeros(num, height, width, dtype=torch.bool)
    y = (torch.arange(height) + 0.5)[:, None] * STRIDE_PX
    x = (torch.arange(width) + 0.5)[None] * STRIDE_PX
    for index, mine in enumerate(boxes):
        areas = (mine[:, 2] - mine[:, 0]) * (mine[:, 3] - mine[:, 1])
        for box in mine[areas.argsort(descending=True)]:
            middle = (box[:2] + box[2:]) / 2
            away = torch.maximum((x - middle[0]).abs(), (y - middle[1]).abs())
            inside = (x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])
            cells = (away <= CENTRE_CELLS * STRIDE_PX) & inside | (away == away.min())
            positive[index] |= cells
            target[index] = torch.where(cells, box[:, None, None], target[index])
    return Targets(target, positive, coverage)


def detector_loss(output: tuple[Tensor, Tensor, Tensor], targets: Targets) -> Tensor:
    """One number from the net's output."""
    scores, sides, coverage = output
    found = boxes_of(sides).permute(0, 2, 3, 1)[targets.is_positive]
    wanted = targets.boxes.permute(0, 2, 3, 1)[targets.is_positive]
    overlap, generalised = overlaps(found, wanted)
    quality = torch.zeros_like(scores[:, 0])
    quality[targets.is_positive] = overlap.detach().clamp(0.05, 1)
    num_positive = max(1, int(targets.is_positive.sum()))
    probability = torch.sigmoid(scores[:, 0])
    cross = functional.binary_cross_entropy_with_logits(scores[:, 0], quality, reduction="none")
    score_loss = ((probability - quality).abs() ** 2 * cross).sum() / num_positive
    box_loss = (1 - generalised).sum() / num_positive
    coverage_loss = functional.binary_cross_entropy_with_logits(coverage, targets.coverage)
    return score_loss + BOX_WEIGHT * box_loss + COVERAGE_WEIGHT * 4 * coverage_loss


def overlaps(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """(IoU, generalised IoU) of boxes [n, 4] with boxes [n, 4]."""
    inner = (torch.minimum(first[:, 2:], second[:, 2:]) - torch.maximum(first[:, :2], second[:, :2])).clamp(min=0)
    outer = torch.maximum(first[:, 2:], second[:, 2:]) - torch.minimum(first[:, :2], second[:, :2])
    common, hull = inner.prod(1), outer.prod(1).clamp(min=1e-6)
    union = ((first[:, 2:] - first[:, :2]).prod(1) + (second[:, 2:] - second[:, :2]).prod(1) - common).clamp(min=1e-6)
    iou = common / union
    return iou, iou - (hull - union) / hull
