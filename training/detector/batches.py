"""Batches from shards on disk, in an order that only the seed and the epoch decide; one shard in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Attributes:
    pictures: [B, 3, H, W] in [0, 1].
    boxes: of each picture, px [n, 4].
    coverage: [B, 1, H / 8, W / 8] in [0, 1].
    """

    pictures: Tensor
    boxes: list[Tensor]
    coverage: Tensor


@dataclass(frozen=True, eq=False)
class Shard:
    statistics: NDArray[np.uint8]
    coverage: NDArray[np.uint8]
    boxes: list[NDArray[np.float32]]

    def batch(self, indices: Sequence[int]) -> Batch:
        pictures = torch.from_numpy(self.statistics[list(indices)]).float() / 255
        coverage = torch.from_numpy(self.coverage[list(indices)]).float()[:, None] / 255
        return Batch(pictures, [torch.from_numpy(self.boxes[index]) for index in indices], coverage)


def load_shard(path: Path) -> Shard:
    with np.load(path) as stored:
        statistics, owners, boxes = stored["statistics"], stored["owners"], stored["boxes"]
        return Shard(statistics, stored["coverage"], [boxes[owners == index] for index in range(len(statistics))])


def epoch(paths: Sequence[Path], batch_size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Every window once, augmented, shard by shard in a random order."""
    for shard_index in rng.permutation(len(paths)):
        shard = load_shard(paths[shard_index])
        order = rng.permutation(len(shard.boxes))
        for start in range(0, len(order), batch_size):
            yield augmented(shard.batch(order[start : start + batch_size].tolist()), rng)


def augmented(batch: Batch, rng: np.random.Generator) -> Batch:
    """Mirrored half of the time, and in another light."""
    pictures, boxes, coverage = batch.pictures, batch.boxes, batch.coverage
    if rng.random() < 0.5:
        width = pictures.shape[-1]
        pictures, coverage = pictures.flip(-1), coverage.flip(-1)
        boxes = [torch.stack([width - box[:, 2], box[:, 1], width - box[:, 0], box[:, 3]], 1) for box in boxes]
    gain = torch.tensor(rng.uniform(0.8, 1.2, (len(pictures), 1, 1)), dtype=torch.float32)
    pictures = pictures.clone()
    pictures[:, 0] = (pictures[:, 0] * gain).clamp(0, 1)
    return Batch(pictures, boxes, coverage)
