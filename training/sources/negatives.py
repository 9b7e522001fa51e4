"""What is easily taken for a mark and is none: captions, fine print, signs in the scene, screens, score boards.

A mark says whose picture it is, in a word, an icon or a time. What says something about the scene is part of the film,
however still it stands: lines of speech, legal small print, a shop's sign, the panels of a program.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.sources.marks import Coverage, pick_font, text_coverage, words

Picture = NDArray[np.uint8]  # R'G'B' [H, W, 3]


def sentence(rng: np.random.Generator, least: int = 4, most: int = 9) -> str:
    return " ".join(words(rng, 1, 3).lower() for _ in range(int(rng.integers(least, most + 1)))).capitalize()


def caption(
    height_px: int, width_px: int, rng: np.random.Generator, *, held_out: bool = False
) -> tuple[Coverage, Coverage]:
    """One or two lines of speech at the bottom: (white letters, dark rim), float32 [H, W] each."""
    font, lines = pick_font(rng, held_out), [sentence(rng) for _ in range(int(rng.integers(1, 3)))]
    letters = np.zeros((height_px, width_px), np.float32)
    line_px = height_px * rng.uniform(0.04, 0.065)
    top = height_px * rng.uniform(0.74, 0.88)
    for line in lines:
        drawn = _sized(text_coverage(line, font, 48), line_px, width_px * 0.9)
        _put(letters, drawn, (width_px - drawn.shape[1]) // 2, int(top))
        top += line_px * 1.35
    rim = cv2.dilate(letters, np.ones((3, 3), np.uint8))
    return letters, np.asarray(rim, np.float32)


def fine_print(height_px: int, width_px: int, rng: np.random.Generator, *, held_out: bool = False) -> Coverage:
    """A few long lines of very small letters, float32 [H, W]."""
    font, letters = pick_font(rng, held_out), np.zeros((height_px, width_px), np.float32)
    line_px = height_px * rng.uniform(0.016, 0.028)
    top, left = height_px * rng.uniform(0.82, 0.93), int(width_px * rng.uniform(0.02, 0.2))
    for _ in range(int(rng.integers(1, 4))):
        drawn = _sized(text_coverage(sentence(rng, 8, 18), font, 32), line_px, width_px * 0.9)
        _put(letters, drawn, left, int(top))
        top += line_px * 1.4
    return letters


def sign(canvas: Picture, rng: np.random.Generator, *, held_out: bool = False) -> Picture:
    """The picture with a written panel in it, seen at an angle and lit as the scene is."""
    height, width = canvas.shape[:2]
    text = text_coverage(sentence(rng, 1, 3).upper(), pick_font(rng, held_out), 48)
    rim = int(text.shape[0] * rng.uniform(0.2, 0.7))
    ink, paper = rng.uniform(0, 255, 3), rng.uniform(0, 255, 3)
    share = np.pad(text, rim)[..., None]
    panel = (paper * (1 - share) + ink * share).astype(np.float32)
    wide = width * rng.uniform(0.06, 0.3)
    tall = wide * panel.shape[0] / panel.shape[1] * rng.uniform(0.7, 1.3)
    x, y = rng.uniform(0, width - wide / 2), rng.uniform(0, height * 0.9)
    corners = np.array([[x, y], [x + wide, y], [x + wide, y + tall], [x, y + tall]], np.float32)
    corners += rng.uniform(-0.12, 0.12, (4, 2)).astype(np.float32) * (wide + tall) / 2
    whole = np.array([[0, 0], [panel.shape[1], 0], [panel.shape[1], panel.shape[0]], [0, panel.shape[0]]], np.float32)
    matrix = cv2.getPerspectiveTransform(whole, corners)
    blurred = cv2.GaussianBlur(panel, (0, 0), max(0.5, panel.shape[1] / wide / 2.2))
    mask = cv2.warpPerspective(np.ones(panel.shape[:2], np.float32), matrix, (width, height))[..., None]
    warped = cv2.warpPerspective(blurred, matrix, (width, height))
    light = cv2.GaussianBlur(canvas, (0, 0), 25).mean(2, keepdims=True) / 160 + 0.3
    return np.clip(canvas * (1 - mask) + warped * np.clip(light, 0.3, 1.2) * mask, 0, 255).astype(np.uint8)


def screen(height_px: int, width_px: int, rng: np.random.Generator, *, held_out: bool = False) -> Picture:
    """A program's window: panels, rows of text, buttons, small pictograms."""
    tone = rng.uniform(20, 240)
    picture = np.full((height_px, width_px, 3), tone, np.float32) * rng.uniform(0.9, 1.0, 3)
    ink = np.full(3, 30.0 if tone > 120 else 225.0)
    for _ in range(int(rng.integers(3, 9))):
        x, y = int(rng.integers(width_px)), int(rng.integers(height_px))
        w, h = int(rng.uniform(0.08, 0.5) * width_px), int(rng.uniform(0.05, 0.5) * height_px)
        cv2.rectangle(
            picture,
            (x, y),
            (x + w, y + h),
            tuple(float(v) for v in rng.uniform(0, 255, 3)),
            -1 if rng.random() < 0.6 else 1,
        )
    font = pick_font(rng, held_out)
    for _ in range(int(rng.integers(4, 14))):
        drawn = _sized(
            text_coverage(sentence(rng, 2, 6), font, 32), height_px * rng.uniform(0.02, 0.05), width_px * 0.6
        )
        share = np.zeros((height_px, width_px), np.float32)
        _put(share, drawn, int(rng.integers(width_px)), int(rng.integers(height_px)))
        picture += share[..., None] * (ink - picture)
    return np.clip(picture, 0, 255).astype(np.uint8)


def score_board(
    height_px: int, width_px: int, rng: np.random.Generator, *, held_out: bool = False
) -> tuple[Coverage, Coverage]:
    """Names and figures on plates in an upper corner: (letters, plates), float32 [H, W] each."""
    letters, plates = np.zeros((height_px, width_px), np.float32), np.zeros((height_px, width_px), np.float32)
    font, tall = pick_font(rng, held_out), int(height_px * rng.uniform(0.05, 0.075))
    x, y = int(width_px * rng.uniform(0.03, 0.1)), int(height_px * rng.uniform(0.04, 0.09))
    for text in (
        words(rng, 1, 2)[:3].upper(),
        f"{rng.integers(5)} : {rng.integers(5)}",
        words(rng, 1, 2)[:3].upper(),
        f"{rng.integers(90)}:{rng.integers(10, 60)}",
    ):
        drawn = _sized(text_coverage(text, font, 48), tall * 0.62, width_px * 0.12)
        wide = drawn.shape[1] + tall // 2
        plates[y : y + tall, x : x + wide] = 1
        _put(letters, drawn, x + tall // 4, y + (tall - drawn.shape[0]) // 2)
        x += wide + 1
    return letters, plates


def _sized(coverage: Coverage, height_px: float, most_width_px: float) -> Coverage:
    factor = min(height_px / coverage.shape[0], most_width_px / coverage.shape[1])
    size = (max(1, round(coverage.shape[1] * factor)), max(1, round(coverage.shape[0] * factor)))
    return np.asarray(cv2.resize(coverage, size, interpolation=cv2.INTER_AREA), np.float32)


def _put(canvas: Coverage, part: Coverage, left: int, top: int) -> None:
    view = canvas[top : top + part.shape[0], left : left + part.shape[1]]
    np.maximum(view, part[: view.shape[0], : view.shape[1]], out=view)
