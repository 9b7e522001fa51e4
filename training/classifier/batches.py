"""Batches of places for the classifier, each shown a little otherwise every time, in the generator's order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blanklogo.detection.crops import CROP_PX, NUM_PLANES, Corners, crop
from training.classifier.proposals import Proposals, load_proposals
from training.detector.batches import Shard, load_shard

SHARDS_AT_ONCE = 4
EASY, EASY_SHARE = 0.1, 0.3  # the detector's score of what is easily told, and how much of it is learnt from
JITTER = 0.1  # of a box's sides, standard deviation of where they are shown
LIGHT, GAMMA = (0.6, 1.3), (0.7, 1.4)  # another contrast, and another curve
TURNED_ROUND = 0.2  # of the crops: dark becomes light
NOISE = 3.0  # code values, at most
QUIET = 0.3  # of the crops, in which the light and the noise over time are as in another film
STILLER = (-25.0, 10.0)  # code values of the deviation's picture


@dataclass(frozen=True, eq=False)
class Batch:
    """Attributes:
    crops: float32 [B, 4, 96, 192] in [0, 1].
    scores: the detector's, float32 [B].
    targets: how much each is a mark, float32 [B].
    boxes: the mark's outline in px of the crop, float32 [B, 4]; of no meaning where there is none.
    """

    crops: Tensor
    scores: Tensor
    targets: Tensor
    boxes: Tensor


def epoch(paths: Sequence[Path], batch_size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Every place that is worth it once, augmented; a few shards at a time, mixed."""
    order = rng.permutation(len(paths))
    for start in range(0, len(order), SHARDS_AT_ONCE):
        chosen = [paths[index] for index in order[start : start + SHARDS_AT_ONCE]]
        shards, proposals = [load_shard(path) for path in chosen], [load_proposals(path) for path in chosen]
        places = [(number, place) for number, one in enumerate(proposals) for place in _worth(one, rng)]
        rng.shuffle(places)
        for first in range(0, len(places) - batch_size + 1, batch_size):
            picked = places[first : first + batch_size]
            yield _batch([(shards[number], proposals[number], place) for number, place in picked], rng)


def _worth(proposals: Proposals, rng: np.random.Generator) -> list[int]:
    """Which places are learnt from this time: of those that are easily told, a share."""
    is_easy = (proposals.targets == 0) & (proposals.boxes[:, 4] < EASY)
    return np.flatnonzero(~is_easy | (rng.random(len(is_easy)) < EASY_SHARE)).tolist()


def _batch(picked: Sequence[tuple[Shard, Proposals, int]], rng: np.random.Generator) -> Batch:
    pixels = np.zeros((len(picked), NUM_PLANES, *CROP_PX), np.uint8)
    boxes = np.zeros((len(picked), 4), np.float32)
    for row, (shard, proposals, place) in enumerate(picked):
        shown = crop(shard.statistics[proposals.windows[place]], _jittered(proposals.boxes[place, :4], rng))
        x0, y0, x1, y1 = shown.inside(_corners(proposals.truths[place]))
        is_mirrored = rng.random() < 0.5
        pixels[row] = otherwise(shown.pixels[:, :, ::-1] if is_mirrored else shown.pixels, rng)
        boxes[row] = (CROP_PX[1] - x1, y0, CROP_PX[1] - x0, y1) if is_mirrored else (x0, y0, x1, y1)
    targets = np.array([proposals.targets[place] for _, proposals, place in picked], np.float32)
    scores = np.array([proposals.boxes[place, 4] for _, proposals, place in picked], np.float32)
    crops = torch.from_numpy(pixels).float() / 255
    return Batch(crops, *(torch.from_numpy(part) for part in (scores, targets, boxes)))


def otherwise(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A crop in another light: sample pictures are few, and a network learns them by heart.

    Args:
        pixels: of a crop, uint8 [4, 96, 192]. Where it shows nothing, beyond the frame, nothing is shown still.
    """
    mean, deviation, coherence, place = pixels
    is_shown = pixels[:3].any(0)
    levels = np.linspace(0, 1, 256) ** rng.uniform(*GAMMA) * 255
    levels = 128 + (levels - 128) * rng.uniform(*LIGHT) + rng.uniform(-25, 25)
    if rng.random() < TURNED_ROUND:
        levels = 255 - levels
    noise = rng.standard_normal(mean.shape, np.float32) * np.float32(rng.uniform(0, NOISE))
    shown = np.clip(levels.astype(np.float32)[mean] + noise, 0, 255)
    moved = np.clip(deviation + rng.uniform(*STILLER), 0, 255) if rng.random() < QUIET else deviation
    planes = [np.where(is_shown, plane, 0) for plane in (shown, moved, coherence)]
    return np.stack([*planes, place]).astype(np.uint8)


def _jittered(box: NDArray[np.float32], rng: np.random.Generator) -> Corners:
    size = np.tile(box[2:] - box[:2], 2)
    x0, y0, x1, y1 = (box + rng.normal(0, JITTER, 4) * size).tolist()
    return x0, y0, max(x0 + 1, x1), max(y0 + 1, y1)


def _corners(box: NDArray[np.float32]) -> Corners:
    x0, y0, x1, y1 = box.tolist()
    return x0, y0, x1, y1
