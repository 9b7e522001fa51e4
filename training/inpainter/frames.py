"""Pictures of the size of video frames, which crops are cut from.

Most are photographs, because what a hole shows is mostly a photograph: the sample pictures of `training.sources` and
the larger ones beside them. The others are made.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.types.arrays import Values
from training.sources.backgrounds import background
from training.sources.pictures import large_pictures, sample_pictures

Picture = NDArray[np.uint8]  # R'G'B' [H, W, 3]

_LARGE_SHARE, _SAMPLE_SHARE = 0.35, 0.8  # of frames: up to the first large photographs, up to the second samples
_LARGE_HEIGHT_PX = (360, 1100)  # that a large photograph is brought to: the lines of video frames
_SAMPLE_FACTOR = (0.6, 1.15)
_LARGEST_SIDE_PX = 900  # of the part that is kept


def frame(rng: np.random.Generator, least_px: tuple[int, int], *, held_out: bool = False) -> Values:
    """A picture of at least this (height, width), R'G'B' float32 [H, W, 3] in [0, 1]; even sides."""
    kind = rng.random()
    large = _large(held_out)
    if kind < _LARGE_SHARE and large:
        source = large[int(rng.integers(len(large)))]
        picture = _scaled(source, rng.uniform(*_LARGE_HEIGHT_PX) / source.shape[0], least_px, rng)
    elif kind < _SAMPLE_SHARE:
        samples = _samples(held_out)
        source = samples[int(rng.integers(len(samples)))]
        picture = _scaled(source, rng.uniform(*_SAMPLE_FACTOR), least_px, rng)
    else:
        height, width = 2 * int(rng.integers(135, 270)), 2 * int(rng.integers(240, 440))
        picture = background(height, width, rng, held_out=held_out)
    return _relit(picture, rng)


def _scaled(source: Picture, factor: float, least_px: tuple[int, int], rng: np.random.Generator) -> Picture:
    """A part of a picture, brought to a size, mirrored and turned by chance."""
    if rng.random() < 0.5:
        source = source[:, ::-1]
    if rng.random() < 0.15:
        source = np.rot90(source)
    needed = max(least_px[0] / source.shape[0], least_px[1] / source.shape[1])
    factor = max(factor, 1.01 * needed)
    part = [min(side, round(_LARGEST_SIDE_PX / factor)) for side in source.shape[:2]]
    top, left = (int(rng.integers(side - kept + 1)) for side, kept in zip(source.shape, part, strict=False))
    cut = np.ascontiguousarray(source[top : top + part[0], left : left + part[1]])
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    size = (round(part[1] * factor) // 2 * 2, round(part[0] * factor) // 2 * 2)
    return np.asarray(cv2.resize(cut, size, interpolation=way), np.uint8)


def _relit(picture: Picture, rng: np.random.Generator) -> Values:
    """Another gain, gamma and tint, and a little blur for half of them: most footage is softer than a photograph."""
    values = picture.astype(np.float32) / 255
    gain = (rng.uniform(0.7, 1.1) * rng.uniform(0.92, 1.08, 3)).astype(np.float32)
    values = np.clip(gain * values ** np.float32(rng.uniform(0.75, 1.35)), 0, 1)
    sigma_px = max(0.0, rng.uniform(-0.9, 0.9))
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma_px), np.float32) if sigma_px > 0.2 else values


@lru_cache(maxsize=2)
def _samples(held_out: bool) -> tuple[Picture, ...]:
    return tuple(sample.pixels for sample in sample_pictures() if sample.is_held_out == held_out)


@lru_cache(maxsize=2)
def _large(held_out: bool) -> tuple[Picture, ...]:
    """Empty where the package is missing."""
    return tuple(sample.pixels for sample in large_pictures() if sample.is_held_out == held_out)
