"""Batches from shards on disk, in an order that only the seed and the epoch decide; one shard in memory at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_LISTS = ("boxes", "kinds")
SEAM_STEP_PX = 32


@dataclass(frozen=True)
class Batch:
    """Attributes:
    pictures: [B, 3, H, W] in [0, 1].
    boxes: of each picture, px [n, 4].
    kinds: of each picture's boxes, int64 [n]: `MARK` or `LETTERING`.
    coverage: [B, 1, H / 8, W / 8] in [0, 1].
    """

    pictures: Tensor
    boxes: list[Tensor]
    kinds: list[Tensor]
    coverage: Tensor


@dataclass(frozen=True, eq=False)
class Shard:
    statistics: NDArray[np.uint8]
    coverage: NDArray[np.uint8]
    boxes: list[NDArray[np.float32]]
    kinds: list[NDArray[np.uint8]]

    def batch(self, indices: Sequence[int]) -> Batch:
        pictures = torch.from_numpy(self.statistics[list(indices)]).float() / 255
        coverage = torch.from_numpy(self.coverage[list(indices)]).float()[:, None] / 255
        boxes = [torch.from_numpy(self.boxes[index]) for index in indices]
        kinds = [torch.from_numpy(self.kinds[index]).long() for index in indices]
        return Batch(pictures, boxes, kinds, coverage)


def load_shard(path: Path) -> Shard:
    with np.load(path) as stored:
        statistics, owners = stored["statistics"], stored["owners"]
        boxes, kinds = ([stored[name][owners == index] for index in range(len(statistics))] for name in _LISTS)
        return Shard(statistics, stored["coverage"], boxes, kinds)


def epoch(paths: Sequence[Path], batch_size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Every window once, augmented, shard by shard in a random order."""
    for shard_index in rng.permutation(len(paths)):
        shard = load_shard(paths[shard_index])
        order = rng.permutation(len(shard.boxes))
        for start in range(0, len(order), batch_size):
            yield augmented(shard.batch(order[start : start + batch_size].tolist()), rng)


def augmented(batch: Batch, rng: np.random.Generator) -> Batch:
    """Mirrored half of the time, half of the pictures joined of two, and all in another light."""
    if rng.random() < 0.5:
        batch = _mirrored(batch)
    pictures = batch.pictures.clone()
    gain = torch.tensor(rng.uniform(0.8, 1.2, (len(pictures), 1, 1)), dtype=torch.float32)
    pictures[:, 0] = (pictures[:, 0] * gain).clamp(0, 1)
    return _joined(replace(batch, pictures=pictures), rng)


def _mirrored(batch: Batch) -> Batch:
    width = batch.pictures.shape[-1]
    boxes = [torch.stack([width - box[:, 2], box[:, 1], width - box[:, 0], box[:, 3]], 1) for box in batch.boxes]
    return Batch(batch.pictures.flip(-1), boxes, batch.kinds, batch.coverage.flip(-1))


def _joined(batch: Batch, rng: np.random.Generator) -> Batch:
    """The left of one picture beside the right of another, for half of them; where a box would be cut, none is."""
    pictures, coverage = batch.pictures.clone(), batch.coverage.clone()
    boxes, kinds = list(batch.boxes), list(batch.kinds)
    width = pictures.shape[-1]
    for index in np.flatnonzero(rng.random(len(boxes)) < 0.5):
        other = int(rng.integers(len(boxes)))
        seam = SEAM_STEP_PX * int(rng.integers(width // 4 // SEAM_STEP_PX, 3 * width // 4 // SEAM_STEP_PX + 1))
        both = torch.cat([batch.boxes[index], batch.boxes[other]])
        if bool(((both[:, 0] < seam) & (both[:, 2] > seam)).any()):
            continue
        pictures[index, :, :, seam:] = batch.pictures[other, :, :, seam:]
        cell = seam * coverage.shape[-1] // width
        coverage[index, :, :, cell:] = batch.coverage[other, :, :, cell:]
        left, right = batch.boxes[index][:, 2] <= seam, batch.boxes[other][:, 0] >= seam
        boxes[index] = torch.cat([batch.boxes[index][left], batch.boxes[other][right]])
        kinds[index] = torch.cat([batch.kinds[index][left], batch.kinds[other][right]])
    return Batch(pictures, boxes, kinds, coverage)
