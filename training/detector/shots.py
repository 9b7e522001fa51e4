"""A few frames of one made shot: a camera over a picture, things that pass, light, noise, and lettering on top.

Lettering is what is laid over a film and is no mark: captions, small print, score boards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from training.sources.backgrounds import background, paste, photograph, shape_mask
from training.sources.negatives import caption, fine_print, score_board
from training.sources.paint import extent

Picture = NDArray[np.uint8]  # R'G'B' [H, W, 3]

NUM_FRAMES = 6
Corners = tuple[float, float, float, float]  # x0, y0, x1, y1 in px

CAMERAS = ("tripod", "tripod", "tripod", "tripod", "hand", "pan", "zoom")  # still ones as often: they are hardest


MOST_GROWTH = 0.03  # of a zoom's scale, in a step
MOST_ZOOM = 0.3  # in a whole shot


@dataclass(frozen=True, eq=False)
class Shot:
    """Attributes:
    frames: without a mark, R'G'B' uint8 [H, W, 3] each.
    lettering: where letters are laid over it that are no mark.
    """

    frames: list[Picture]
    lettering: tuple[Corners, ...]


@dataclass(frozen=True, eq=False)
class _Passer:
    picture: Picture
    mask: NDArray[np.float32]
    start_px: NDArray[np.float64]
    speed_px: NDArray[np.float64]


STEPS = tuple(float(index) for index in range(NUM_FRAMES))


def make_shot(
    size_px: tuple[int, int],
    rng: np.random.Generator,
    *,
    held_out: bool = False,
    camera: str | None = None,
    steps: Sequence[float] = STEPS,
) -> Shot:
    """A shot without a mark.

    Args:
        size_px: (height, width).
        held_out: of what is kept for evaluation.
        camera: one of `CAMERAS`; None: any.
        steps: when the frames are; a step is about half a second.
    """
    height_px, width_px = size_px
    camera = camera or str(rng.choice(CAMERAS))
    margin = 0 if camera == "tripod" else int(0.25 * min(height_px, width_px))
    canvas = background(height_px + 2 * margin, width_px + 2 * margin, rng, held_out=held_out)
    path = _camera_path(camera, margin, np.array(steps), size_px, rng)
    passers = [_passer(height_px, width_px, rng, held_out) for _ in range(_num_passers(camera, rng))]
    deviation, flicker = rng.uniform(0, 4) ** 1.2, rng.uniform(0, 0.02)
    frames = []
    for index, matrix in zip(steps, path, strict=True):
        frame = canvas.copy() if matrix is None else cv2.warpAffine(canvas, matrix, (width_px, height_px))
        for passer in passers:
            x, y = passer.start_px + index * passer.speed_px
            paste(frame, passer.picture, passer.mask, (int(x), int(y)))
        frames.append(_noisy(frame, deviation, 1 + rng.normal(0, flicker), rng))
    return Shot(frames, _write_on(frames, rng, held_out))


def _camera_path(
    camera: str, margin: int, steps: NDArray[np.float64], size_px: tuple[int, int], rng: np.random.Generator
) -> list[NDArray[np.float32] | None]:
    """Affine maps from the canvas to each frame; None: the canvas itself."""
    if camera == "tripod":
        return [None] * len(steps)
    between = np.sqrt(np.diff(steps, prepend=steps[0] - 1))[:, None]  # a walk's spread grows with the root of time
    shake = np.cumsum(rng.normal(0, rng.uniform(0.5, 6) if camera == "hand" else 0.4, (len(steps), 2)) * between, 0)
    since_middle, length = steps - steps.mean(), max(float(np.ptp(steps)), 1.0)
    speed = rng.uniform(-1, 1, 2) * min(margin / 3, 2 * margin / length) if camera == "pan" else np.zeros(2)
    growth = rng.uniform(-1, 1) * min(MOST_GROWTH, MOST_ZOOM / length) if camera == "zoom" else 0.0
    scales = 1 + growth * since_middle
    middle = np.array([size_px[1], size_px[0]]) / 2
    room = np.maximum(margin + middle - middle / scales[:, None] - 1, 0)
    offsets = np.clip(shake + speed * since_middle[:, None], -room, room)
    corners = margin + offsets + middle - middle / scales[:, None]
    return [np.array([[s, 0, -s * x], [0, s, -s * y]], np.float32) for s, (x, y) in zip(scales, corners, strict=True)]


def _num_passers(camera: str, rng: np.random.Generator) -> int:
    return int(rng.integers(0, 4)) if camera == "tripod" else int(rng.integers(0, 3))


def _passer(height_px: int, width_px: int, rng: np.random.Generator, held_out: bool) -> _Passer:
    h, w = int(height_px * rng.uniform(0.15, 0.6)), int(width_px * rng.uniform(0.08, 0.35))
    start = np.array([rng.uniform(-w / 2, width_px - w / 2), rng.uniform(-h / 2, height_px - h / 2)])
    speed = rng.normal(0, 0.03, 2) * width_px * np.array([1, 0.3])
    return _Passer(photograph(h, w, rng, held_out=held_out), shape_mask(h, w, rng), start, speed)


def _noisy(frame: Picture, deviation: float, gain: float, rng: np.random.Generator) -> Picture:
    """Sensor noise by a tile cut at a random place (fresh noise for every pixel costs more than all the rest)."""
    tile = _noise_tile()
    y, x = (int(rng.integers(0, side - need + 1)) for side, need in zip(tile.shape, frame.shape[:2], strict=True))
    noise = tile[y : y + frame.shape[0], x : x + frame.shape[1], None] * np.float32(deviation)
    return np.clip(frame * np.float32(gain) + noise, 0, 255).astype(np.uint8)


_TILE = np.random.default_rng(7).standard_normal((1100, 1100)).astype(np.float32)


def _noise_tile() -> NDArray[np.float32]:
    return _TILE


def _write_on(frames: list[Picture], rng: np.random.Generator, held_out: bool) -> tuple[Corners, ...]:
    """Lettering on the frames, in place: captions (which may change), small print, score boards. Where it is."""
    height, width = frames[0].shape[:2]
    kind = rng.random()
    if kind < 0.3:
        return _write_caption(frames, rng, held_out)
    if kind < 0.4:
        letters = fine_print(height, width, rng, held_out=held_out)
        for frame in frames:
            _ink(frame, letters, np.full(3, 230.0))
        return (_corners(letters),)
    if kind < 0.5 and width > height:
        letters, plates = score_board(height, width, rng, held_out=held_out)
        paper = rng.uniform(0, 120, 3)
        for frame in frames:
            _ink(frame, plates * 0.9, paper)
            _ink(frame, letters, np.full(3, 245.0))
        return (_corners(plates),)
    return ()


def _write_caption(frames: list[Picture], rng: np.random.Generator, held_out: bool) -> tuple[Corners, ...]:
    height, width = frames[0].shape[:2]
    change = int(rng.integers(0, 2 * len(frames)))  # past the end: one caption throughout
    layers = [caption(height, width, rng, held_out=held_out) for _ in range(2)]
    ink = np.array(rng.choice([[255, 255, 255], [230, 230, 230], [250, 240, 90]]))
    for index, frame in enumerate(frames):
        letters, rim = layers[index >= change]
        _ink(frame, rim, np.zeros(3))
        _ink(frame, letters, ink)
    shown = {min(index >= change, 1) for index in range(len(frames))}
    return tuple(_corners(layers[index][0]) for index in sorted(shown))


def _corners(coverage: NDArray[np.float32]) -> Corners:
    rows, columns = extent(coverage)
    return float(columns.start), float(rows.start), float(columns.stop), float(rows.stop)


def _ink(frame: Picture, coverage: NDArray[np.float32], colour: NDArray) -> None:
    cut = extent(coverage)
    share = coverage[cut][..., None]
    frame[cut] = np.rint(frame[cut] * (1 - share) + share * colour).astype(np.uint8)
