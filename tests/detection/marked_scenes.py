"""Small generated videos (luma only) with and without marks, as samples for the search."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.detection import LumaSample

WIDTH, HEIGHT = 480, 270
RATE = 5.0  # samples a second

Frames = list[NDArray[np.float32]]


def texture(seed: int, height: int = HEIGHT * 2, width: int = WIDTH * 3) -> NDArray[np.float32]:
    """Shapes and grain at several scales, code values about 30 to 220."""
    rng = np.random.default_rng(seed)
    total = np.zeros((height, width), np.float32)
    for sigma, strength in ((1.2, 10), (4, 22), (16, 40)):
        layer = cv2.GaussianBlur(rng.normal(size=(height, width)).astype(np.float32), (0, 0), sigma)
        total += layer * (strength / layer.std())
    for _ in range(40):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        cv2.rectangle(
            total, (x, y), (x + int(rng.integers(20, 120)), y + int(rng.integers(10, 80))), float(rng.normal(0, 60)), -1
        )
    return np.clip(120 + total, 20, 230)


def panning(num: int, seed: int = 0, step: tuple[float, float] = (7.3, 2.1)) -> Frames:
    """A camera that moves evenly over a large texture."""
    canvas = texture(seed, HEIGHT + int(num * abs(step[1])) + 4, WIDTH + int(num * abs(step[0])) + 4)
    return [_crop(canvas, k * step[0], k * step[1]) for k in range(num)]


def hand_held(num: int, seed: int = 0, reach: float = 14) -> Frames:
    """A camera that sways about one view."""
    rng = np.random.default_rng(seed)
    canvas = texture(seed, HEIGHT + 80, WIDTH + 80)
    walk = cv2.GaussianBlur(rng.normal(size=(num, 2)).astype(np.float32), (1, 0), 0, sigmaY=2.5)
    walk = walk / np.abs(walk).max() * reach + 40
    return [_crop(canvas, x, y) for x, y in walk]


def cutting(num: int, seed: int = 0, every: int = 6) -> Frames:
    """Shots of a still camera, each of another scene."""
    return [panning(1, seed + 1000 + k // every)[0] for k in range(num)]


def zooming(num: int, seed: int = 0) -> Frames:
    """A slow zoom: its centre stands nearly still."""
    canvas = texture(seed, HEIGHT * 2, WIDTH * 2)
    frames = []
    for k in range(num):
        scale = 1 + 0.012 * k
        matrix = np.array([[scale, 0, WIDTH / 2 - scale * WIDTH], [0, scale, HEIGHT / 2 - scale * HEIGHT]], np.float32)
        frames.append(cv2.warpAffine(canvas, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR))
    return frames


def tripod(num: int, seed: int = 0) -> Frames:
    """A still camera, and somebody who walks through."""
    scene = panning(1, seed)[0]
    frames = []
    for k in range(num):
        frame = scene.copy()
        cv2.circle(frame, (30 + 9 * k % WIDTH, 170), 40, 60.0, -1)
        cv2.circle(frame, (30 + 9 * k % WIDTH, 160), 15, 160.0, -1)
        frames.append(frame)
    return frames


def _crop(canvas: NDArray[np.float32], x: float, y: float) -> NDArray[np.float32]:
    matrix = np.array([[1, 0, -x], [0, 1, -y]], np.float32)
    return cv2.warpAffine(canvas, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)


def lettering(text: str, scale: float = 0.8, thickness: int = 2) -> NDArray[np.float32]:
    """Alpha of a line of text, float32 [h, w] cut to its extent."""
    drawn = np.zeros((80, 420), np.uint8)
    cv2.putText(drawn, text, (10, 55), cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thickness, cv2.LINE_AA)
    alpha = drawn.astype(np.float32) / 255
    rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
    return alpha[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def burn(frames: Frames, alpha: NDArray[np.float32], left: int, top: int, strength=0.6, colour: float = 235) -> None:
    """Composite a mark onto every frame; `strength` is a number or one for each frame."""
    height, width = alpha.shape
    for frame, gain in zip(frames, np.broadcast_to(strength, len(frames)), strict=True):
        part = frame[top : top + height, left : left + width]
        part += gain * alpha * (colour - part)


def samples(frames: Frames, seed: int = 0, noise: float = 1.5, rate: float = RATE) -> Iterator[LumaSample]:
    """The frames with camera noise, rounded to 8 bit."""
    rng = np.random.default_rng(seed)
    for index, frame in enumerate(frames):
        noisy = frame + rng.normal(0, noise, frame.shape).astype(np.float32)
        yield LumaSample(index / rate, np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
