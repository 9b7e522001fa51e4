"""Windows written to disk in shards, each made from its own seed: resumable, and the same however many at once."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from training.detector.windows import PER_SHOT, Window, make_windows

SHARD_WINDOWS = 200
TALL_EVERY = 5  # every fifth shard is of tall frames
HELD_OUT_SEED = 1_000_003


def compose(
    folder: Path, num_shards: int, *, seed: int, jobs: int, held_out: bool, windows: int = SHARD_WINDOWS
) -> None:
    """Make the shards that are not there yet. Tells each one."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [index for index in range(num_shards) if not shard_path(folder, index).exists()]
    work = partial(_make_shard, folder, seed + HELD_OUT_SEED * held_out, held_out, windows)
    with ProcessPoolExecutor(jobs) as pool:
        for index in pool.map(work, missing):
            print(f"shard {index + 1} of {num_shards}", flush=True)


def shard_path(folder: Path, index: int) -> Path:
    return folder / f"windows{index:04d}.npz"


def _make_shard(folder: Path, seed: int, held_out: bool, num_windows: int, index: int) -> int:
    cv2.setNumThreads(1)
    rng = np.random.default_rng([seed, index])
    is_tall = index % TALL_EVERY == TALL_EVERY - 1
    num_shots = -(-num_windows // PER_SHOT)
    made = [window for _ in range(num_shots) for window in make_windows(rng, is_tall=is_tall, held_out=held_out)]
    _save(made[:num_windows], shard_path(folder, index))
    return index


def _save(made: list[Window], path: Path) -> None:
    owners = np.repeat(np.arange(len(made)), [len(window.boxes) for window in made])
    partial_path = path.with_suffix(".part")
    with partial_path.open("wb") as file:
        np.savez(
            file,
            statistics=np.stack([window.statistics for window in made]),
            coverage=np.stack([window.coverage for window in made]),
            boxes=np.concatenate([window.boxes for window in made]),
            kinds=np.concatenate([window.kinds for window in made]),
            owners=owners.astype(np.int32),
        )
    partial_path.rename(path)
