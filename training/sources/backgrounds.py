"""What videos are made of before anyone marks them: pictures, made textures, and screens, at any size.

Sample pictures are few, so each is cropped, scaled, mirrored and recoloured; generated pictures stand beside them; and
half of all canvases hold several of both, as shots do that were cut together from layers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.testbed import scenery
from training.sources.negatives import sign
from training.sources.pictures import Sample, large_pictures, sample_pictures, tripod_frames
from training.sources.repeated import repeated
from training.sources.screens import screen

Picture = NDArray[np.uint8]  # R'G'B' [H, W, 3]

LARGE_HEIGHT_PX = 1000  # to which the large photographs are brought: they are looked into, and soon read


def background(height_px: int, width_px: int, rng: np.random.Generator, *, held_out: bool = False) -> Picture:
    """A picture of this size without a mark, uint8 [H, W, 3]."""
    kind = rng.random()
    if kind < 0.55:
        canvas = photograph(height_px, width_px, rng, held_out=held_out)
    elif kind < 0.84:
        canvas = _generated(height_px, width_px, rng)
    elif kind < 0.9:
        canvas = _coded(repeated(height_px, width_px, rng, held_out=held_out))
    else:
        canvas = screen(height_px, width_px, rng, held_out=held_out)
    if rng.random() < 0.4:
        canvas = _with_layers(canvas, rng, held_out)
    if rng.random() < 0.35:
        for _ in range(int(rng.integers(1, 4))):
            canvas = sign(canvas, rng, held_out=held_out)
    return _relit(canvas, rng)


def photograph(height_px: int, width_px: int, rng: np.random.Generator, *, held_out: bool = False) -> Picture:
    """A part of a sample picture, scaled so that it stays sharp enough to pass for a frame."""
    pictures = _pictures(held_out)
    source = pictures[int(rng.integers(len(pictures)))].pixels
    if rng.random() < 0.5:
        source = source[:, ::-1]
    least = max(height_px / source.shape[0], width_px / source.shape[1])
    factor = max(least, min(least * rng.uniform(1, max(1.8, 0.9 / least)), 1.6))
    size = (max(width_px, round(source.shape[1] * factor)), max(height_px, round(source.shape[0] * factor)))
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    grown = cv2.resize(np.ascontiguousarray(source), size, interpolation=way)
    top = int(rng.integers(grown.shape[0] - height_px + 1))
    left = int(rng.integers(grown.shape[1] - width_px + 1))
    crop = grown[top : top + height_px, left : left + width_px]
    if factor > 1:  # an enlarged picture is soft; frames are not, so its grain is put back
        crop = _grained(crop, rng, 3.0)
    return np.ascontiguousarray(crop)


@lru_cache(maxsize=2)
def _pictures(held_out: bool) -> Sequence[Sample]:
    found = [*sample_pictures(), *(_shrunk(sample) for sample in large_pictures())]
    samples = [sample for sample in found if sample.is_held_out == held_out]
    frames = [] if held_out else tripod_frames(120)[::20]
    return [*samples, *(Sample(f"street{index}", frame) for index, frame in enumerate(frames))]


def _shrunk(sample: Sample) -> Sample:
    factor = LARGE_HEIGHT_PX / sample.pixels.shape[0]
    pixels = cv2.resize(sample.pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return Sample(sample.name, np.asarray(pixels, np.uint8))


def _generated(height_px: int, width_px: int, rng: np.random.Generator) -> Picture:
    makers: list[Callable[[int, int, np.random.Generator], NDArray[np.float32]]] = [
        scenery.dead_leaves,
        scenery.sky,
        scenery.landscape,
        scenery.weave,
        _noise_field,
        _gradient,
        _stripes,
    ]
    weights = np.array([0.25, 0.15, 0.15, 0.07, 0.14, 0.14, 0.1])
    make = makers[int(rng.choice(len(makers), p=weights))]
    picture = make(height_px + height_px % 2, width_px + width_px % 2, rng)[:height_px, :width_px]
    return _coded(picture)


def _coded(picture: NDArray[np.float32]) -> Picture:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def _noise_field(height_px: int, width_px: int, rng: np.random.Generator) -> NDArray[np.float32]:
    noise = scenery.octave_noise(height_px, width_px, rng, float(rng.choice([32, 128, 512])))
    low, high = rng.uniform(0, 1, 3), rng.uniform(0, 1, 3)
    share = np.clip(0.5 + 0.25 * noise, 0, 1)[..., None]
    return (low * share + high * (1 - share)).astype(np.float32)


def _gradient(height_px: int, width_px: int, rng: np.random.Generator) -> NDArray[np.float32]:
    corners = rng.uniform(0.05, 0.95, (2, 2, 3)).astype(np.float32)
    return np.asarray(cv2.resize(corners, (width_px, height_px), interpolation=cv2.INTER_LINEAR), np.float32)


def _stripes(height_px: int, width_px: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Planks, shelves, tiles: straight edges at a few angles, of uneven widths."""
    angle, period = rng.uniform(0, np.pi), rng.uniform(12, 120)
    y, x = np.mgrid[:height_px, :width_px].astype(np.float32)
    across = (x * np.cos(angle) + y * np.sin(angle)) / period
    index = np.floor(across).astype(int)
    tones = rng.uniform(0.1, 0.9, (int(index.max() - index.min()) + 1, 3))
    picture = tones[index - index.min()]
    joint = np.clip(np.minimum(across % 1, 1 - across % 1) * period / 2, 0, 1)[..., None]
    grain = scenery.octave_noise(height_px, width_px, rng, 64)[..., None]
    return (picture * (0.4 + 0.6 * joint) * (1 + 0.06 * grain)).astype(np.float32)


def _with_layers(canvas: Picture, rng: np.random.Generator, held_out: bool) -> Picture:
    """Parts of other pictures in front, cut out as ellipses and polygons."""
    height, width = canvas.shape[:2]
    result = canvas.copy()
    for _ in range(int(rng.integers(1, 4))):
        h, w = int(height * rng.uniform(0.2, 0.7)), int(width * rng.uniform(0.15, 0.6))
        other = photograph(h, w, rng, held_out=held_out) if rng.random() < 0.6 else _generated(h, w, rng)
        top, left = int(rng.integers(-h // 3, height - h // 2)), int(rng.integers(-w // 3, width - w // 2))
        paste(result, other, shape_mask(h, w, rng), (left, top))
    return result


def shape_mask(height_px: int, width_px: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A soft-edged ellipse, polygon or rectangle, float32 [h, w] in [0, 1]."""
    mask = np.zeros((height_px, width_px), np.uint8)
    kind = rng.random()
    if kind < 0.4:
        cv2.ellipse(
            mask,
            (width_px // 2, height_px // 2),
            (max(1, width_px // 2 - 2), max(1, height_px // 2 - 2)),
            0,
            0,
            360,
            255,
            -1,
        )
    elif kind < 0.8:
        angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(4, 9))))
        corners = np.stack([np.cos(angles) * width_px / 2, np.sin(angles) * height_px / 2], 1) + (
            width_px / 2,
            height_px / 2,
        )
        cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], 255)
    else:
        mask[2:-2, 2:-2] = 255
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), float(rng.uniform(0.6, 2))), np.float32) / 255


def paste(canvas: Picture, other: Picture, mask: NDArray[np.float32], corner: tuple[int, int]) -> None:
    """Lay a picture over a canvas, in place; what lies outside is cut off."""
    left, top = corner
    height, width = canvas.shape[:2]
    y0, y1, x0, x1 = max(0, top), min(height, top + mask.shape[0]), max(0, left), min(width, left + mask.shape[1])
    if y0 >= y1 or x0 >= x1:
        return
    cut = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
    share = mask[cut][..., None]
    view = canvas[y0:y1, x0:x1]
    view[:] = np.rint(view * (1 - share) + other[cut] * share).astype(np.uint8)


def _grained(picture: Picture, rng: np.random.Generator, deviation: float) -> Picture:
    noise = rng.standard_normal((*picture.shape[:2], 1)).astype(np.float32) * deviation
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def _relit(picture: Picture, rng: np.random.Generator) -> Picture:
    """Another gain, gamma and tint."""
    levels = np.linspace(0, 1, 256, dtype=np.float32)[:, None]
    gain, gamma = rng.uniform(0.6, 1.15) * rng.uniform(0.9, 1.1, 3), rng.uniform(0.7, 1.4)
    table = np.rint(np.clip(gain * levels**gamma, 0, 1) * 255).astype(np.uint8)
    return np.dstack([table[:, k][picture[..., k]] for k in range(3)])
