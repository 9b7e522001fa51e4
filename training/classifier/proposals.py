"""What the classifier learns from: the places that the detector proposes in made windows, and what they truly are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from blanklogo.detection.crops import CROP_PX, NUM_PLANES, crop
from blanklogo.detection.finders import StatisticsFinder
from blanklogo.models.session import load_session
from training.detector.batches import Shard, load_shard
from training.detector.evaluate import overlaps
from training.detector.windows import MARK

SHARDS_AT_ONCE = 4
NO_MARK, IS_MARK = 0.3, 0.6  # overlap with a mark: up to the one a place is none, from the other on it is one
EASY, EASY_SHARE = 0.1, 0.3  # the detector's score of what is easily told, and how much of it is learnt from
JITTER = 0.06  # of a box's sides, standard deviation of where they are shown


@dataclass(frozen=True, eq=False)
class Proposals:
    """Attributes:
    windows: index of each one's window in its shard, int64 [n].
    boxes: x0, y0, x1, y1 and the detector's score, float32 [n, 5].
    targets: how much it is a mark, in [0, 1], float32 [n].
    """

    windows: NDArray[np.int64]
    boxes: NDArray[np.float32]
    targets: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Batch:
    """Attributes:
    crops: float32 [B, 4, 96, 192] in [0, 1].
    scores: the detector's, float32 [B].
    targets: float32 [B].
    """

    crops: Tensor
    scores: Tensor
    targets: Tensor


def propose(detector: Path, data: Path) -> None:
    """Write the proposals beside every shard in `data` that has none yet."""
    finder = StatisticsFinder(load_session(detector))
    for path in sorted(data.glob("windows*.npz")):
        if not _beside(path).exists():
            found = _proposals(finder, load_shard(path))
            _save(found, _beside(path))
            print(f"{len(found.windows)} places in {path.name}, {found.targets.sum():.0f} of them marks", flush=True)


def _save(found: Proposals, path: Path) -> None:
    """Whole or not at all: what is there is not made again."""
    with path.with_suffix(".part").open("wb") as file:
        np.savez(file, **vars(found))
    path.with_suffix(".part").rename(path)


def load_proposals(path: Path) -> Proposals:
    """Those of a shard. Raises FileNotFoundError: there are none."""
    with np.load(_beside(path)) as stored:
        return Proposals(stored["windows"], stored["boxes"], stored["targets"])


def epoch(paths: Sequence[Path], batch_size: int, rng: np.random.Generator) -> Iterator[Batch]:
    """Every place that is worth it once, augmented; a few shards at a time, mixed."""
    order = rng.permutation(len(paths))
    for start in range(0, len(order), SHARDS_AT_ONCE):
        chosen = [paths[index] for index in order[start : start + SHARDS_AT_ONCE]]
        shards, proposals = [load_shard(path) for path in chosen], [load_proposals(path) for path in chosen]
        places = [(number, place) for number, one in enumerate(proposals) for place in _worth(one, rng)]
        for first in range(0, len(places) - batch_size + 1, batch_size):
            if first == 0:
                rng.shuffle(places)
            picked = places[first : first + batch_size]
            yield _batch([(shards[number], proposals[number], place) for number, place in picked], rng)


def _worth(proposals: Proposals, rng: np.random.Generator) -> list[int]:
    """Which places are learnt from this time: of those that are easily told, a share."""
    is_easy = (proposals.targets == 0) & (proposals.boxes[:, 4] < EASY)
    return np.flatnonzero(~is_easy | (rng.random(len(is_easy)) < EASY_SHARE)).tolist()


def _batch(picked: Sequence[tuple[Shard, Proposals, int]], rng: np.random.Generator) -> Batch:
    crops = np.zeros((len(picked), NUM_PLANES, *CROP_PX), np.uint8)
    for row, (shard, proposals, place) in zip(crops, picked, strict=True):
        row[:] = crop(shard.statistics[proposals.windows[place]], _jittered(proposals.boxes[place, :4], rng))
        if rng.random() < 0.5:
            row[:] = row[:, :, ::-1]
        row[0] = np.clip(row[0] * rng.uniform(0.8, 1.2), 0, 255)
    targets = np.array([proposals.targets[place] for _, proposals, place in picked], np.float32)
    scores = np.array([proposals.boxes[place, 4] for _, proposals, place in picked], np.float32)
    return Batch(torch.from_numpy(crops).float() / 255, torch.from_numpy(scores), torch.from_numpy(targets))


def _jittered(box: NDArray[np.float32], rng: np.random.Generator) -> tuple[float, float, float, float]:
    size = np.tile(box[2:] - box[:2], 2)
    x0, y0, x1, y1 = (box + rng.normal(0, JITTER, 4) * size).tolist()
    return x0, y0, max(x0 + 1, x1), max(y0 + 1, y1)


def _proposals(finder: StatisticsFinder, shard: Shard) -> Proposals:
    windows, boxes, targets = [], [], []
    for index, picture in enumerate(shard.statistics):
        found = np.array([(*one.corners, one.score) for one in finder.proposed(picture)], np.float32).reshape(-1, 5)
        truth = shard.boxes[index][shard.kinds[index] == MARK]
        best = overlaps(truth, found).max(0) if len(truth) else np.zeros(len(found), np.float32)
        windows += [index] * len(found)
        boxes.append(found)
        targets.append(np.clip((best - NO_MARK) / (IS_MARK - NO_MARK), 0, 1).astype(np.float32))
    return Proposals(np.array(windows, np.int64), np.concatenate(boxes), np.concatenate(targets))


def _beside(path: Path) -> Path:
    return path.with_name(path.name.replace("windows", "proposals"))
