"""What the classifier learns from: the places that the detector proposes in made windows, and what they truly are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.finders import StatisticsFinder
from blanklogo.models.session import load_session
from training.detector.batches import Shard, load_shard
from training.detector.evaluate import overlaps
from training.detector.windows import MARK

NO_MARK, IS_MARK = 0.15, 0.4  # overlap with a mark: up to the one a place is none, from the other on it is one


@dataclass(frozen=True, eq=False)
class Proposals:
    """Attributes:
    windows: index of each one's window in its shard, int64 [n].
    boxes: x0, y0, x1, y1 and the detector's score, float32 [n, 5].
    targets: how much it is a mark, in [0, 1], float32 [n].
    truths: x0, y0, x1, y1 of the mark that it overlaps most, float32 [n, 4]; its own where it overlaps none.
    """

    windows: NDArray[np.int64]
    boxes: NDArray[np.float32]
    targets: NDArray[np.float32]
    truths: NDArray[np.float32]


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
        return Proposals(stored["windows"], stored["boxes"], stored["targets"], stored["truths"])


def _proposals(finder: StatisticsFinder, shard: Shard) -> Proposals:
    windows, boxes, targets, truths = [], [], [], []
    for index, picture in enumerate(shard.statistics):
        found = np.array([(*one.corners, one.score) for one in finder.proposed(picture)], np.float32).reshape(-1, 5)
        truth = shard.boxes[index][shard.kinds[index] == MARK]
        best, mine = np.zeros(len(found), np.float32), found[:, :4].copy()
        if len(truth):
            shared = overlaps(truth, found)
            best = shared.max(0)
            mine[best > 0] = truth[shared.argmax(0)][best > 0]
        windows += [index] * len(found)
        boxes.append(found)
        targets.append(np.clip((best - NO_MARK) / (IS_MARK - NO_MARK), 0, 1).astype(np.float32))
        truths.append(mine)
    return Proposals(np.array(windows, np.int64), *(np.concatenate(part) for part in (boxes, targets, truths)))


def _beside(path: Path) -> Path:
    return path.with_name(path.name.replace("windows", "proposals"))
