"""Programs' windows: panels, rows of text, menus, tool bars and grids of icons with their labels.

A lone label would look as a mark does, and nothing could be learnt from it: words and pictograms come in rows.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from training.sources.fonts import Font
from training.sources.marks import pick_font, pictogram, text_coverage, words
from training.sources.negatives import put, sentence, sized
from training.sources.paint import Coverage

Picture = NDArray[np.uint8]  # R'G'B' [H, W, 3]


def screen(height_px: int, width_px: int, rng: np.random.Generator, *, held_out: bool = False) -> Picture:
    """A program's window, uint8 [H, W, 3].

    Args:
        held_out: with the fonts and icons that are kept for evaluation.
    """
    tone = rng.uniform(20, 240)
    picture = np.empty((height_px, width_px, 3), np.float32)
    picture[:] = tone * rng.uniform(0.9, 1.0, 3)
    ink = np.full(3, 30.0 if tone > 120 else 225.0)
    for _ in range(int(rng.integers(3, 9))):
        _panel(picture, rng)
    share, font = np.zeros((height_px, width_px), np.float32), pick_font(rng, held_out)
    parts: list[Callable[[Coverage, Font, np.random.Generator, bool], None]] = [_rows, _menu, _tools, _icons]
    for _ in range(int(rng.integers(2, 7))):
        parts[int(rng.choice(len(parts), p=[0.4, 0.2, 0.2, 0.2]))](share, font, rng, held_out)
    picture += share[..., None] * (ink - picture)
    return np.clip(picture, 0, 255).astype(np.uint8)


def _panel(picture: NDArray[np.float32], rng: np.random.Generator) -> None:
    height_px, width_px = picture.shape[:2]
    x, y = int(rng.integers(width_px)), int(rng.integers(height_px))
    w, h = int(rng.uniform(0.08, 0.5) * width_px), int(rng.uniform(0.05, 0.5) * height_px)
    colour = tuple(float(v) for v in rng.uniform(0, 255, 3))
    cv2.rectangle(picture, (x, y), (x + w, y + h), colour, -1 if rng.random() < 0.6 else 1)


def _rows(share: Coverage, font: Font, rng: np.random.Generator, held_out: bool) -> None:
    """A list or a paragraph: a few lines under each other."""
    del held_out  # no icons in it
    height_px, width_px = share.shape
    line_px, left, top = height_px * rng.uniform(0.02, 0.05), int(rng.integers(width_px)), int(rng.integers(height_px))
    for _ in range(int(rng.integers(3, 8))):
        put(share, sized(text_coverage(sentence(rng, 2, 6), font, 32), line_px, width_px * 0.6), left, top)
        top += int(line_px * 1.6)


def _menu(share: Coverage, font: Font, rng: np.random.Generator, held_out: bool) -> None:
    """Words beside each other, mostly at the upper rim: menus, tabs, buttons."""
    del held_out  # no icons in it
    height_px, width_px = share.shape
    line_px = height_px * rng.uniform(0.02, 0.05)
    top = int(height_px * (rng.uniform(0.01, 0.1) if rng.random() < 0.6 else rng.random()))
    left, gap = width_px * rng.uniform(0.01, 0.3), line_px * rng.uniform(0.8, 3)
    rim = round(line_px * 0.4) if rng.random() < 0.5 else 0
    for _ in range(int(rng.integers(3, 8))):
        drawn = sized(text_coverage(words(rng, 1, 3), font, 32), line_px, width_px * 0.3)
        if rim:
            _frame(share, (int(left) - rim, top - rim), (drawn.shape[1] + 2 * rim, drawn.shape[0] + 2 * rim))
        put(share, drawn, int(left), top)
        left += drawn.shape[1] + gap + 2 * rim


def _tools(share: Coverage, font: Font, rng: np.random.Generator, held_out: bool) -> None:
    """Pictograms beside each other or under each other, evenly."""
    del font  # nothing is written
    height_px, width_px = share.shape
    side_px = height_px * rng.uniform(0.03, 0.07)
    step = side_px * rng.uniform(1.3, 2.2)
    along = np.array([step, 0] if rng.random() < 0.6 else [0, step])
    at = rng.uniform(0, (0.7 * width_px, 0.7 * height_px))
    for _ in range(int(rng.integers(3, 10))):
        put(share, sized(pictogram(rng, held_out), side_px, side_px), *(int(v) for v in at))
        at += along


def _icons(share: Coverage, font: Font, rng: np.random.Generator, held_out: bool) -> None:
    """A grid of pictograms with a word under each, as on a desk."""
    height_px, width_px = share.shape
    side_px = height_px * rng.uniform(0.06, 0.12)
    left, top = rng.uniform(0, (0.6 * width_px, 0.6 * height_px))
    for row in range(int(rng.integers(1, 4))):
        for column in range(int(rng.integers(2, 5))):
            x, y = int(left + column * 2 * side_px), int(top + row * 2 * side_px)
            put(share, sized(pictogram(rng, held_out), side_px, side_px), x, y)
            label = sized(text_coverage(words(rng), font, 32), side_px * 0.28, side_px * 1.8)
            put(share, label, max(0, x + round((side_px - label.shape[1]) / 2)), y + round(1.2 * side_px))


def _frame(share: Coverage, corner: tuple[int, int], size: tuple[int, int]) -> None:
    """A thin frame; `size` is (width, height)."""
    (x, y), (wide, tall) = corner, size
    cv2.rectangle(share, (x, y), (x + wide, y + tall), 1.0, 1)
