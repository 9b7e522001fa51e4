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

from training.detector.batches import Batch
from training.detector.net import NUM_KINDS, STRIDE_PX, boxes_of

CENTRE_CELLS = 1.5
BOX_WEIGHT, COVERAGE_WEIGHT = 2.0, 0.5


@dataclass(frozen=True)
class Targets:
    """Attributes:
    boxes: of each cell, px [B, 4, h, w]; of no meaning where it is not positive.
    is_positive: bool [B, h, w].
    kinds: what each positive cell's box holds, one-hot [B, NUM_KINDS, h, w]; zero elsewhere.
    coverage: in [0, 1] [B, 1, h, w].
    """

    boxes: Tensor
    is_positive: Tensor
    kinds: Tensor
    coverage: Tensor

    def to(self, device: str) -> Targets:
        return Targets(
            self.boxes.to(device), self.is_positive.to(device), self.kinds.to(device), self.coverage.to(device)
        )


def assign(batch: Batch) -> Targets:
    """Which cell is to find which of each picture's boxes; the smaller box wins a cell that two claim."""
    num, _, height, width = batch.coverage.shape
    target, kinds = torch.zeros(num, 4, height, width), torch.zeros(num, NUM_KINDS, height, width)
    y = (torch.arange(height) + 0.5)[:, None] * STRIDE_PX
    x = (torch.arange(width) + 0.5)[None] * STRIDE_PX
    for index, mine in enumerate(batch.boxes):
        areas = (mine[:, 2] - mine[:, 0]) * (mine[:, 3] - mine[:, 1])
        for number in areas.argsort(descending=True).tolist():
            box, one_hot = mine[number], torch.eye(NUM_KINDS)[batch.kinds[index][number]]
            middle = (box[:2] + box[2:]) / 2
            away = torch.maximum((x - middle[0]).abs(), (y - middle[1]).abs())
            inside = (x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])
            cells = (away <= CENTRE_CELLS * STRIDE_PX) & inside | (away == away.min())
            target[index] = torch.where(cells, box[:, None, None], target[index])
            kinds[index] = torch.where(cells, one_hot[:, None, None], kinds[index])
    return Targets(target, kinds.amax(1) > 0, kinds, batch.coverage)


def detector_loss(output: tuple[Tensor, Tensor, Tensor], targets: Targets) -> Tensor:
    """One number from the net's output."""
    scores, sides, coverage = output
    found = boxes_of(sides).permute(0, 2, 3, 1)[targets.is_positive]
    wanted = targets.boxes.permute(0, 2, 3, 1)[targets.is_positive]
    overlap, generalised = overlaps(found, wanted)
    reached = torch.zeros_like(scores[:, 0])
    reached[targets.is_positive] = overlap.detach().clamp(0.05, 1)
    quality = targets.kinds * reached[:, None]
    num_positive = max(1, int(targets.is_positive.sum()))
    probability = torch.sigmoid(scores)
    cross = functional.binary_cross_entropy_with_logits(scores, quality, reduction="none")
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
