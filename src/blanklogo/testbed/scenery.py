"""Pictures by formula that behave like photographs: what `scenes` moves its cameras over.

Natural images have a power spectrum near 1/f², sharp edges and occlusions. Dead leaves (Matheron; Lee, Mumford and
Huang 2001: opaque shapes with sizes by r^-3 falling over one another) give all three; octave noise gives each leaf
its grain.
"""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.testbed.clips import Planes

Picture = NDArray[np.float32]  # R'G'B' [H, W, 3] in [0, 1]
Palette = tuple[tuple[float, float], ...]  # (hue, saturation), each in [0, 1]

PALETTES: dict[str, Palette] = {
    "wood": ((0.27, 0.5), (0.22, 0.45), (0.32, 0.4), (0.09, 0.45), (0.13, 0.25)),
    "street": ((0.6, 0.12), (0.58, 0.25), (0.08, 0.2), (0.03, 0.5), (0.55, 0.05)),
    "shore": ((0.55, 0.4), (0.52, 0.25), (0.11, 0.35), (0.12, 0.2), (0.6, 0.5)),
    "room": ((0.07, 0.45), (0.09, 0.3), (0.02, 0.55), (0.6, 0.3), (0.12, 0.15)),
}
_SMALLEST_LEAF_PX = 7.0


def octave_noise(height_px: int, width_px: int, rng: np.random.Generator, coarsest_px: float = 256.0) -> NDArray:
    """Fractal noise, float32 [H, W], mean 0 and deviation 1: octaves from 2 px up, each as strong as it is coarse."""
    total = np.zeros((height_px, width_px), np.float32)
    step = 2.0
    while step <= coarsest_px:
        shape = (int(height_px / step) + 2, int(width_px / step) + 2)
        grain = rng.standard_normal(shape).astype(np.float32)
        total += step**0.8 * cv2.resize(grain, (width_px, height_px), interpolation=cv2.INTER_CUBIC)
        step *= 2
    return (total - total.mean()) / total.std()


def dead_leaves(height_px: int, width_px: int, rng: np.random.Generator, palette: str | None = None) -> Picture:
    """Opaque shapes of all sizes over one another, larger towards the bottom, each in a colour of one palette.

    Args:
        palette: one of `PALETTES`; None: any.
    """
    colours = PALETTES[palette or str(rng.choice(list(PALETTES)))]
    picture = np.empty((height_px, width_px, 3), np.float32)
    picture[:] = _leaf_colour(rng, colours)
    num_leaves = int(height_px * width_px / 260)
    largest = max(0.3 * height_px, 2 * _SMALLEST_LEAF_PX)
    radii = _SMALLEST_LEAF_PX / np.sqrt(1 - rng.random(num_leaves) * (1 - (_SMALLEST_LEAF_PX / largest) ** 2))
    for radius in radii:
        _drop_leaf(picture, float(radius), _leaf_colour(rng, colours), rng)
    picture = cv2.GaussianBlur(picture, (0, 0), 0.8)
    grain = octave_noise(height_px, width_px, rng)
    light = 1 + 0.14 * grain + np.linspace(0.15, -0.15, height_px, dtype=np.float32)[:, None]
    return np.clip(picture * light[..., None], 0.02, 0.98).astype(np.float32)


def sky(height_px: int, width_px: int, rng: np.random.Generator) -> Picture:
    """A smooth gradient with soft clouds above a dark, textured skyline."""
    down = np.linspace(0, 1, height_px, dtype=np.float32)[:, None, None]
    top, horizon = np.array([0.24, 0.44, 0.78], np.float32), np.array([0.88, 0.76, 0.62], np.float32)
    picture = top * (1 - down) + horizon * down + np.zeros((height_px, width_px, 1), np.float32)
    clouds = np.clip(octave_noise(height_px, width_px, rng, 512) - 0.3, 0, 1.4)[..., None] / 2
    picture = picture * (1 - clouds) + clouds * 0.95
    ridge = height_px * (0.86 + 0.05 * octave_noise(1, width_px, rng)[0])
    ground = np.clip(np.arange(height_px, dtype=np.float32)[:, None] - ridge[None], 0, 1)[..., None]
    soil = 0.12 + 0.05 * octave_noise(height_px, width_px, rng, 64)[..., None] * np.array([0.9, 1.0, 0.7], np.float32)
    return np.clip(picture * (1 - ground) + ground * soil, 0.02, 0.98).astype(np.float32)


def landscape(height_px: int, width_px: int, rng: np.random.Generator) -> Picture:
    """Hills behind hills under a sky, each nearer one darker and rougher, and a meadow in front."""
    picture = sky(height_px, width_px, rng)
    haze = np.array([0.66, 0.72, 0.8], np.float32)
    meadow = dead_leaves(height_px, width_px, rng, "wood")
    rows = np.arange(height_px, dtype=np.float32)[:, None]
    for depth, (level, swing) in enumerate(((0.42, 0.07), (0.5, 0.06), (0.6, 0.04))):
        ridge = height_px * (level + swing * octave_noise(1, width_px, rng, 512)[0])
        hill = np.clip(rows - ridge[None], 0, 1)[..., None]
        nearness = 0.3 + 0.35 * depth
        picture = picture * (1 - hill) + hill * (meadow * nearness + haze * (1 - nearness))
    return np.clip(picture, 0.02, 0.98).astype(np.float32)


def weave(height_px: int, width_px: int, rng: np.random.Generator) -> Picture:
    """Fine regular texture (bricks on a grid): the hardest thing to invent."""
    rows, columns = 14, 34
    y, x = np.mgrid[:height_px, :width_px].astype(np.float32)
    shifted = x + (y // rows % 2) * columns / 2
    joint = np.clip(np.minimum(y % rows, shifted % columns) - 0.8, 0, 1.5) / 1.5
    tone = rng.random((height_px // rows + 2, width_px // columns + 3)).astype(np.float32)
    brick = tone[(y // rows).astype(int), (shifted // columns).astype(int)]
    base = np.array([0.62, 0.36, 0.28], np.float32) * (0.7 + 0.45 * brick[..., None])
    picture = base * joint[..., None] + 0.72 * (1 - joint[..., None])
    return np.clip(picture * (1 + 0.08 * octave_noise(height_px, width_px, rng)[..., None]), 0.02, 0.98)


def to_float_planes(picture: Picture) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """R'G'B' to Y, U, V code values (BT.709, limited range, 8 bit), chroma as the 2x2 mean; even sizes."""
    red, green, blue = (picture[..., k] for k in range(3))
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    height, width = luma.shape

    def halved(plane: NDArray) -> NDArray[np.float32]:
        return plane.reshape(height // 2, 2, width // 2, 2).mean((1, 3), dtype=np.float32)

    return (
        (16 + 219 * luma).astype(np.float32),
        halved(128 + 224 / 1.8556 * (blue - luma)),
        halved(128 + 224 / 1.5748 * (red - luma)),
    )


def to_bgr(planes: Planes) -> NDArray[np.uint8]:
    """8-bit 4:2:0 planes (BT.709, limited range) to B, G, R [H, W, 3], for pictures that people look at."""
    luma = (planes[0].astype(np.float32) - 16) / 219
    size = (luma.shape[1], luma.shape[0])
    blue_difference, red_difference = (
        cv2.resize((plane.astype(np.float32) - 128) / 224, size, interpolation=cv2.INTER_LINEAR) for plane in planes[1:]
    )
    blue, red = luma + 1.8556 * blue_difference, luma + 1.5748 * red_difference
    green = (luma - 0.2126 * red - 0.0722 * blue) / 0.7152
    return np.rint(np.clip(np.dstack([blue, green, red]), 0, 1) * 255).astype(np.uint8)


def _leaf_colour(rng: np.random.Generator, colours: Palette) -> NDArray[np.float32]:
    """Near one of the palette's (hue, saturation) pairs, at any lightness."""
    hue, saturation = colours[int(rng.integers(len(colours)))]
    hue, saturation = (hue + rng.normal(0, 0.02)) % 1, float(np.clip(saturation + rng.normal(0, 0.08), 0, 1))
    return np.array(colorsys.hsv_to_rgb(hue, saturation, 0.1 + 0.75 * rng.beta(1.8, 2.2)), np.float32)


def _drop_leaf(picture: Picture, radius_px: float, colour: NDArray, rng: np.random.Generator) -> None:
    height, width = picture.shape[:2]
    centre = (int(rng.integers(width)), int(rng.integers(height)))
    radius_px *= 0.5 + centre[1] / height
    shade = tuple(float(c) for c in colour)
    if rng.random() < 0.5:
        axes = (max(1, round(radius_px)), max(1, round(radius_px * rng.uniform(0.4, 1))))
        cv2.ellipse(picture, centre, axes, float(rng.uniform(0, 180)), 0, 360, shade, -1)
        return
    angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 7))))
    corners = np.stack([np.cos(angles), np.sin(angles)], 1) * radius_px + centre
    cv2.fillPoly(picture, [np.rint(corners).astype(np.int32)], shade)
