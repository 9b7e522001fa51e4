"""What is easily taken for a mark and is none: captions, fine print, signs in the scene, score boards.

A mark says whose picture it is, in a word, an icon or a time. What says something about the scene is part of the film,
however still it stands: lines of speech, legal small print, a shop's sign, the panels of a program.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from training.sources.marks import pick_font, text_coverage, words
from training.sources.paint import Coverage, extent

Picture = NDArray[np.uint8]  # R'G'B' [H, W, 3]

SIGN_TURN = (5.0, 25.0)  # degrees


def sentence(rng: np.random.Generator, least: int = 4, most: int = 9) -> str:
    return " ".join(words(rng, 1, 3).lower() for _ in range(int(rng.integers(least, most + 1)))).capitalize()


def caption(
    height_px: int, width_px: int, rng: np.random.Generator, *, held_out: bool = False
) -> tuple[Coverage, Coverage]:
    """One or two lines of speech, mostly at the bottom: (letters, what sets them off), float32 [H, W] each."""
    font, lines = pick_font(rng, held_out), [sentence(rng) for _ in range(int(rng.integers(1, 3)))]
    letters = np.zeros((height_px, width_px), np.float32)
    line_px = height_px * rng.uniform(0.04, 0.065)
    low = (0.74, 0.88) if rng.random() < 0.8 else (0.05, 0.8)
    top = height_px * rng.uniform(*low)
    for line in lines:
        drawn = sized(text_coverage(line, font, 48), line_px, width_px * 0.9)
        put(letters, drawn, (width_px - drawn.shape[1]) // 2, int(top))
        top += line_px * 1.35
    return letters, _set_off(letters, line_px, rng)


def _set_off(letters: Coverage, line_px: float, rng: np.random.Generator) -> Coverage:
    """What lies in the dark behind letters: a plate, a rim of any thickness, a soft shadow, or nothing."""
    kind = rng.random()
    if kind < 0.2:
        return _plate_behind(letters, round(line_px / 2)) * np.float32(rng.uniform(0.5, 1))
    if kind < 0.7:
        side = 2 * int(rng.integers(1, max(2, round(line_px / 10)) + 1)) + 1
        shape = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        return np.asarray(cv2.dilate(letters, shape), np.float32)
    if kind < 0.9:
        moved = np.roll(letters, (max(1, round(line_px / 14)),) * 2, (0, 1))
        return np.asarray(cv2.GaussianBlur(moved, (0, 0), max(0.7, line_px / 14)), np.float32)
    return np.zeros_like(letters)


def _plate_behind(letters: Coverage, rim_px: int) -> Coverage:
    rows, columns = extent(letters)
    plate = np.zeros_like(letters)
    top, left = max(0, rows.start - rim_px), max(0, columns.start - rim_px)
    plate[top : rows.stop - 1 + rim_px, left : columns.stop - 1 + rim_px] = 1
    return plate


def fine_print(height_px: int, width_px: int, rng: np.random.Generator, *, held_out: bool = False) -> Coverage:
    """A few long lines of very small letters, float32 [H, W]."""
    font, letters = pick_font(rng, held_out), np.zeros((height_px, width_px), np.float32)
    line_px = height_px * rng.uniform(0.016, 0.028)
    top, left = height_px * rng.uniform(0.82, 0.93), int(width_px * rng.uniform(0.02, 0.2))
    for _ in range(int(rng.integers(1, 4))):
        drawn = sized(text_coverage(sentence(rng, 8, 18), font, 32), line_px, width_px * 0.9)
        put(letters, drawn, left, int(top))
        top += line_px * 1.4
    return letters


def sign(canvas: Picture, rng: np.random.Generator, *, held_out: bool = False) -> Picture:
    """The picture with a written panel in it, seen at an angle and lit as the scene is.

    The angle can always be seen: a panel straight on would look as a mark does, and nothing could be learnt from it.
    """
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
    corners = _at_angle(corners, rng)
    whole = np.array([[0, 0], [panel.shape[1], 0], [panel.shape[1], panel.shape[0]], [0, panel.shape[0]]], np.float32)
    matrix = cv2.getPerspectiveTransform(whole, corners)
    blurred = cv2.GaussianBlur(panel, (0, 0), max(0.5, panel.shape[1] / wide / 2.2))
    mask = cv2.warpPerspective(np.ones(panel.shape[:2], np.float32), matrix, (width, height))[..., None]
    warped = cv2.warpPerspective(blurred, matrix, (width, height))
    light = cv2.resize(_broad(canvas), (width, height))[..., None] / 160 + 0.3
    return np.clip(canvas * (1 - mask) + warped * np.clip(light, 0.3, 1.2) * mask, 0, 255).astype(np.uint8)


def _broad(canvas: Picture) -> NDArray[np.float32]:
    """How bright it is around each place, an eighth as large."""
    small = cv2.resize(canvas, None, fx=1 / 8, fy=1 / 8, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small.mean(2, dtype=np.float32), (0, 0), 3), np.float32)


def _at_angle(corners: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """A panel's corners [4, 2] turned by `SIGN_TURN` and drawn in perspective."""
    turn = np.radians(rng.uniform(*SIGN_TURN) * rng.choice([-1, 1]))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    middle, spread = corners.mean(0), np.ptp(corners, axis=0)
    turned = (corners - middle) @ rotation.T + rng.uniform(-0.1, 0.1, (4, 2)) * spread
    return np.asarray(turned + middle, np.float32)


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
        drawn = sized(text_coverage(text, font, 48), tall * 0.62, width_px * 0.12)
        wide = drawn.shape[1] + tall // 2
        plates[y : y + tall, x : x + wide] = 1
        put(letters, drawn, x + tall // 4, y + (tall - drawn.shape[0]) // 2)
        x += wide + 1
    return letters, plates


def sized(coverage: Coverage, height_px: float, most_width_px: float) -> Coverage:
    """Brought to a height, or as much of it as the width allows."""
    factor = min(height_px / coverage.shape[0], most_width_px / coverage.shape[1])
    size = (max(1, round(coverage.shape[1] * factor)), max(1, round(coverage.shape[0] * factor)))
    return np.asarray(cv2.resize(coverage, size, interpolation=cv2.INTER_AREA), np.float32)


def put(canvas: Coverage, part: Coverage, left: int, top: int) -> None:
    """Drawn onto a canvas, in place; what lies outside is cut off."""
    view = canvas[top : top + part.shape[0], left : left + part.shape[1]]  # empty below the picture
    np.maximum(view, part[: view.shape[0], : view.shape[1]], out=view)
